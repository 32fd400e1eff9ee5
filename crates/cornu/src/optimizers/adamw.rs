//! AdamW: Adam with weights that decay.

use super::VarInfo;
use super::adam::Moments;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};
use crate::{Error, Result};

optimizer! {
    /// `w ← w - w·λ·lr`, then a step of [`Adam`](super::Adam).
    ///
    /// Source: keras/src/optimizers/adamw.py, Keras 3.15.1.
    pub struct AdamW("adam_w", learning_rate = 0.001, weight_decay = Some(0.004)) {
        /// Part of the mean gradient that stays at each step, `β₁`.
        beta_1: f64 = 0.9,
        /// Part of the mean square that stays at each step, `β₂`.
        beta_2: f64 = 0.999,
        /// Added to the root, `ε`.
        epsilon: f64 = 1e-7,
        /// Whether the largest mean square so far divides.
        amsgrad: bool = false,
    }
}

impl UpdateRule for AdamW {
    shared_settings!();

    fn check(&self) -> Result<()> {
        match self.weight_decay {
            Some(_) => Ok(()),
            None => Err(Error::argument("AdamW weight_decay", "it must be a number", "null")),
        }
    }

    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>> {
        Moments::slots(var, self.amsgrad)
    }

    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g> {
        Moments { beta_1: self.beta_1, beta_2: self.beta_2, epsilon: self.epsilon }
            .step(at, at.rate)
    }
}
