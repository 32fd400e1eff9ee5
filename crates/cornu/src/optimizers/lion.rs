//! The optimizer Lion.

use super::VarInfo;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};
use crate::{Error, Result};

optimizer! {
    /// Lion: steps of fixed size along the sign of the momentum (Chen et al. 2023,
    /// arXiv:2302.06675).
    ///
    /// `w ← w - lr·sign(β₁·m + (1-β₁)·g)`, `m ← β₂·m + (1-β₂)·g`.
    ///
    /// Source: keras/src/optimizers/lion.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::data::Array;
    /// use cornu::Stepper;
    /// use cornu::optimizers::Lion;
    /// use ndarray::arr1;
    /// let mut optimizer = Stepper::new(Lion::new(0.5), [arr1(&[1.0f32])])?;
    /// optimizer.apply([arr1(&[3.0f32])])?; // the gradient
    /// assert_eq!(optimizer.weights()[0], Array::from(arr1(&[0.5f32])));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub struct Lion("lion", learning_rate = 0.001, weight_decay = None) {
        /// Share `β₁` of the momentum in the direction of a step.
        beta_1: f64 = 0.9,
        /// Decay rate `β₂` of the momentum.
        beta_2: f64 = 0.99,
    }
}

impl UpdateRule for Lion {
    shared_settings!();

    fn check(&self) -> Result<()> {
        match self.beta_1 > 0.0 && self.beta_1 <= 1.0 {
            true => Ok(()),
            false => {
                Err(Error::argument("Lion beta_1", "it must be above 0 and at most 1", self.beta_1))
            }
        }
    }

    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>> {
        vec![vec![Slot::like("momentum", var)]]
    }

    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g> {
        let (g, m, beta_1, beta_2) =
            (at.gradient, at.slots[0], at.scalar(self.beta_1), at.scalar(self.beta_2));
        let direction = (m * beta_1 + g * (1.0 - beta_1)).sign();
        Moved {
            weight: at.weight - at.rate * direction,
            slots: vec![m * beta_2 + g * (1.0 - beta_2)],
        }
    }
}
