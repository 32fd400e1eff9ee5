//! The optimizer Adadelta.

use super::VarInfo;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};

optimizer! {
    /// Adadelta: scales each step by the ratio of recent steps and gradients (Zeiler 2012,
    /// arXiv:1212.5701).
    ///
    /// `a ← ρ·a + (1-ρ)·g²`, `δ = -√(d + ε)·g / √(a + ε)`, `d ← ρ·d + (1-ρ)·δ²`, `w ← w + lr·δ`.
    ///
    /// Source: keras/src/optimizers/adadelta.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::Stepper;
    /// use cornu::optimizers::Adadelta;
    /// use ndarray::arr1;
    /// let mut optimizer = Stepper::new(Adadelta::new(1.0), [arr1(&[1.0f32])])?;
    /// optimizer.apply([arr1(&[1.0f32])])?; // the gradient
    /// assert!((optimizer.weights()[0].to_f64()?[[0]] - 0.9986).abs() < 1e-4);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub struct Adadelta("adadelta", learning_rate = 0.001, weight_decay = None) {
        /// Decay rate `ρ` of the means.
        rho: f64 = 0.95,
        /// Small number `ε` added under the roots.
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
