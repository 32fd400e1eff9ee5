//! Prediction.

use super::feed::{Fed, IntoData, Steps, Unequal, views};
use super::runtime::{Mode, Out, Seams, prepare, random_key, shard_program};
use crate::data::{Array, Data};
use crate::model::takes_text;
use crate::{Error, Model, Result};
use cornu_cpu::Fetch;
use cornu_ir::{Buffer, Spec, Tensor};
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
    /// The outputs for data, in the order of `model.outputs`; results do not depend on the batch size. Outputs by timestep of sequences
    /// of unequal length are such sequences again.
    pub fn predict(&mut self, x: impl IntoData, options: &Predict) -> Result<Vec<Data>> {
        let fed = self.feed_inputs(&x.into_data())?;
        let n = fed.first().map_or(0, Fed::n_samples);
        let batch_size = self.batch_size_for(options.batch_size)?;
        let mut parts: Vec<Vec<Data>> = vec![vec![]; self.output_specs().len()];
        let mut batches: Vec<Tensor> = fed.iter().map(Fed::empty_batch).collect();
        let rows: Vec<u32> = (0..n as u32).collect();
        let lengths = fed.iter().find_map(Fed::lengths);
        for chunk in rows.chunks(batch_size) {
            let steps = Steps::of(&fed, chunk, options.unequal)?;
            batches.truncate(fed.len());
            for (f, b) in fed.iter().zip(&mut batches) {
                f.gather(chunk, b, steps.timesteps, options.unequal.filler());
            }
            let ragged = steps.mask.is_some();
            batches.extend(steps.mask);
            for (part, t) in parts.iter_mut().zip(self.predict_batch(&batches, ragged)?) {
                part.push(Data::Dense(to_array(t)?));
            }
        }
        let sequences = self.sequence_outputs();
        parts.into_iter().zip(sequences).map(|(part, by_step)| joined(part, lengths.as_deref().filter(|_| by_step))).collect()
    }

    /// Which outputs have the time axis of the sequences that came in.
    fn sequence_outputs(&self) -> Vec<bool> {
        let open = self.inputs().iter().any(|(_, i)| i.batch_shape.get(1) == Some(&None));
        self.output_specs().iter().map(|s| open && s.rank() >= 3 && s.dims[1].is_none()).collect()
    }

    /// The outputs of one batch of tensors of the entries' types; with `ragged` the mask stands last.
    pub(crate) fn predict_batch(&mut self, batches: &[Tensor], ragged: bool) -> Result<Vec<Tensor>> {
        let specs: Vec<Spec> = batches.iter().map(Tensor::spec).collect();
        let key = random_key(self.runtime.seed, self.runtime.n_steps);
        let (layer, tree, slots, store) = (&self.layer, &self.tree, &self.slots, &mut self.store);
        let (prepared, threads) = self.runtime.prepared(Mode::Predict, &specs, |runtime| {
            let started = Instant::now();
            let seams = Seams { layer, tree, slots, specs: &specs, n_entries: specs.len() - ragged as usize, training: false, whole: false, ragged };
            let mut results = Vec::new();
            let program = shard_program(runtime, store, &seams, &mut |_, body, _| {
                let outs = body.lowered.outputs.iter().enumerate();
                results = outs.clone().map(|(_, o)| o.spec()).collect();
                Ok(outs.map(|(k, o)| Out { name: format!("output{k}"), value: o.value, fetch: Fetch::Rows(k) }).collect())
            })?;
            for r in &mut results {
                r.dims[0] = specs[0].dims[0];
            }
            Ok(prepare(program, &results, started))
        })?;
        let mut inputs = views(batches);
        inputs.push(key.view());
        let mut results: Vec<_> = prepared.results.iter_mut().map(Tensor::view_mut).collect();
        prepared.program.run(threads, store, &inputs, &mut results);
        Ok(prepared.results.clone())
    }

    /// Checks data against the entries and casts them.
    pub(crate) fn feed_inputs(&self, x: &[Data]) -> Result<Vec<Fed>> {
        let entries = self.inputs();
        let reads = self.reads()?;
        let x = self.shaped(x)?;
        // A ragged data set stands for the shape of its longest sequence.
        let shape = |d: &Data| d.sample_shape().into_iter().map(|n| n.or_else(|| d.lengths()?.into_iter().max()).unwrap_or(0)).collect::<Vec<_>>();
        let shapes: Vec<Vec<usize>> = x.iter().map(|d| std::iter::once(d.n_samples()).chain(shape(d)).collect()).collect();
        let specs = self.check_inputs(&shapes)?;
        let who = |i: usize| format!("input `{}`", entries[i].0);
        let limits = self.id_limits();
        let mut fed = Vec::with_capacity(x.len());
        for (i, (d, s)) in x.iter().zip(&specs).enumerate().filter(|(i, _)| !takes_text(&entries[*i].1)) {
            let f = Fed::new(&who(i), d, s.dtype)?;
            for (_, n) in limits.iter().filter(|(entry, _)| *entry == i) {
                f.check_range(&who(i), "ids of the Embedding", *n, None)?;
            }
            fed.push(f);
        }
        for r in reads {
            let data: Vec<&Data> = r.entries.iter().map(|i| &*x[*i]).collect();
            let Some(encoder) = r.layer.rule().as_encoder() else { continue };
            let encoded = encoder.encode(&data).map_err(|e| e.of_layer(r.layer.class(), &r.layer.shown_name()))?;
            fed.push(Fed::encoded(&who(r.entries[0]), &encoded, encoder.fills_up())?);
        }
        Ok(fed)
    }

    /// Entries that an Embedding reads as ids, with the number of its rows.
    fn id_limits(&self) -> Vec<(usize, usize)> {
        let g = self.graph();
        let entries = g.inputs.flatten();
        let embeddings = g.members.iter().filter(|m| m.class() == "Embedding");
        embeddings
            .flat_map(|m| {
                let rows = m.tree.vars.first().map_or(0, |v| v.shape[0]);
                m.calls.iter().flat_map(|c| c.inputs().into_iter().copied().collect::<Vec<_>>()).map(move |t| (t, rows))
            })
            .filter_map(|(t, rows)| entries.iter().position(|e| *e == t).map(|i| (i, rows)))
            .collect()
    }

    /// The batch size that the model fixes, or the one asked for.
    pub(crate) fn batch_size_for(&self, asked: usize) -> Result<usize> {
        let fixed = self.inputs().iter().find_map(|(_, i)| i.batch_shape.first().copied().flatten());
        match fixed {
            Some(b) => Ok(b),
            None if asked == 0 => Err(Error::argument("batch_size", "at least 1 sample a batch is needed", 0)),
            None => Ok(asked),
        }
    }
}

/// The outputs of all batches together; with lengths, the timesteps past the end of each sequence left out.
fn joined(parts: Vec<Data>, lengths: Option<&[usize]>) -> Result<Data> {
    let Some(lengths) = lengths else { return Ok(Data::concat(&parts)?) };
    let mut series = Vec::with_capacity(lengths.len());
    let mut next = lengths.iter();
    for part in &parts {
        for row in 0..part.n_samples() {
            let sample = part.values().slice(row..row + 1)?;
            let shape = sample.shape()[1..].to_vec();
            series.push(sample.reshape(&shape)?.slice(0..*next.next().unwrap_or(&0))?);
        }
    }
    Ok(Data::Ragged(crate::data::Ragged::from_list(series)?))
}

/// Why sequences of unequal length make no rectangle, and the ways out.
pub(crate) fn ragged_error(lengths: &[usize]) -> Error {
    let (low, high) = (lengths.iter().min().copied().unwrap_or(0), lengths.iter().max().copied().unwrap_or(0));
    Error::Data(format!(
        "a batch is a rectangle (batch, timesteps, features): all its sequences must have the same number of timesteps. Received: sequences of {low} to {high} timesteps. \
         Three ways out: batch size 1; batches of equal length (batches = \"equal-length\" or \"bucket\"); sequences as they are (Unequal::Known), whose lengths the model knows as by a mask"
    ))
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
        Buffer::Bool(v) => Array::Bool(ArrayD::from_shape_vec(shape, v.into_iter().map(|b| b != 0).collect()).map_err(wrong)?),
    })
}
