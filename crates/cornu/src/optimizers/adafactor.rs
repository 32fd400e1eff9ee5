//! The optimizer Adafactor.

use super::VarInfo;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};
use cornu_ir::{DType, Var};

optimizer! {
    /// Adafactor: keeps the mean squares of a matrix as a product of row and column means (Shazeer
    /// and Stern 2018, arXiv:1804.04235).
    ///
    /// With `β₂ₜ = 1 - tᵈ`, `d` the decay, and `s = g² + ε₁`: row means `r ← β₂ₜ·r +
    /// (1-β₂ₜ)·mean₋₁(s)`, column means `c` alike over axis -2, `v = (r / mean(r)) ⊗ c`; below rank
    /// 2 `v ← β₂ₜ·v + (1-β₂ₜ)·s`. `u = g/√v`, clipped to a root mean square of at most the
    /// threshold; `w ← w - max(ε₂, rms(w))·min(lr, 1/√t)·u`.
    ///
    /// Source: keras/src/optimizers/adafactor.py, Keras 3.15.1, where `relative_step` has no effect
    /// either.
    ///
    /// ```
    /// use cornu::Stepper;
    /// use cornu::optimizers::Adafactor;
    /// use ndarray::arr1;
    /// let mut optimizer = Stepper::new(Adafactor::new(0.5), [arr1(&[1.0f32])])?;
    /// optimizer.apply([arr1(&[1.0f32])])?; // the gradient
    /// assert!((optimizer.weights()[0].to_f64()?[[0]] - 0.5).abs() < 1e-4);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub struct Adafactor("adafactor", learning_rate = 0.001, weight_decay = None) {
        /// Exponent `d` of the decay rate of the means.
        beta_2_decay: f64 = -0.8,
        /// Small number `ε₁` added to squared gradients.
        epsilon_1: f64 = 1e-30,
        /// Smallest norm `ε₂` of a weight for the size of its steps.
        epsilon_2: f64 = 1e-3,
        /// Largest root mean square of a step.
        clip_threshold: f64 = 1.0,
        /// Keras's `relative_step`, without effect: the learning rate is always at most `1/√t`.
        relative_step: bool = true,
    }
}

fn root_mean_square<'g>(x: Var<'g>) -> Var<'g> {
    (x.square().sum_all() / x.count(&x.all_axes())).sqrt()
}

impl UpdateRule for Adafactor {
    shared_settings!();

    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>> {
        let rank = var.shape.len();
        let velocity = Slot::like("velocity", var);
        if rank < 2 {
            // Keras keeps two integers that nothing reads.
            let unused = |name| Slot::attribute(name, DType::I32, 0.0);
            return vec![vec![unused("row"), unused("column"), velocity]];
        }
        let (lead, last) = (&var.shape[..rank - 2], &var.shape[rank - 2..]);
        let rows = Slot::like("row", var).shape([lead, &last[..1]].concat());
        let columns = Slot::like("column", var).shape([lead, &last[1..]].concat());
        vec![vec![rows, columns, velocity]]
    }

    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g> {
        let (mut r, mut c, v) = (at.slots[0], at.slots[1], at.slots[2]);
        let (g, number) = (at.gradient, at.number());
        let relative = at.rate.minimum(1.0 / number.sqrt());
        let alpha = root_mean_square(at.weight).maximum(self.epsilon_2) * relative;
        let squares = g.square() + self.epsilon_1;
        let beta_2 = 1.0 - number.pow(self.beta_2_decay);
        let renewed = |old: Var<'g>, new: Var<'g>| beta_2 * old + (1.0 - beta_2) * new;
        let v = if at.var.shape.len() >= 2 {
            r = renewed(r, squares.mean(&[-1], false));
            c = renewed(c, squares.mean(&[-2], false));
            (r / r.mean(&[-1], true)).expand_dims(-1) * c.expand_dims(-2)
        } else {
            renewed(v, squares)
        };
        let u = g / v.sqrt();
        let u = u / (root_mean_square(u) / self.clip_threshold).maximum(1.0);
        Moved { weight: at.weight - alpha * u, slots: vec![r, c, v] }
    }
}
