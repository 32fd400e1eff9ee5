//! The optimizer Nadam.

use super::VarInfo;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};
use cornu_ir::{DType, Var};

optimizer! {
    /// Nadam: Adam with Nesterov momentum (Dozat 2016).
    ///
    /// With `uₜ = β₁·(1 - 0.96ᵗ/2)` and `Πₜ = u₁·…·uₜ`: means as in Adam, `m̂ = uₜ₊₁·m/(1 -
    /// Πₜ·uₜ₊₁) + (1-uₜ)·g/(1-Πₜ)`, `v̂ = v/(1-β₂ᵗ)`, `w ← w - lr·m̂ / (√v̂ + ε)`.
    ///
    /// In a LossScaleOptimizer, as in Keras, `Π` is not kept: it is 1 at each step and not saved.
    ///
    /// Source: keras/src/optimizers/nadam.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::Stepper;
    /// use cornu::optimizers::Nadam;
    /// use ndarray::arr1;
    /// let mut optimizer = Stepper::new(Nadam::new(0.5), [arr1(&[1.0f32])])?;
    /// optimizer.apply([arr1(&[1.0f32])])?; // the gradient
    /// assert!((optimizer.weights()[0].to_f64()?[[0]] - 0.4686).abs() < 1e-4);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub struct Nadam("nadam", learning_rate = 0.001, weight_decay = None) {
        /// Decay rate `β₁` of the mean gradient.
        beta_1: f64 = 0.9,
        /// Decay rate `β₂` of the mean squared gradient.
        beta_2: f64 = 0.999,
        /// Small number `ε` added to the root.
        epsilon: f64 = 1e-7,
    }
}

/// Base of the factor by which the momentum grows to its full size.
const DECAY: f64 = 0.96;

impl UpdateRule for Nadam {
    shared_settings!();

    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>> {
        vec![vec![Slot::like("momentum", var), Slot::like("velocity", var)]]
    }

    fn shared(&self, vars: &[VarInfo]) -> Vec<Slot> {
        let dtype = vars.first().map_or(DType::F32, |v| v.dtype);
        vec![Slot::attribute("variable", dtype, 1.0)]
    }

    fn renew<'g>(&self, shared: &[Var<'g>], updates: Var<'g>) -> Vec<Var<'g>> {
        let product = shared[0];
        let number = (updates + 1.0).cast(product.dtype());
        let growth = product.builder().scalar(product.dtype(), DECAY).pow(number);
        vec![product * self.beta_1 * (1.0 - 0.5 * growth)]
    }

    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g> {
        let (g, m, v) = (at.gradient, at.slots[0], at.slots[1]);
        let (beta_1, beta_2, decay) =
            (at.scalar(self.beta_1), at.scalar(self.beta_2), at.scalar(DECAY));
        let next = (at.updates + 2.0).cast(at.weight.dtype());
        let u = beta_1 * (1.0 - 0.5 * decay.pow(at.number()));
        let u_next = beta_1 * (1.0 - 0.5 * decay.pow(next));
        let product = at.shared[0].cast(at.weight.dtype());
        let product_next = product * u_next;
        let m = m + (g - m) * (1.0 - beta_1);
        let v = v + (g.square() - v) * (1.0 - beta_2);
        let m_hat = u_next * m / (1.0 - product_next) + (1.0 - u) * g / (1.0 - product);
        let v_hat = v / at.warmed(self.beta_2);
        Moved {
            weight: at.weight - m_hat * at.rate / (v_hat.sqrt() + self.epsilon),
            slots: vec![m, v],
        }
    }
}
