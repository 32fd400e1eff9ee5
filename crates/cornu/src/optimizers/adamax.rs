//! Adamax: Adam with the largest recent gradient in place of the mean square.

use super::VarInfo;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};

optimizer! {
    /// `m ← m + (1-β₁)·(g - m)`, `u ← max(β₂·u, |g|)`, `w ← w - lr·m / ((1-β₁ᵗ)·(u + ε))`.
    ///
    /// Source: keras/src/optimizers/adamax.py, Keras 3.15.1.
    pub struct Adamax("adamax", learning_rate = 0.001, weight_decay = None) {
        /// Part of the mean gradient that stays at each step, `β₁`.
        beta_1: f64 = 0.9,
        /// Part of the largest gradient that stays at each step, `β₂`.
        beta_2: f64 = 0.999,
        /// Added to the largest gradient, `ε`.
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
