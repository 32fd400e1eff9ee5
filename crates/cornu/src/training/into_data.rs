//! Data as `fit`, `evaluate` and `predict` take them, and what becomes of sequences of unequal
//! length in them.

use crate::data::{Array, Data, Ragged};
use crate::{Error, Result};

/// Data as `fit`, `evaluate` and `predict` take them: arrays, one or several.
pub trait IntoData {
    /// As one data set for each entry.
    fn into_data(self) -> Vec<Data>;
}

impl IntoData for &Data {
    fn into_data(self) -> Vec<Data> {
        vec![self.clone()]
    }
}

impl IntoData for Vec<Data> {
    fn into_data(self) -> Vec<Data> {
        self
    }
}

impl IntoData for &[Data] {
    fn into_data(self) -> Vec<Data> {
        self.to_vec()
    }
}

impl IntoData for &Array {
    fn into_data(self) -> Vec<Data> {
        vec![Data::Dense(self.clone())]
    }
}

impl IntoData for &Ragged {
    fn into_data(self) -> Vec<Data> {
        vec![Data::Ragged(self.clone())]
    }
}

impl<T, D> IntoData for &ndarray::Array<T, D>
where
    T: Clone,
    D: ndarray::Dimension,
    Array: From<ndarray::ArrayD<T>>,
{
    fn into_data(self) -> Vec<Data> {
        vec![Data::Dense(Array::from(self.clone().into_dyn()))]
    }
}

/// What becomes of sequences of unequal length in one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Unequal {
    /// The model knows the lengths: layers, losses and metrics leave out what is past the end of a
    /// sequence, and recurrent layers do not compute it. A layer that cannot is an error.
    #[default]
    Known,
    /// They are filled up with a value, which a Masking layer (or an Embedding with `mask_zero`)
    /// then leaves out, as in Keras.
    Pad(f64),
    /// An error that names the ways out.
    Refuse,
}

impl Unequal {
    /// What stands past the end of a sequence.
    pub(crate) fn filler(self) -> f64 {
        if let Unequal::Pad(v) = self { v } else { 0.0 }
    }
}

/// How the losses of batches become that of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EpochLoss {
    /// Exact: a loss by timestep counts every timestep of sequences of unequal length alike,
    /// whatever batch it came in. Any other loss counts every sample alike.
    #[default]
    Timesteps,
    /// Keras's: every batch counts by its samples, so that a timestep in a batch of short sequences
    /// weighs more.
    Keras,
}

impl EpochLoss {
    /// `timesteps` or `keras`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "timesteps" => Ok(Self::Timesteps),
            "keras" => Ok(Self::Keras),
            other => Err(Error::argument("epoch_loss", "must be timesteps or keras", other)),
        }
    }
}
