//! Exponential decay.

use super::ScheduleFunction;
use super::numbers::{scalar, steps};
use crate::config::whole;
use cornu_ir::Var;
use serde::{Deserialize, Serialize};

/// `initial · rate^(step / decay_steps)`, the exponent rounded down in a staircase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExponentialDecay {
    /// The first learning rate.
    pub initial_learning_rate: f64,
    /// Steps in which the rate is taken once.
    #[serde(serialize_with = "whole", deserialize_with = "steps")]
    pub decay_steps: f64,
    /// The rate.
    pub decay_rate: f64,
    /// Whether it falls in stairs.
    #[serde(default)]
    pub staircase: bool,
    /// Name.
    #[serde(default = "name")]
    pub name: String,
}

fn name() -> String {
    "ExponentialDecay".into()
}

impl ExponentialDecay {
    /// A smooth decay.
    pub fn new(initial_learning_rate: f64, decay_steps: f64, decay_rate: f64) -> Self {
        Self { initial_learning_rate, decay_steps, decay_rate, staircase: false, name: name() }
    }

    /// In stairs or not.
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
