//! Cases on which the conformance tests check a layer.

use cornu_ir::{DType, Dim};
use serde_json::Value;

/// Settings of a layer and the inputs of a call, on which the conformance tests check it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Settings under Keras's keys.
    pub config: Value,
    /// Inputs of the call.
    pub inputs: Vec<SampleInput>,
}

/// Input of a [`Sample`].
#[derive(Clone, Debug, PartialEq)]
pub struct SampleInput {
    /// Dims without the batch; `None` is the axis of time.
    pub shape: Vec<Dim>,
    /// Kind of values.
    pub values: SampleValues,
    /// Keyword argument of the input; `None` for the first argument.
    pub keyword: Option<&'static str>,
}

/// Kind of values of an input of a [`Sample`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleValues {
    /// Floats around 0.
    Floats,
    /// Ids from 0 on, below a number.
    Ids(usize),
    /// Random words.
    Words,
}

impl SampleInput {
    fn of<D: Into<Dim>>(shape: impl IntoIterator<Item = D>, values: SampleValues) -> Self {
        Self { shape: shape.into_iter().map(Into::into).collect(), values, keyword: None }
    }

    /// Returns an input of floats with these dims, without the batch; `None` for the time axis.
    pub fn floats<D: Into<Dim>>(shape: impl IntoIterator<Item = D>) -> Self {
        Self::of(shape, SampleValues::Floats)
    }

    /// Returns an input of ids below `n` with these dims.
    pub fn ids<D: Into<Dim>>(shape: impl IntoIterator<Item = D>, n: usize) -> Self {
        Self::of(shape, SampleValues::Ids(n))
    }

    /// Returns an input of words with these dims.
    pub fn words<D: Into<Dim>>(shape: impl IntoIterator<Item = D>) -> Self {
        Self::of(shape, SampleValues::Words)
    }

    /// Returns an input of sequences with 4 features, the default of a sample.
    pub fn sequence() -> Self {
        Self::floats([None, Some(4)])
    }

    /// Makes the input a keyword argument.
    pub fn keyword(mut self, name: &'static str) -> Self {
        self.keyword = Some(name);
        self
    }

    /// Returns the element type of the input; `None` for words.
    pub fn dtype(&self) -> Option<DType> {
        match self.values {
            SampleValues::Floats => Some(DType::F64),
            SampleValues::Ids(_) => Some(DType::I32),
            SampleValues::Words => None,
        }
    }
}

impl Sample {
    /// Returns a sample with settings, on sequences of 4 features.
    pub fn new(config: Value) -> Self {
        Self { config, inputs: vec![SampleInput::sequence()] }
    }

    /// Sets the inputs.
    pub fn on(mut self, inputs: impl IntoIterator<Item = SampleInput>) -> Self {
        self.inputs = inputs.into_iter().collect();
        self
    }

    /// Returns one sample for each of several settings, on sequences of 4 features.
    pub fn each(configs: impl IntoIterator<Item = Value>) -> Vec<Self> {
        configs.into_iter().map(Self::new).collect()
    }
}
