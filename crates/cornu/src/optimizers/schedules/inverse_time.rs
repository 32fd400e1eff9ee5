//! Inverse time decay.

use super::ScheduleFunction;
use super::numbers::{scalar, steps};
use crate::config::whole;
use cornu_ir::Var;
use serde::{Deserialize, Serialize};

/// Inverse decay of the learning rate: `initial / (1 + rate · step / decay_steps)`. With
/// `staircase` the quotient is rounded down.
///
/// ```
/// use cornu::optimizers::schedules::{InverseTimeDecay, Schedule};
/// let s = Schedule::from(InverseTimeDecay::new(1.0, 10.0, 1.0));
/// assert_eq!((s.at(0), s.at(10), s.at(30)), (1.0, 0.5, 0.25));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InverseTimeDecay {
    /// Learning rate at the first step.
    pub initial_learning_rate: f64,
    /// Number of steps after which the divisor grows by `decay_rate`.
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
    "InverseTimeDecay".into()
}

impl InverseTimeDecay {
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

impl ScheduleFunction for InverseTimeDecay {
    fn of<'g>(&self, step: Var<'g>) -> Var<'g> {
        let part = step / self.decay_steps;
        let part = if self.staircase { part.floor() } else { part };
        scalar(step, self.initial_learning_rate) / (1.0 + self.decay_rate * part)
    }
}
