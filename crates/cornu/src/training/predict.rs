//! Prediction.

use super::feed::{Batch, Fed, IntoData, Unequal, views};
use super::packed_rows::PackedRows;
use super::runtime::{Mode, Prepared, prepare, random_key};
use super::shards::{Out, Seams, ShardBody, count_shards, shard_program};
use crate::data::{Array, Data};
use crate::layers::{Cx, Flow, LayerRef, States, WeightTree};
use crate::model::{MemberKind, takes_text};
use crate::{Error, Model, Result};
use cornu_cpu::{Fetch, SlotId};
use cornu_ir::{Buffer, DType, Spec, Tensor};
use ndarray::{ArrayD, IxDyn};
use std::time::Instant;

/// How `predict` runs, in Keras's words.
#[derive(Clone, Debug)]
pub struct Predict {
    /// Samples of a batch.
    pub batch_size: usize,
    /// What becomes of sequences of unequal length in one batch.
    pub unequal: Unequal,
}

impl Default for Predict {
    fn default() -> Self {
        Self { batch_size: 32, unequal: Unequal::Known }
    }
}

impl Model {
    /// The outputs for data, in the order of `model.outputs`; results do not depend on the batch
    /// size. Outputs by timestep of sequences of unequal length are such sequences again.
    pub fn predict(&mut self, x: impl IntoData, options: &Predict) -> Result<Vec<Data>> {
        let fed = self.feed_inputs(&x.into_data())?;
        let n = fed.first().map_or(0, Fed::n_samples);
        let batch_size = self.batch_size_for(options.batch_size)?;
        let mut parts: Vec<Vec<Data>> = vec![vec![]; self.output_specs().len()];
        let mut batch = Batch::default();
        let samples: Vec<u32> = (0..n as u32).collect();
        let sequences = self.sequence_outputs(&fed);
        for given in samples.chunks(batch_size) {
            self.assemble_inputs(&fed, given, &mut batch, options.unequal)?;
            let outs = self.predict_batch(&batch)?;
            for (k, (part, t)) in parts.iter_mut().zip(outs.values).enumerate() {
                let rows = in_order_of(given, &batch.samples, to_array(t)?)?;
                let ended = outs.lengths.iter().find(|(output, _)| *output == k);
                part.push(match ended {
                    Some((_, lengths)) => cut(
                        &rows,
                        &in_order_of(given, &batch.samples, to_array(lengths.clone())?)?,
                    )?,
                    None if sequences[k] && rows.rank() > 1 => {
                        Data::Ragged(Data::Dense(rows).to_ragged()?)
                    }
                    None => Data::Dense(rows),
                });
            }
        }
        parts.into_iter().enumerate().map(|(k, p)| self.written(k, Data::concat(&p)?)).collect()
    }

    /// Which outputs of sequences of unequal length are such sequences: those with an axis of time
    /// as open as the entries'.
    fn sequence_outputs(&self, inputs: &[Fed]) -> Vec<bool> {
        let open =
            self.inputs().iter().zip(inputs).any(|((_, i), fed)| {
                fed.lengths().is_some() && i.batch_shape.get(1) == Some(&None)
            });
        self.output_specs().iter().map(|s| open && s.rank() >= 2 && s.dims[1].is_none()).collect()
    }

    /// Copies samples of the entries into a batch for prediction.
    pub(crate) fn assemble_inputs(
        &mut self,
        fed: &[Fed],
        samples: &[u32],
        batch: &mut Batch,
        unequal: Unequal,
    ) -> Result<()> {
        let in_order = self.is_stateful();
        let threads = self.runtime.threads().n();
        batch.gather(fed, &[], samples, unequal, in_order, |specs, in_rows, whole| {
            let (layer, tree, slots, store) =
                (&self.layer, &self.tree, &self.slots, &mut self.store);
            let seams = predicting(layer, tree, slots, specs, Some((whole, in_rows)), threads);
            self.runtime.cut(Mode::Predict, whole, |runtime| {
                count_shards(runtime, store, &seams, &mut |cx, body, _| Ok(predicted(cx, &body).0))
            })
        })
    }

    /// The outputs of one batch of the entries.
    pub(crate) fn predict_batch(&mut self, batch: &Batch) -> Result<Outputs> {
        let key = random_key(self.runtime.seed, self.runtime.n_steps);
        let n_threads = self.runtime.threads().n();
        let (layer, tree, slots, store) = (&self.layer, &self.tree, &self.slots, &mut self.store);
        let (prepared, threads) = self.runtime.prepared(Mode::Predict, batch, |runtime| {
            let started = Instant::now();
            let specs = batch.specs();
            let packed = batch.packed.as_ref().map(|p| (p, &batch.in_rows[..]));
            let seams = predicting(layer, tree, slots, &specs, packed, n_threads);
            let (mut results, mut ended) = (Vec::new(), Vec::new());
            let program = shard_program(runtime, store, &seams, &mut |cx, body, _| {
                let outs;
                (outs, ended) = predicted(cx, &body);
                results = outs.iter().map(|o| o.value.spec()).collect();
                Ok(outs)
            })?;
            for r in &mut results {
                r.dims[0] = Some(batch.samples.len());
            }
            Ok(Prepared { ended, ..prepare(program, &results, started) })
        })?;
        let mut inputs = views(&batch.arrays);
        inputs.push(key.view());
        let mut results: Vec<_> = prepared.results.iter_mut().map(Tensor::view_mut).collect();
        prepared.program.run(threads, store, &inputs, &mut results);
        let mut values = prepared.results.clone();
        let lengths = values.split_off(values.len() - prepared.ended.len());
        Ok(Outputs { values, lengths: prepared.ended.iter().copied().zip(lengths).collect() })
    }

    /// Checks data against the entries and casts them.
    pub(crate) fn feed_inputs(&self, x: &[Data]) -> Result<Vec<Fed>> {
        let entries = self.inputs();
        let reads = self.reads()?;
        let x = self.shaped(x)?;
        // A ragged data set stands for the shape of its longest sequence.
        let shape = |d: &Data| {
            d.sample_shape()
                .into_iter()
                .map(|n| n.or_else(|| d.lengths()?.into_iter().max()).unwrap_or(0))
                .collect::<Vec<_>>()
        };
        let shapes: Vec<Vec<usize>> =
            x.iter().map(|d| std::iter::once(d.n_samples()).chain(shape(d)).collect()).collect();
        let specs = self.check_inputs(&shapes)?;
        let who = |i: usize| format!("input `{}`", entries[i].0);
        let limits = self.id_limits();
        let mut fed = Vec::with_capacity(x.len());
        for (i, (d, s)) in
            x.iter().zip(&specs).enumerate().filter(|(i, _)| !takes_text(&entries[*i].1))
        {
            let f = Fed::new(&who(i), d, s.dtype)?;
            for (_, n) in limits.iter().filter(|(entry, _)| *entry == i) {
                f.check_range(&who(i), "ids of the Embedding", *n, None)?;
            }
            for (_, layer) in self.readers().into_iter().filter(|(entry, _)| *entry == i) {
                layer
                    .rule()
                    .check_entry(d)
                    .map_err(|e| e.of_layer(layer.class(), &layer.shown_name()))?;
            }
            fed.push(f);
        }
        for r in reads {
            let data: Vec<&Data> = r.entries.iter().map(|i| &*x[*i]).collect();
            let Some(encoder) = r.layer.rule().as_encoder() else { continue };
            let encoded = encoder
                .encode(&data)
                .map_err(|e| e.of_layer(r.layer.class(), &r.layer.shown_name()))?;
            fed.push(Fed::encoded(&who(r.entries[0]), &encoded, encoder.fills_up())?);
        }
        Ok(fed)
    }

    /// Entries and the layers that read them as they come.
    fn readers(&self) -> Vec<(usize, &LayerRef)> {
        let g = self.graph();
        let entries = g.inputs.flatten();
        let layers = g
            .members
            .iter()
            .filter_map(|m| if let MemberKind::Layer(l) = &m.kind { Some((m, l)) } else { None });
        let calls =
            layers.flat_map(|(m, l)| m.calls.iter().flat_map(|c| c.inputs()).map(move |t| (t, l)));
        calls.filter_map(|(t, l)| entries.iter().position(|e| e == t).map(|i| (i, l))).collect()
    }

    /// Entries that a layer reads as ids, with the number of ids.
    fn id_limits(&self) -> Vec<(usize, usize)> {
        let g = self.graph();
        let entries = g.inputs.flatten();
        let readers = g.members.iter().filter_map(|m| m.n_ids().map(|n| (m, n)));
        readers
            .flat_map(|(m, rows)| {
                m.calls
                    .iter()
                    .flat_map(|c| c.inputs().into_iter().copied().collect::<Vec<_>>())
                    .map(move |t| (t, rows))
            })
            .filter_map(|(t, rows)| entries.iter().position(|e| *e == t).map(|i| (i, rows)))
            .collect()
    }

    /// The batch size that the model fixes, or the one asked for.
    pub(crate) fn batch_size_for(&self, asked: usize) -> Result<usize> {
        let fixed =
            self.inputs().iter().find_map(|(_, i)| i.batch_shape.first().copied().flatten());
        match fixed {
            Some(b) => Ok(b),
            None if asked == 0 => {
                Err(Error::argument("batch_size", "at least 1 sample a batch is needed", 0))
            }
            None => Ok(asked),
        }
    }
}

/// The seams of a prediction.
fn predicting<'a>(
    layer: &'a LayerRef,
    tree: &'a WeightTree,
    slots: &'a [SlotId],
    specs: &'a [Spec],
    packed: Option<(&'a PackedRows, &'a [bool])>,
    threads: usize,
) -> Seams<'a> {
    let n_entries = specs.len() - packed.is_some() as usize;
    Seams {
        layer,
        tree,
        slots,
        specs,
        n_entries,
        training: false,
        packed,
        whole: false,
        states: States::default(),
        threads: Some(threads),
    }
}

/// The outputs as rectangles, then the lengths of those that hold sequences of unequal length; and
/// which these are.
fn predicted<'g>(cx: &Cx<'g>, body: &ShardBody<'g>) -> (Vec<Out<'g>>, Vec<usize>) {
    let outs: Vec<Flow<'g>> = body.lowered.outputs.iter().map(|o| cx.padded(*o)).collect();
    let ended = (0..outs.len()).filter(|k| outs[*k].ends.is_some()).collect();
    let lengths = outs.iter().filter_map(|o| o.ends).map(|e| e.cast(DType::I32).sum(&[1], false));
    let values = outs.iter().map(|o| o.value).chain(lengths).enumerate();
    (
        values
            .map(|(k, value)| Out { name: format!("output{k}"), value, fetch: Fetch::Rows(k) })
            .collect(),
        ended,
    )
}

/// Rows that stand for the samples `computed`, in the order of the samples `given`.
fn in_order_of(given: &[u32], computed: &[u32], rows: Array) -> Result<Array> {
    if given == computed {
        return Ok(rows);
    }
    let mut places = vec![0; given.len()];
    computed
        .iter()
        .enumerate()
        .for_each(|(at, sample)| places[(sample - given[0]) as usize] = at as u32);
    Ok(rows.take(&places)?)
}

/// What a model gives for a batch.
pub(crate) struct Outputs {
    /// The outputs, in the order of the model.
    pub(crate) values: Vec<Tensor>,
    /// Of outputs by timestep of sequences of unequal length: which output, and the timesteps of
    /// each sample.
    pub(crate) lengths: Vec<(usize, Tensor)>,
}

/// Sequences (B, T, …) cut at their ends.
fn cut(rows: &Array, lengths: &Array) -> Result<Data> {
    let shape = rows.shape();
    let (b, t) = (shape[0], shape[1]);
    let lengths: Vec<usize> = lengths.to_i64()?.iter().map(|n| *n as usize).collect();
    let own: Vec<u32> =
        (0..b).flat_map(|r| (r * t..r * t + lengths[r]).map(|at| at as u32)).collect();
    let steps = rows.clone().reshape(&[&[b * t], &shape[2..]].concat())?.take(&own)?;
    let mut offsets = vec![0];
    lengths.iter().for_each(|n| offsets.push(offsets[offsets.len() - 1] + n));
    Ok(Data::Ragged(crate::data::Ragged::new(steps, offsets)?))
}

/// A tensor as an array of the public API.
pub(crate) fn to_array(t: Tensor) -> Result<Array> {
    let shape = IxDyn(&t.dims);
    let wrong = |e: ndarray::ShapeError| Error::Data(e.to_string());
    Ok(match t.data {
        Buffer::F32(v) => Array::F32(ArrayD::from_shape_vec(shape, v).map_err(wrong)?),
        Buffer::F64(v) => Array::F64(ArrayD::from_shape_vec(shape, v).map_err(wrong)?),
        Buffer::I32(v) => Array::I32(ArrayD::from_shape_vec(shape, v).map_err(wrong)?),
        Buffer::I64(v) => Array::I64(ArrayD::from_shape_vec(shape, v).map_err(wrong)?),
        Buffer::Bool(v) => Array::Bool(
            ArrayD::from_shape_vec(shape, v.into_iter().map(|b| b != 0).collect())
                .map_err(wrong)?,
        ),
    })
}
