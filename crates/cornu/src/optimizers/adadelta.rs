//! Adadelta: steps in the ratio of the mean squares of movements and gradients.

use super::VarInfo;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};

optimizer! {
    /// `a ← ρ·a + (1-ρ)·g²`, `δ = -√(d + ε)·g / √(a + ε)`, `d ← ρ·d + (1-ρ)·δ²`, `w ← w + lr·δ`.
    ///
    /// Source: keras/src/optimizers/adadelta.py, Keras 3.15.1.
    pub struct Adadelta("adadelta", learning_rate = 0.001, weight_decay = None) {
        /// Part of the means that stays at each step, `ρ`.
        rho: f64 = 0.95,
        /// Added under the roots, `ε`.
        epsilon: f64 = 1e-7,
    }
}

impl UpdateRule for Adadelta {
    shared_settings!();

    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>> {
        vec![vec![Slot::like("accumulated_grad", var), Slot::like("accumulated_delta_var", var)]]
    }

    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g> {
        let (g, rho) = (at.gradient, self.rho);
        let squares = rho * at.slots[0] + (1.0 - rho) * g.square();
        let delta = -((at.slots[1] + self.epsilon).sqrt() * g / (squares + self.epsilon).sqrt());
        let movements = rho * at.slots[1] + (1.0 - rho) * delta.square();
        Moved { weight: at.weight + at.rate * delta, slots: vec![squares, movements] }
    }
}
