//! Adagrad: steps divided by the root of the sum of all squared gradients.

use super::VarInfo;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, SlotInitial, Step, UpdateRule};

optimizer! {
    /// `a ← a + g²`, `w ← w - lr·g / √(a + ε)`.
    ///
    /// Source: keras/src/optimizers/adagrad.py, Keras 3.15.1.
    pub struct Adagrad("adagrad", learning_rate = 0.001, weight_decay = None) {
        /// First value of the sums.
        initial_accumulator_value: f64 = 0.1,
        /// Added under the root, `ε`.
        epsilon: f64 = 1e-7,
    }
}

impl UpdateRule for Adagrad {
    shared_settings!();

    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>> {
        vec![vec![
            Slot::like("accumulator", var)
                .initial(SlotInitial::Value(self.initial_accumulator_value)),
        ]]
    }

    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g> {
        let sum = at.slots[0] + at.gradient.square();
        Moved {
            weight: at.weight - at.rate * at.gradient / (sum + self.epsilon).sqrt(),
            slots: vec![sum],
        }
    }
}
