//! The optimizer Adam.

use super::VarInfo;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};
use cornu_ir::Var;

optimizer! {
    /// Adam: steps along the mean gradient, divided by the root of the mean squared gradient
    /// (Kingma and Ba 2014, arXiv:1412.6980).
    ///
    /// `m ← m + (1-β₁)·(g - m)`, `v ← v + (1-β₂)·(g² - v)`, `w ← w - m·lr·√(1-β₂ᵗ)/(1-β₁ᵗ) / (√v +
    /// ε)`.
    ///
    /// Source: keras/src/optimizers/adam.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::Stepper;
    /// use cornu::optimizers::Adam;
    /// use ndarray::arr1;
    /// let mut optimizer = Stepper::new(Adam::new(0.5), [arr1(&[1.0f32])])?;
    /// optimizer.apply([arr1(&[1.0f32])])?; // the gradient
    /// assert!((optimizer.weights()[0].to_f64()?[[0]] - 0.5).abs() < 1e-4);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub struct Adam("adam", learning_rate = 0.001, weight_decay = None) {
        /// Decay rate `β₁` of the mean gradient.
        beta_1: f64 = 0.9,
        /// Decay rate `β₂` of the mean squared gradient.
        beta_2: f64 = 0.999,
        /// Small number `ε` added to the root.
        epsilon: f64 = 1e-7,
        /// True to divide by the largest mean square so far.
        amsgrad: bool = false,
    }
}

/// The numbers of an Adam step.
pub(super) struct Moments {
    pub beta_1: f64,
    pub beta_2: f64,
    pub epsilon: f64,
}

impl Moments {
    /// Returns the slots: means interleaved by weight, then the largest mean squares.
    pub fn slots(var: &VarInfo, amsgrad: bool) -> Vec<Vec<Slot>> {
        let means = vec![Slot::like("momentum", var), Slot::like("velocity", var)];
        if amsgrad { vec![means, vec![Slot::like("velocity_hat", var)]] } else { vec![means] }
    }

    /// Returns the means renewed.
    pub fn renewed<'g>(&self, g: Var<'g>, m: Var<'g>, v: Var<'g>) -> (Var<'g>, Var<'g>) {
        (m + (g - m) * (1.0 - self.beta_1), v + (g.square() - v) * (1.0 - self.beta_2))
    }

    /// Returns a step over the slots momentum, velocity and, with amsgrad, the largest velocity.
    pub fn step<'g>(&self, at: &Step<'_, 'g>, rate: Var<'g>) -> Moved<'g> {
        let alpha = rate * at.warmed(self.beta_2).sqrt() / at.warmed(self.beta_1);
        let (m, v) = self.renewed(at.gradient, at.slots[0], at.slots[1]);
        let mut slots = vec![m, v];
        let mut over = v;
        if let Some(&most) = at.slots.get(2) {
            over = most.maximum(v);
            slots.push(over);
        }
        Moved { weight: at.weight - m * alpha / (over.sqrt() + self.epsilon), slots }
    }
}

impl UpdateRule for Adam {
    shared_settings!();

    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>> {
        Moments::slots(var, self.amsgrad)
    }

    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g> {
        Moments { beta_1: self.beta_1, beta_2: self.beta_2, epsilon: self.epsilon }
            .step(at, at.rate)
    }
}
