//! Prediction.

use super::assembly::{Batch, Sets};
use super::engine::Engine;
use super::feed::Fed;
use super::outputs::{Outputs, cut, in_order_of, to_array};
use super::task::{Finish, Lowering, Out, ShardBody, Stage, Task};
use super::unequal::Unequal;
use crate::data::{Data, IntoData};
use crate::lowering::{Cx, Flow, States};
use crate::runtime::Mode;
use crate::{Model, Result};
use cornu_cpu::Fetch;
use cornu_ir::{DType, Spec, Tensor};

/// Settings of `predict`, with Keras's names and defaults.
///
/// ```
/// use cornu::Predict;
/// use cornu::Unequal;
/// let options = Predict::new().batch_size(256).unequal(Unequal::Refuse);
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Predict {
    batch_size: Option<usize>,
    unequal: Unequal,
}

impl Default for Predict {
    fn default() -> Self {
        Self { batch_size: None, unequal: Unequal::Known }
    }
}

impl Predict {
    /// Returns Keras's defaults: batches of 32.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of samples of a batch.
    pub fn batch_size(mut self, n: usize) -> Self {
        self.batch_size = Some(n);
        self
    }

    /// Sets how sequences of unequal length are put into one batch.
    pub fn unequal(mut self, u: Unequal) -> Self {
        self.unequal = u;
        self
    }
}

/// The outputs of a model for a batch.
pub(crate) struct Predicting {
    n_entries: usize,
    threads: usize,
    results: Vec<Spec>,
    ended: Vec<usize>,
}

impl Predicting {
    pub(crate) fn new(n_entries: usize, threads: usize) -> Self {
        Self { n_entries, threads, results: vec![], ended: vec![] }
    }
}

impl Task for Predicting {
    fn lowering(&self) -> Lowering {
        Lowering {
            mode: Mode::Predict,
            n_entries: self.n_entries,
            whole: false,
            states: States::default(),
            // Rows are independent, so shards only balance the threads.
            threads: Some(self.threads),
        }
    }

    /// The outputs as rectangles, then the lengths of those that hold sequences of unequal length.
    fn outputs<'g>(
        &mut self,
        cx: &Cx<'g>,
        body: ShardBody<'g>,
        _: &[Flow<'g>],
    ) -> Result<Vec<Out<'g>>> {
        let outs: Vec<Flow<'g>> = body.lowered.outputs.iter().map(|o| cx.padded(*o)).collect();
        self.ended = (0..outs.len()).filter(|k| outs[*k].ends.is_some()).collect();
        let ends = outs.iter().filter_map(|o| o.ends);
        let lengths = ends.map(|e| e.cast(DType::I32).sum(&[1], false));
        let values: Vec<_> = outs.iter().map(|o| o.value).chain(lengths).collect();
        self.results = values.iter().map(|v| v.spec()).collect();
        let out = |(k, value)| Out { name: format!("output{k}"), value, fetch: Fetch::Rows(k) };
        Ok(values.into_iter().enumerate().map(out).collect())
    }

    fn finish(&self, samples: usize) -> Result<Finish> {
        let mut results = self.results.clone();
        results.iter_mut().for_each(|r| r.dims[0] = Some(samples));
        Ok(Finish { update: None, results, partial_counts: vec![], ended: self.ended.clone() })
    }
}

/// The outputs for a batch, as programs give them.
pub(crate) struct BatchOutputs {
    /// In the order of the model's outputs.
    values: Vec<Tensor>,
    /// Of outputs by timestep of sequences of unequal length: which output, and the timesteps of
    /// each sample.
    lengths: Vec<(usize, Tensor)>,
}

impl Model {
    /// Returns the outputs for data, in the order of Keras's `model.outputs`. Results do not depend
    /// on the batch size. For sequences of unequal length, outputs by timestep are sequences of the
    /// same lengths.
    ///
    /// Any number of threads may predict with one model at the same time. If the same weights are
    /// trained meanwhile, each batch sees the weights between two steps, never during one.
    ///
    /// ```
    /// use cornu::{Input, Model, Predict, Rescaling};
    /// use ndarray::array;
    /// let x = Input::new([2]);
    /// let model = Model::new(&x, &Rescaling::new(2.0, 0.0).call(&x)?)?;
    /// let y = model.predict(&array![[1.0f32, 2.0], [3.0, 4.0]], Predict::new())?;
    /// assert_eq!(y.f32()?, array![[2.0, 4.0], [6.0, 8.0]].into_dyn());
    /// # Ok::<(), cornu::Error>(())
    /// ```
    ///
    /// # Errors
    /// Data that do not fit the model's inputs.
    pub fn predict<'a>(&self, x: impl IntoData<'a>, options: Predict) -> Result<Outputs> {
        let fed = self.feed_inputs(x.into_data()?)?;
        let n = fed.first().map_or(0, Fed::n_samples);
        let batch_size = self.batch_size_for(options.batch_size)?;
        let mut parts: Vec<Vec<Data>> = vec![vec![]; self.output_specs().len()];
        let mut batch = Batch::default();
        let samples: Vec<u32> = (0..n as u32).collect();
        let sequences = self.sequence_outputs(&fed);
        for given in samples.chunks(batch_size) {
            let outs = self.predict_batch(&fed, given, &mut batch, options.unequal)?;
            for (k, (part, t)) in parts.iter_mut().zip(outs.values).enumerate() {
                let rows = in_order_of(given, &batch.samples, to_array(t)?)?;
                let ended = outs.lengths.iter().find(|(output, _)| *output == k);
                part.push(match ended {
                    Some((_, lengths)) => {
                        let lengths = to_array(lengths.clone())?;
                        cut(&rows, &in_order_of(given, &batch.samples, lengths)?)?
                    }
                    None if sequences[k] && rows.rank() > 1 => {
                        Data::Ragged(Data::Dense(rows).to_ragged()?)
                    }
                    None => Data::Dense(rows),
                });
            }
        }
        let joined = |(k, mut parts): (usize, Vec<Data>)| {
            let one = if parts.len() == 1 { parts.remove(0) } else { Data::concat(&parts)? };
            self.written(k, one)
        };
        let values = parts.into_iter().enumerate().map(joined).collect::<Result<Vec<Data>>>()?;
        Ok(Outputs::new(self.output_names(), values))
    }

    /// Which outputs of sequences of unequal length are such sequences: those with an axis of time
    /// as open as the entries'.
    fn sequence_outputs(&self, inputs: &[Fed<'_>]) -> Vec<bool> {
        let open =
            self.inputs().iter().zip(inputs).any(|((_, i), fed)| {
                fed.lengths().is_some() && i.batch_shape.get(1) == Some(&None)
            });
        self.output_specs().iter().map(|s| open && s.rank() >= 2 && s.dims[1].is_none()).collect()
    }

    /// What runs predictions.
    fn engine(&self) -> Engine<'_> {
        let programs = &self.runtime().programs;
        let stage = Stage { model: self, tree: self.tree(), store: self.store() };
        Engine { stage, programs }
    }

    /// The outputs for some samples of the entries, which are put together in `batch`.
    pub(crate) fn predict_batch(
        &self,
        fed: &[Fed<'_>],
        samples: &[u32],
        batch: &mut Batch,
        unequal: Unequal,
    ) -> Result<BatchOutputs> {
        let sets = Sets { inputs: fed, further: vec![], in_order: self.is_stateful() };
        let mut task = Predicting::new(fed.len(), self.runtime().threads().n());
        self.engine().assemble(&mut task, &sets, samples, batch, unequal)?;
        self.engine().run(&mut task, batch, |prepared, results| {
            let n_values = results.len() - prepared.ended.len();
            let lengths = results[n_values..].iter().cloned();
            BatchOutputs {
                values: results[..n_values].to_vec(),
                lengths: prepared.ended.iter().copied().zip(lengths).collect(),
            }
        })
    }
}
