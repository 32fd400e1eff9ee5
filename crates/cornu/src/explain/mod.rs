//! Reports on a model and its data: axes, samples, batches, memory.

mod axes;
mod memory;
mod text;

pub use axes::{Axis, Entry};
pub use memory::Memory;

use crate::data::{BatchMaker, Cost, Data, IntoData};
use crate::summary::Counts;
use crate::training::ModelRef;
use crate::{Model, Result};
use serde::Serialize;

/// Builder of the report on a model and its data.
///
/// ```
/// use cornu::explain::Explain;
/// use cornu::{Dense, Input, Lstm, Model};
/// let inputs = Input::new([20, 1]);
/// let x = Lstm::new(5).return_sequences(true).call(&inputs)?;
/// let x = Lstm::new(4).call(&x)?;
/// let model = Model::new(&inputs, &Dense::new(1).activation("sigmoid").call(&x)?)?;
/// let x = ndarray::Array3::<f32>::zeros((100, 20, 1));
/// let text = Explain::new().batch_size(10).data([x]).of(&model)?.to_string();
/// assert!(text.contains("100 samples of 20 timesteps of 1 feature"));
/// assert!(text.contains("batch size 10 makes 10 steps an epoch"));
/// assert!(text.contains("the model itself fixes no batch size"));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Explain {
    data: Vec<Data>,
    batch_size: Option<usize>,
    batches: BatchMaker,
    epochs: usize,
}

impl Default for Explain {
    fn default() -> Self {
        Self { data: vec![], batch_size: None, batches: BatchMaker::Shuffle, epochs: 1 }
    }
}

/// Report on a model and its data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// Name of the model.
    pub model: String,
    /// Number of parameters, without the optimizer's variables.
    pub n_params: usize,
    /// Number of trainable parameters.
    pub n_trainable: usize,
    /// Inputs of the model.
    pub inputs: Vec<Entry>,
    /// Outputs of the model.
    pub outputs: Vec<Entry>,
    /// Batch size and its origin.
    pub batch: Batch,
    /// Report on the data, if any are given.
    pub data: Option<Samples>,
    /// Memory of a training step.
    pub memory: Memory,
}

/// Batch size and its origin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Batch {
    /// Number of samples in a batch.
    pub size: usize,
    /// Origin of the batch size: `model`, `given` or `default`.
    pub set_by: &'static str,
}

/// Report on data: samples, shapes, steps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Samples {
    /// Number of samples.
    pub n_samples: usize,
    /// Shapes of the inputs, as `(100, 20, 1)` or `(270, 7..29, 12)`.
    pub shapes: Vec<String>,
    /// Shapes in words, as `100 samples of 20 timesteps of 1 feature`.
    pub words: Vec<String>,
    /// Number of steps in an epoch.
    pub steps_per_epoch: usize,
    /// Number of samples in the last batch.
    pub last_batch: usize,
    /// Number of epochs.
    pub epochs: usize,
    /// Number of steps in all epochs.
    pub n_steps: usize,
    /// Lengths of sequences, if they are unequal.
    pub lengths: Option<Lengths>,
}

/// Report on sequences of unequal length.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lengths {
    /// Length of the shortest sequence.
    pub shortest: usize,
    /// Length of the longest sequence.
    pub longest: usize,
    /// Number of timesteps of all sequences.
    pub timesteps: usize,
    /// Cost of an epoch for each way to make batches, the one used first.
    pub batch_makers: Vec<BatchCost>,
}

/// Cost of an epoch for one way to make batches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BatchCost {
    /// Name of the batch maker.
    pub name: String,
    /// Number of batches.
    pub steps: usize,
    /// Number of timesteps with padding.
    pub padded_timesteps: usize,
    /// Share of padding in the timesteps.
    pub padding_share: f64,
}

impl Explain {
    /// Returns a builder without data, with Keras's batch size and one epoch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the data for the inputs, in the model's order.
    pub fn data<D: Into<Data>>(mut self, data: impl IntoIterator<Item = D>) -> Self {
        self.data = data.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the batch size.
    pub fn batch_size(mut self, n: usize) -> Self {
        self.batch_size = Some(n);
        self
    }

    /// Sets how samples are put into batches; shuffled unless given.
    pub fn batches(mut self, maker: BatchMaker) -> Self {
        self.batches = maker;
        self
    }

    /// Sets the number of epochs.
    pub fn epochs(mut self, n: usize) -> Self {
        self.epochs = n;
        self
    }

    /// Returns the report on a model.
    ///
    /// # Errors
    /// Data that do not fit the model; a batch size of 0.
    pub fn of<'a>(&self, model: impl Into<ModelRef<'a>>) -> Result<Explanation> {
        let stage = model.into();
        let model = stage.model();
        let entries = model.inputs();
        let size = model.batch_size_for(self.batch_size)?;
        let set_by = match self.batch_size {
            Some(_) => "given",
            None if model.is_stateful()
                && entries.iter().any(|(_, i)| i.batch_shape[0].is_some()) =>
            {
                "model"
            }
            None => "default",
        };
        let batch = Batch { size, set_by };
        let shapes =
            (!self.data.is_empty()).then(|| self.batch_shapes(model, batch.size)).transpose()?;
        let inputs: Vec<Entry> =
            entries.iter().map(|(name, i)| Entry::input(model, name, i)).collect();
        let outputs: Vec<Entry> = model
            .output_names()
            .iter()
            .zip(model.output_specs())
            .map(|(n, s)| Entry::output(n, s))
            .collect();
        let data = shapes.is_some().then(|| self.samples(&inputs, batch.size)).transpose()?;
        let counts = Counts::of(stage);
        Ok(Explanation {
            model: model.as_layer().shown_name(),
            n_params: counts.trainable + counts.fixed,
            n_trainable: counts.trainable,
            inputs,
            outputs,
            memory: Memory::of(stage, &counts, batch.size, shapes.as_deref(), &self.data)?,
            batch,
            data,
        })
    }

    /// The shapes of a full batch, sequences padded to the longest; what does not fit the model is
    /// an error.
    fn batch_shapes(&self, model: &Model, batch_size: usize) -> Result<Vec<Vec<usize>>> {
        let n = self.data.first().map_or(0, Data::n_samples);
        let whole = model.shapes_of((&self.data[..]).into_data()?)?;
        Ok(whole
            .into_iter()
            .map(|s| {
                std::iter::once(batch_size.min(n.max(1))).chain(s.into_iter().skip(1)).collect()
            })
            .collect())
    }

    fn samples(&self, inputs: &[Entry], batch_size: usize) -> Result<Samples> {
        let n = self.data[0].n_samples();
        let steps = n.div_ceil(batch_size);
        let lengths = self.data.iter().find_map(Data::lengths);
        Ok(Samples {
            n_samples: n,
            shapes: self.data.iter().map(Data::shape_text).collect(),
            words: self.data.iter().zip(inputs).map(|(d, e)| axes::data_words(d, e)).collect(),
            steps_per_epoch: steps,
            last_batch: if steps == 0 { 0 } else { n - (steps - 1) * batch_size },
            epochs: self.epochs,
            n_steps: steps * self.epochs,
            lengths: lengths.map(|l| unequal(&l, batch_size, self.batches)).transpose()?,
        })
    }
}

fn unequal(lengths: &[usize], batch_size: usize, used: BatchMaker) -> Result<Lengths> {
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let batch_cost = |(maker, cost): (BatchMaker, Cost)| BatchCost {
        name: maker.name(),
        steps: cost.n_steps,
        padded_timesteps: cost.padded_timesteps,
        padding_share: cost.padding_share,
    };
    let batch_makers =
        Cost::of_makers(lengths, batch_size, used)?.into_iter().map(batch_cost).collect();
    Ok(Lengths {
        shortest: lengths.iter().copied().min().unwrap_or(0),
        longest,
        timesteps: lengths.iter().sum(),
        batch_makers,
    })
}

#[cfg(test)]
mod tests;
