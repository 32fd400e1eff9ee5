//! How sequences of unequal length are put into batches, and how their losses count.

use crate::{Error, Result};

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
