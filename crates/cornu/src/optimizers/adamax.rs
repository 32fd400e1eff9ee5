//! The optimizer Adamax.

use super::VarInfo;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};

optimizer! {
    /// Adamax: Adam with the largest recent gradient instead of the mean square (Kingma and Ba
    /// 2014, arXiv:1412.6980).
    ///
    /// `m ← m + (1-β₁)·(g - m)`, `u ← max(β₂·u, |g|)`, `w ← w - lr·m / ((1-β₁ᵗ)·(u + ε))`.
    ///
    /// Source: keras/src/optimizers/adamax.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::Stepper;
    /// use cornu::optimizers::Adamax;
    /// use ndarray::arr1;
    /// let mut optimizer = Stepper::new(Adamax::new(0.5), [arr1(&[1.0f32])])?;
    /// optimizer.apply([arr1(&[1.0f32])])?; // the gradient
    /// assert!((optimizer.weights()[0].to_f64()?[[0]] - 0.5).abs() < 1e-4);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub struct Adamax("adamax", learning_rate = 0.001, weight_decay = None) {
        /// Decay rate `β₁` of the mean gradient.
        beta_1: f64 = 0.9,
        /// Decay rate `β₂` of the largest gradient.
        beta_2: f64 = 0.999,
        /// Small number `ε` added to the largest gradient.
        epsilon: f64 = 1e-7,
    }
}

impl UpdateRule for Adamax {
    shared_settings!();

    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>> {
        vec![vec![Slot::like("momentum", var), Slot::like("norm", var)]]
    }

    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g> {
        let (g, m, u) = (at.gradient, at.slots[0], at.slots[1]);
        let m = m + (g - m) * (1.0 - self.beta_1);
        let u = (self.beta_2 * u).maximum(g.abs());
        Moved {
            weight: at.weight - at.rate * m / (at.warmed(self.beta_1) * (u + self.epsilon)),
            slots: vec![m, u],
        }
    }
}
