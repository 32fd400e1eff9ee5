//! LAMB: Adam's direction at the size of the weight it moves.

use super::VarInfo;
use super::adam::Moments;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};

optimizer! {
    /// Means as in Adam, `u = m/(1-β₁ᵗ) / (√(v/(1-β₂ᵗ)) + ε)`, `w ← w - lr·u·‖w‖/‖u‖` (the ratio is
    /// 1 where a norm is 0).
    ///
    /// Source: keras/src/optimizers/lamb.py, Keras 3.15.1.
    pub struct Lamb("lamb", learning_rate = 0.001, weight_decay = None) {
        /// Part of the mean gradient that stays at each step, `β₁`.
        beta_1: f64 = 0.9,
        /// Part of the mean square that stays at each step, `β₂`.
        beta_2: f64 = 0.999,
        /// Added to the root, `ε`.
        epsilon: f64 = 1e-7,
    }
}

impl UpdateRule for Lamb {
    shared_settings!();

    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>> {
        Moments::slots(var, false)
    }

    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g> {
        let moments = Moments { beta_1: self.beta_1, beta_2: self.beta_2, epsilon: self.epsilon };
        let (m, v) = moments.renewed(at.gradient, at.slots[0], at.slots[1]);
        let direction =
            m / at.warmed(self.beta_1) / ((v / at.warmed(self.beta_2)).sqrt() + self.epsilon);
        let weight_norm = at.weight.square().sum_all().sqrt();
        let norm = direction.square().sum_all().sqrt();
        let both = weight_norm.gt(0.0).and(norm.gt(0.0));
        let ratio = both.select(weight_norm / norm, 1.0);
        Moved { weight: at.weight - ratio * at.rate * direction, slots: vec![m, v] }
    }
}
