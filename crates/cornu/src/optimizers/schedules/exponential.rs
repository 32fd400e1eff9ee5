//! Exponential decay.

use super::ScheduleFunction;
use super::numbers::{scalar, steps};
use crate::config::whole;
use cornu_ir::Var;
use serde::{Deserialize, Serialize};

/// Exponential decay of the learning rate: `initial · rate^(step / decay_steps)`. With `staircase`
/// the exponent is rounded down.
///
/// ```
/// use cornu::optimizers::schedules::{ExponentialDecay, Schedule};
/// let s = Schedule::from(ExponentialDecay::new(0.5, 10.0, 0.25));
/// assert_eq!((s.at(0), s.at(10), s.at(20)), (0.5, 0.125, 0.03125));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExponentialDecay {
    /// Learning rate at the first step.
    pub initial_learning_rate: f64,
    /// Number of steps for one factor `decay_rate`.
    #[serde(serialize_with = "whole", deserialize_with = "steps")]
    pub decay_steps: f64,
    /// Decay rate.
    pub decay_rate: f64,
    /// True to decay in steps rather than continuously.
    #[serde(default)]
    pub staircase: bool,
    /// Name of the schedule.
    #[serde(default = "name")]
    pub name: String,
}

fn name() -> String {
    "ExponentialDecay".into()
}

impl ExponentialDecay {
    /// Returns a continuous decay.
    pub fn new(initial_learning_rate: f64, decay_steps: f64, decay_rate: f64) -> Self {
        Self { initial_learning_rate, decay_steps, decay_rate, staircase: false, name: name() }
    }

    /// Sets whether the decay is in steps.
    pub fn staircase(mut self, on: bool) -> Self {
        self.staircase = on;
        self
    }
}

impl ScheduleFunction for ExponentialDecay {
    fn of<'g>(&self, step: Var<'g>) -> Var<'g> {
        let part = step / self.decay_steps;
        let part = if self.staircase { part.floor() } else { part };
        scalar(step, self.initial_learning_rate) * scalar(step, self.decay_rate).pow(part)
    }
}
