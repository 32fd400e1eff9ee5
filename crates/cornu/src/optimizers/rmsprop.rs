//! The optimizer RMSprop.

use super::VarInfo;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};

optimizer! {
    /// RMSprop: divides each step by the root of the mean square of recent gradients (Hinton 2012).
    ///
    /// `v ← ρ·v + (1-ρ)·g²`, `w ← w - lr·g / √(v + ε)`; centered: `v - a²` for `v`, with `a` the
    /// mean of gradients.
    ///
    /// Source: keras/src/optimizers/rmsprop.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::Stepper;
    /// use cornu::optimizers::RmsProp;
    /// use ndarray::arr1;
    /// let mut optimizer = Stepper::new(RmsProp::new(0.1), [arr1(&[1.0f32])])?;
    /// optimizer.apply([arr1(&[1.0f32])])?; // the gradient
    /// assert!((optimizer.weights()[0].to_f64()?[[0]] - 0.6838).abs() < 1e-4);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub struct RmsProp("rm_sprop", learning_rate = 0.001, weight_decay = None) {
        /// Decay rate `ρ` of the means.
        rho: f64 = 0.9,
        /// Momentum: share of the last step that is added to the next.
        momentum: f64 = 0.0,
        /// Small number `ε` added under the root.
        epsilon: f64 = 1e-7,
        /// True to divide by the variance of gradients instead of their mean square.
        centered: bool = false,
    }
}

impl UpdateRule for RmsProp {
    shared_settings!();

    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>> {
        let mut groups = vec![vec![Slot::like("velocity", var)]];
        if self.momentum > 0.0 {
            groups.push(vec![Slot::like("momentum", var)]);
        }
        if self.centered {
            groups.push(vec![Slot::like("average_gradient", var)]);
        }
        groups
    }

    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g> {
        let (g, rho) = (at.gradient, self.rho);
        let velocity = rho * at.slots[0] + (1.0 - rho) * g.square();
        let mut slots = vec![velocity];
        let (mut under, mut average) = (velocity, None);
        if self.centered {
            let a = rho * at.slots[at.slots.len() - 1] + (1.0 - rho) * g;
            under = velocity - a.square();
            average = Some(a);
        }
        let mut movement = at.rate * g / (under + self.epsilon).sqrt();
        if self.momentum > 0.0 {
            movement = self.momentum * at.slots[1] + movement;
            slots.push(movement);
        }
        slots.extend(average);
        Moved { weight: at.weight - movement, slots }
    }
}
