//! Cosine decay, with a warm-up.

use super::ScheduleFunction;
use super::numbers::{scalar, steps};
use crate::config::whole;
use cornu_ir::Var;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Cosine decay of the learning rate, with an optional warm-up: `from · ((1-α)·(1 +
/// cos(π·step/decay_steps))/2 + α)`. A warm-up first raises the rate linearly from the initial rate
/// to the target, where the decay starts.
///
/// ```
/// use cornu::optimizers::schedules::{CosineDecay, Schedule};
/// let s = Schedule::from(CosineDecay::new(0.5, 10.0));
/// assert_eq!(s.at(0), 0.5);
/// assert!((s.at(5) - 0.25).abs() < 1e-6 && s.at(10).abs() < 1e-6);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosineDecay {
    /// Learning rate at the first step.
    pub initial_learning_rate: f64,
    /// Number of steps of the decay, after the warm-up.
    #[serde(serialize_with = "whole", deserialize_with = "steps")]
    pub decay_steps: f64,
    /// Share `α` of the initial rate that remains at the end.
    #[serde(default)]
    pub alpha: f64,
    /// Name of the schedule.
    #[serde(default = "name")]
    pub name: String,
    /// Learning rate at the end of the warm-up; `None` for no warm-up.
    #[serde(default)]
    pub warmup_target: Option<f64>,
    /// Number of steps of the warm-up.
    #[serde(default, serialize_with = "whole")]
    pub warmup_steps: f64,
}

fn name() -> String {
    "CosineDecay".into()
}

impl CosineDecay {
    /// Returns a decay to 0, without warm-up.
    pub fn new(initial_learning_rate: f64, decay_steps: f64) -> Self {
        Self {
            initial_learning_rate,
            decay_steps,
            alpha: 0.0,
            name: name(),
            warmup_target: None,
            warmup_steps: 0.0,
        }
    }

    /// Sets the share of the initial rate that remains at the end.
    pub fn alpha(mut self, x: f64) -> Self {
        self.alpha = x;
        self
    }

    /// Adds a warm-up: a linear rise to a target rate.
    pub fn warmup(mut self, target: f64, steps: f64) -> Self {
        self.warmup_target = Some(target);
        self.warmup_steps = steps;
        self
    }

    fn decayed<'g>(&self, step: Var<'g>, from: f64) -> Var<'g> {
        let cosine = 0.5 * (1.0 + (PI * (step / self.decay_steps)).cos());
        from * ((1.0 - self.alpha) * cosine + self.alpha)
    }
}

impl ScheduleFunction for CosineDecay {
    fn of<'g>(&self, step: Var<'g>) -> Var<'g> {
        let Some(target) = self.warmup_target else {
            return self.decayed(step.minimum(self.decay_steps), self.initial_learning_rate);
        };
        let first = scalar(step, self.initial_learning_rate);
        let step = step.minimum(scalar(step, self.decay_steps) + self.warmup_steps);
        let rising = (scalar(step, target) - first) * (step / self.warmup_steps) + first;
        let falling = self.decayed(step - self.warmup_steps, target);
        step.lt(self.warmup_steps).select(rising, falling)
    }
}
