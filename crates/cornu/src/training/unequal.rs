//! Settings for sequences of unequal length: how batches are made, and how losses are averaged.

use crate::{Error, Result};

/// How sequences of unequal length are put into one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Unequal {
    /// Layers, losses and metrics know the lengths and leave out padding; recurrent layers do not
    /// compute it. A layer that cannot is an error.
    #[default]
    Known,
    /// Pads sequences with a value, which a Masking layer (or an Embedding with `mask_zero`) then
    /// masks, as in Keras.
    Pad(f64),
    /// Refuses sequences of unequal length with an error.
    Refuse,
}

impl Unequal {
    /// What stands past the end of a sequence.
    pub(crate) fn filler(self) -> f64 {
        if let Unequal::Pad(v) = self { v } else { 0.0 }
    }
}

/// How the losses of batches are averaged over an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EpochLoss {
    /// Exact mean: each timestep counts the same, or each sample, for losses that are not by
    /// timestep.
    #[default]
    Timesteps,
    /// Keras's mean: batches are weighted by their number of samples, so a timestep in a batch of
    /// short sequences counts more.
    Keras,
}

impl EpochLoss {
    /// Returns the mean by name: `timesteps` or `keras`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "timesteps" => Ok(Self::Timesteps),
            "keras" => Ok(Self::Keras),
            other => Err(Error::argument("epoch_loss", "must be timesteps or keras", other)),
        }
    }
}
