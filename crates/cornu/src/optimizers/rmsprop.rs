//! RMSprop: steps divided by the root of the mean square of recent gradients.

use super::VarInfo;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};

optimizer! {
    /// `v ← ρ·v + (1-ρ)·g²`, `w ← w - lr·g / √(v + ε)`; centered: `v - a²` for `v`, with `a` the
    /// mean of gradients.
    ///
    /// Source: keras/src/optimizers/rmsprop.py, Keras 3.15.1.
    pub struct RmsProp("rm_sprop", learning_rate = 0.001, weight_decay = None) {
        /// Part of the means that stays at each step, `ρ`.
        rho: f64 = 0.9,
        /// Part of the last movement that goes on.
        momentum: f64 = 0.0,
        /// Added under the root, `ε`.
        epsilon: f64 = 1e-7,
        /// Whether the variance takes the place of the mean square.
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
