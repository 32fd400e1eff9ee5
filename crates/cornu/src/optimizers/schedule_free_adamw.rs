//! The optimizer AdamW without a schedule.

use super::VarInfo;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, SlotInitial, Step, UpdateRule};

optimizer! {
    /// AdamW without a schedule: the weights are an average over all steps (Defazio et al. 2024,
    /// arXiv:2405.15682).
    ///
    /// With `z` the fast weights (first the weights themselves) and `y` the weights at which
    /// gradients are computed: `v ← v + (1-β₂)·(g² - v)`, `x = (y - (1-β₁)·z)/β₁`, `z ← z -
    /// lr·g/(√(v/(1-β₂ᵗ)) + ε)`, `x ← (1-1/t)·x + z/t`, `y ← (1-β₁)·z + β₁·x`. During warm-up `lr`
    /// grows with `t`.
    ///
    /// Source: keras/src/optimizers/schedule_free_adamw.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::Stepper;
    /// use cornu::optimizers::ScheduleFreeAdamW;
    /// use ndarray::arr1;
    /// let mut optimizer = Stepper::new(ScheduleFreeAdamW::new(0.5), [arr1(&[1.0f32])])?;
    /// optimizer.apply([arr1(&[1.0f32])])?; // the gradient
    /// assert!((optimizer.weights()[0].to_f64()?[[0]] - 0.5).abs() < 1e-4);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub struct ScheduleFreeAdamW(
        "schedule_free_adam_w", learning_rate = 0.0025, weight_decay = None
    ) {
        /// Share `β₁` of the average in the weights.
        beta_1: f64 = 0.9,
        /// Decay rate `β₂` of the mean squared gradient.
        beta_2: f64 = 0.999,
        /// Small number `ε` added to the root.
        epsilon: f64 = 1e-8,
        /// Number of warm-up steps, in which the learning rate grows.
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
