//! AdamW whose weights are an average, so that no schedule is needed.

use super::VarInfo;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, SlotInitial, Step, UpdateRule};

optimizer! {
    /// With `z` the fast weights (first the weights themselves) and `y` the weights that gradients
    /// are taken at: `v ← v + (1-β₂)·(g² - v)`, `x = (y - (1-β₁)·z)/β₁`, `z ← z -
    /// lr·g/(√(v/(1-β₂ᵗ)) + ε)`, `x ← (1-1/t)·x + z/t`, `y ← (1-β₁)·z + β₁·x`. During warm-up `lr`
    /// grows with `t`.
    ///
    /// Source: keras/src/optimizers/schedule_free_adamw.py, Keras 3.15.1.
    pub struct ScheduleFreeAdamW(
        "schedule_free_adam_w", learning_rate = 0.0025, weight_decay = None
    ) {
        /// Part of the average in the weights, `β₁`.
        beta_1: f64 = 0.9,
        /// Part of the mean square that stays at each step, `β₂`.
        beta_2: f64 = 0.999,
        /// Added to the root, `ε`.
        epsilon: f64 = 1e-8,
        /// Steps until the learning rate is reached.
        #[serde(serialize_with = "crate::config::whole")]
        warmup_steps: f64 = 0.0,
    }
}

impl UpdateRule for ScheduleFreeAdamW {
    shared_settings!();

    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>> {
        vec![vec![
            Slot::like("momentum", var).initial(SlotInitial::Weight),
            Slot::like("velocity", var),
        ]]
    }

    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g> {
        let (g, y, z, v) = (at.gradient, at.weight, at.slots[0], at.slots[1]);
        let (number, beta_1, beta_2) =
            (at.number(), at.scalar(self.beta_1), at.scalar(self.beta_2));
        let rate = if self.warmup_steps > 0.0 {
            at.rate * (number / self.warmup_steps).minimum(1.0)
        } else {
            at.rate
        };
        let v = v + (g.square() - v) * (1.0 - beta_2);
        let over = (v / at.warmed(self.beta_2)).sqrt() + self.epsilon;
        let x = (y - (1.0 - beta_1) * z) / beta_1;
        let z = z - rate * g / over;
        let part = 1.0 / number;
        let x = (1.0 - part) * x + part * z;
        Moved { weight: (1.0 - beta_1) * z + beta_1 * x, slots: vec![z, v] }
    }
}
