//! Cases on which the conformance tests check a layer.

use cornu_ir::{DType, Dim};
use serde_json::Value;

/// Settings of a layer and the inputs of a call, on which the conformance tests check it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The settings under Keras's keys.
    pub config: Value,
    /// The inputs of the call.
    pub inputs: Vec<SampleInput>,
}

/// One input of a [`Sample`].
#[derive(Clone, Debug, PartialEq)]
pub struct SampleInput {
    /// Dims without the batch; `None` is the axis of time.
    pub shape: Vec<Dim>,
    /// What the input holds.
    pub values: SampleValues,
    /// The keyword argument that takes the input; none for the inputs of the first argument.
    pub keyword: Option<&'static str>,
}

/// What an input of a [`Sample`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleValues {
    /// Floats around 0.
    Floats,
    /// Ids from 0 on, below a number.
    Ids(usize),
    /// Words.
    Words,
}

impl SampleInput {
    fn of<D: Into<Dim>>(shape: impl IntoIterator<Item = D>, values: SampleValues) -> Self {
        Self { shape: shape.into_iter().map(Into::into).collect(), values, keyword: None }
    }

    /// Floats of these dims without the batch; `None` is the axis of time.
    pub fn floats<D: Into<Dim>>(shape: impl IntoIterator<Item = D>) -> Self {
        Self::of(shape, SampleValues::Floats)
    }

    /// Ids below `n` of these dims.
    pub fn ids<D: Into<Dim>>(shape: impl IntoIterator<Item = D>, n: usize) -> Self {
        Self::of(shape, SampleValues::Ids(n))
    }

    /// Words of these dims.
    pub fn words<D: Into<Dim>>(shape: impl IntoIterator<Item = D>) -> Self {
        Self::of(shape, SampleValues::Words)
    }

    /// Sequences of 4 features: the input of a sample that names no other.
    pub fn sequence() -> Self {
        Self::floats([None, Some(4)])
    }

    /// Returns the same input as a keyword argument.
    pub fn keyword(mut self, name: &'static str) -> Self {
        self.keyword = Some(name);
        self
    }

    /// Element type of the input; words have none.
    pub fn dtype(&self) -> Option<DType> {
        match self.values {
            SampleValues::Floats => Some(DType::F64),
            SampleValues::Ids(_) => Some(DType::I32),
            SampleValues::Words => None,
        }
    }
}

impl Sample {
    /// Returns a sample of settings, on sequences of 4 features.
    pub fn new(config: Value) -> Self {
        Self { config, inputs: vec![SampleInput::sequence()] }
    }

    /// With other inputs.
    pub fn on(mut self, inputs: impl IntoIterator<Item = SampleInput>) -> Self {
        self.inputs = inputs.into_iter().collect();
        self
    }

    /// Returns a sample of each of several settings, on sequences of 4 features.
    pub fn each(configs: impl IntoIterator<Item = Value>) -> Vec<Self> {
        configs.into_iter().map(Self::new).collect()
    }
}
