//! What a model makes of data, in words and numbers: axes, samples, batches, memory.

mod axes;
mod memory;
mod text;

pub use axes::{Axis, Entry};
pub use memory::Memory;

use crate::data::{BatchMaker, Cost, Data};
use crate::summary::Counts;
use crate::training::ModelRef;
use crate::{Error, Model, Result};
use serde::Serialize;
use std::borrow::Cow;

/// What is asked.
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

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// Name of the model.
    pub model: String,
    /// Its parameters, the optimizer's variables not among them.
    pub n_params: usize,
    /// Those that an optimizer moves.
    pub n_trainable: usize,
    /// What goes in.
    pub inputs: Vec<Entry>,
    /// What comes out.
    pub outputs: Vec<Entry>,
    /// The batch.
    pub batch: Batch,
    /// What the data hold, when some are given.
    pub data: Option<Samples>,
    /// What a training step keeps.
    pub memory: Memory,
}

/// How many samples a batch holds, and who says so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Batch {
    /// Samples of a batch.
    pub size: usize,
    /// `model`, `given` or `default`.
    pub set_by: &'static str,
}

/// What data come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Samples {
    /// Samples.
    pub n_samples: usize,
    /// Shapes: `(100, 20, 1)`, `(270, 7..29, 12)`.
    pub shapes: Vec<String>,
    /// In words: `100 samples of 20 timesteps of 1 feature`.
    pub words: Vec<String>,
    /// Steps of an epoch.
    pub steps_per_epoch: usize,
    /// Samples of the last batch.
    pub last_batch: usize,
    /// Epochs.
    pub epochs: usize,
    /// Steps of all epochs.
    pub n_steps: usize,
    /// Lengths, where they are unequal.
    pub lengths: Option<Lengths>,
}

/// Sequences of unequal length.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lengths {
    /// Of the shortest.
    pub shortest: usize,
    /// Of the longest.
    pub longest: usize,
    /// Of all together.
    pub timesteps: usize,
    /// What each way to make batches costs in an epoch, the one used first.
    pub batch_makers: Vec<BatchCost>,
}

/// What a way to make batches costs in an epoch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BatchCost {
    /// Its name.
    pub name: String,
    /// Batches.
    pub steps: usize,
    /// Timesteps once padded.
    pub padded_timesteps: usize,
    /// Share of them that is padding.
    pub padding_share: f64,
}

impl Explain {
    /// Without data, with Keras's batch size and one epoch.
    pub fn new() -> Self {
        Self::default()
    }

    /// With data for the inputs, in the model's order.
    pub fn data<D: Into<Data>>(mut self, data: impl IntoIterator<Item = D>) -> Self {
        self.data = data.into_iter().map(Into::into).collect();
        self
    }

    /// With so many samples a batch.
    pub fn batch_size(mut self, n: usize) -> Self {
        self.batch_size = Some(n);
        self
    }

    /// With samples put into batches in this way; shuffled unless given.
    pub fn batches(mut self, maker: BatchMaker) -> Self {
        self.batches = maker;
        self
    }

    /// Over so many epochs.
    pub fn epochs(mut self, n: usize) -> Self {
        self.epochs = n;
        self
    }

    /// The answer for a model.
    ///
    /// # Errors
    /// Data that do not fit the model; a batch size of 0.
    pub fn of<'a>(&self, model: impl Into<ModelRef<'a>>) -> Result<Explanation> {
        let stage = model.into();
        let model = stage.model();
        let entries = model.inputs();
        let fixed = entries.iter().find_map(|(_, i)| i.batch_shape.first().copied().flatten());
        let batch = match (fixed, self.batch_size) {
            (Some(size), _) => Batch { size, set_by: "model" },
            (None, Some(size)) => Batch { size, set_by: "given" },
            (None, None) => Batch { size: 32, set_by: "default" },
        };
        if batch.size == 0 {
            return Err(Error::argument("batch_size", "at least 1 sample a batch is needed", 0));
        }
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
            model: model.layer().shown_name(),
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
        let longest = |d: &Data| d.lengths().and_then(|l| l.into_iter().max()).unwrap_or(0);
        let whole: Vec<Vec<usize>> = model
            .shaped(self.data.iter().map(Cow::Borrowed).collect())?
            .iter()
            .map(|d| {
                std::iter::once(d.n_samples())
                    .chain(
                        d.sample_shape().into_iter().map(|dim| dim.unwrap_or_else(|| longest(d))),
                    )
                    .collect()
            })
            .collect();
        model.check_inputs(&whole)?;
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
