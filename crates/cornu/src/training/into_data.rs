//! Data as `fit`, `evaluate` and `predict` take them, and how sequences of unequal length are
//! treated.

use crate::data::{Array, Data, Ragged};
use crate::{Error, Result};
use std::borrow::Cow;

/// Data as `fit`, `evaluate` and `predict` take them: arrays, one or several. What is borrowed as
/// [`Data`] is not copied; what is owned is moved.
pub trait IntoData<'a> {
    /// As one data set for each entry.
    fn into_data(self) -> Vec<Cow<'a, Data>>;
}

impl<'a> IntoData<'a> for &'a Data {
    fn into_data(self) -> Vec<Cow<'a, Data>> {
        vec![Cow::Borrowed(self)]
    }
}

impl<'a> IntoData<'a> for Vec<Data> {
    fn into_data(self) -> Vec<Cow<'a, Data>> {
        self.into_iter().map(Cow::Owned).collect()
    }
}

impl<'a> IntoData<'a> for &'a [Data] {
    fn into_data(self) -> Vec<Cow<'a, Data>> {
        self.iter().map(Cow::Borrowed).collect()
    }
}

impl<'a> IntoData<'a> for Vec<Cow<'a, Data>> {
    fn into_data(self) -> Vec<Cow<'a, Data>> {
        self
    }
}

impl<'a> IntoData<'a> for &Array {
    fn into_data(self) -> Vec<Cow<'a, Data>> {
        vec![Cow::Owned(Data::Dense(self.clone()))]
    }
}

impl<'a> IntoData<'a> for &Ragged {
    fn into_data(self) -> Vec<Cow<'a, Data>> {
        vec![Cow::Owned(Data::Ragged(self.clone()))]
    }
}

impl<'a, T, D> IntoData<'a> for &ndarray::Array<T, D>
where
    T: Clone,
    D: ndarray::Dimension,
    Array: From<ndarray::ArrayD<T>>,
{
    fn into_data(self) -> Vec<Cow<'a, Data>> {
        vec![Cow::Owned(Data::Dense(Array::from(self.clone().into_dyn())))]
    }
}

/// How sequences of unequal length stand in one batch.
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
