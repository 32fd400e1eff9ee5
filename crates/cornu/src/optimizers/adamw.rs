//! The optimizer AdamW.

use super::VarInfo;
use super::adam::Moments;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};
use crate::{Error, Result};

optimizer! {
    /// AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2017, arXiv:1711.05101).
    ///
    /// `w ← w - w·λ·lr`, then a step of [`Adam`](super::Adam).
    ///
    /// Source: keras/src/optimizers/adamw.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::Stepper;
    /// use cornu::optimizers::AdamW;
    /// use ndarray::arr1;
    /// let mut optimizer = Stepper::new(AdamW::new(0.5), [arr1(&[1.0f32])])?;
    /// optimizer.apply([arr1(&[1.0f32])])?; // the gradient
    /// assert!((optimizer.weights()[0].to_f64()?[[0]] - 0.498).abs() < 1e-4);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub struct AdamW("adam_w", learning_rate = 0.001, weight_decay = Some(0.004)) {
        /// Decay rate `β₁` of the mean gradient.
        beta_1: f64 = 0.9,
        /// Decay rate `β₂` of the mean squared gradient.
        beta_2: f64 = 0.999,
        /// Small number `ε` added to the root.
        epsilon: f64 = 1e-7,
        /// True to divide by the largest mean square so far.
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
