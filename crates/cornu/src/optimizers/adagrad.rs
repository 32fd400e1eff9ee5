//! The optimizer Adagrad.

use super::VarInfo;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, SlotInitial, Step, UpdateRule};

optimizer! {
    /// Adagrad: divides each step by the root of the sum of all squared gradients (Duchi et al.
    /// 2011).
    ///
    /// `a ← a + g²`, `w ← w - lr·g / √(a + ε)`.
    ///
    /// Source: keras/src/optimizers/adagrad.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::Stepper;
    /// use cornu::optimizers::Adagrad;
    /// use ndarray::arr1;
    /// let mut optimizer = Stepper::new(Adagrad::new(0.5), [arr1(&[1.0f32])])?;
    /// optimizer.apply([arr1(&[1.0f32])])?; // the gradient
    /// assert!((optimizer.weights()[0].to_f64()?[[0]] - 0.5233).abs() < 1e-4);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub struct Adagrad("adagrad", learning_rate = 0.001, weight_decay = None) {
        /// First value of the sums of squares.
        initial_accumulator_value: f64 = 0.1,
        /// Small number `ε` added under the root.
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
