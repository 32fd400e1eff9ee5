//! The optimizer LAMB.

use super::VarInfo;
use super::adam::Moments;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};

optimizer! {
    /// LAMB: Adam with each step scaled to the norm of its weight (You et al. 2019,
    /// arXiv:1904.00962).
    ///
    /// Means as in Adam, `u = m/(1-β₁ᵗ) / (√(v/(1-β₂ᵗ)) + ε)`, `w ← w - lr·u·‖w‖/‖u‖` (the ratio is
    /// 1 where a norm is 0).
    ///
    /// Source: keras/src/optimizers/lamb.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::Stepper;
    /// use cornu::optimizers::Lamb;
    /// use ndarray::arr1;
    /// let mut optimizer = Stepper::new(Lamb::new(0.5), [arr1(&[1.0f32])])?;
    /// optimizer.apply([arr1(&[1.0f32])])?; // the gradient
    /// assert!((optimizer.weights()[0].to_f64()?[[0]] - 0.5).abs() < 1e-4);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub struct Lamb("lamb", learning_rate = 0.001, weight_decay = None) {
        /// Decay rate `β₁` of the mean gradient.
        beta_1: f64 = 0.9,
        /// Decay rate `β₂` of the mean squared gradient.
        beta_2: f64 = 0.999,
        /// Small number `ε` added to the root.
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
