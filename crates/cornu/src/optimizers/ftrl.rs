//! The optimizer FTRL.

use super::VarInfo;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, SlotInitial, Step, UpdateRule};
use crate::{Error, Result};

optimizer! {
    /// FTRL, follow the regularized leader: an optimizer for sparse weights (McMahan et al. 2013).
    ///
    /// With `p` the negated power: `n' = n + g²`, `z ← z + g + 2·l2ₛ·w - (n'ᵖ - nᵖ)/lr·w`, `w ←
    /// (clip(z, -l1, l1) - z) / (n'ᵖ/lr + 2·(l2 + β/(2·lr)))`.
    ///
    /// Source: keras/src/optimizers/ftrl.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::Stepper;
    /// use cornu::optimizers::Ftrl;
    /// use ndarray::arr1;
    /// let mut optimizer = Stepper::new(Ftrl::new(0.5), [arr1(&[1.0f32])])?;
    /// optimizer.apply([arr1(&[1.0f32])])?; // the gradient
    /// assert!((optimizer.weights()[0].to_f64()?[[0]] - 0.2218).abs() < 1e-4);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub struct Ftrl("ftrl", learning_rate = 0.001, weight_decay = None) {
        /// Power of the sum of squares in the learning rate; at most 0.
        learning_rate_power: f64 = -0.5,
        /// First value of the sums of squares.
        initial_accumulator_value: f64 = 0.1,
        /// Penalty `l1`, which drives weights to 0.
        l1_regularization_strength: f64 = 0.0,
        /// Penalty `l2`.
        l2_regularization_strength: f64 = 0.0,
        /// Shrinkage penalty `l2ₛ` on the size of weights.
        l2_shrinkage_regularization_strength: f64 = 0.0,
        /// The number `β` of the paper.
        beta: f64 = 0.0,
    }
}

impl UpdateRule for Ftrl {
    shared_settings!();

    fn check(&self) -> Result<()> {
        let not_negative = [
            ("initial_accumulator_value", self.initial_accumulator_value),
            ("l1_regularization_strength", self.l1_regularization_strength),
            ("l2_regularization_strength", self.l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", self.l2_shrinkage_regularization_strength),
        ];
        if let Some((name, x)) = not_negative.iter().find(|(_, x)| *x < 0.0) {
            return Err(Error::argument(format!("Ftrl {name}"), "it must be at least 0", x));
        }
        match self.learning_rate_power > 0.0 {
            true => Err(Error::argument(
                "Ftrl learning_rate_power",
                "it must be at most 0",
                self.learning_rate_power,
            )),
            false => Ok(()),
        }
    }

    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>> {
        let squares = Slot::like("accumulator", var)
            .initial(SlotInitial::Value(self.initial_accumulator_value));
        vec![vec![squares, Slot::like("linear", var)]]
    }

    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g> {
        let (g, w, lr, sum, linear) = (at.gradient, at.weight, at.rate, at.slots[0], at.slots[1]);
        let (power, l1) = (-self.learning_rate_power, self.l1_regularization_strength);
        let l2 = self.l2_regularization_strength + self.beta / (2.0 * lr);
        let new_sum = sum + g.square();
        let pull = g + 2.0 * self.l2_shrinkage_regularization_strength * w;
        let linear = linear + (pull - (new_sum.pow(power) - sum.pow(power)) / lr * w);
        let quadratic = new_sum.pow(power) / lr + 2.0 * l2;
        Moved { weight: (linear.clip(-l1, l1) - linear) / quadratic, slots: vec![new_sum, linear] }
    }
}
