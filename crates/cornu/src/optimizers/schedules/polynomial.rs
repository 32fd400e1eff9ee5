//! Polynomial decay between two learning rates.

use super::ScheduleFunction;
use super::numbers;
use super::numbers::steps;
use crate::config::whole;
use cornu_ir::Var;
use serde::{Deserialize, Serialize};

/// `(initial - end) · (1 - step/decay_steps)^power + end`, with the step at most `decay_steps`, or
/// in cycles with `decay_steps` grown to the next multiple.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolynomialDecay {
    /// The first learning rate.
    pub initial_learning_rate: f64,
    /// Steps until the last learning rate.
    #[serde(serialize_with = "whole", deserialize_with = "steps")]
    pub decay_steps: f64,
    /// The last learning rate.
    #[serde(default = "end")]
    pub end_learning_rate: f64,
    /// The power.
    #[serde(default = "linear")]
    pub power: f64,
    /// Whether it starts again, in ever longer cycles.
    #[serde(default)]
    pub cycle: bool,
    /// Name.
    #[serde(default = "name")]
    pub name: String,
}

fn end() -> f64 {
    1e-4
}

fn linear() -> f64 {
    1.0
}

fn name() -> String {
    "PolynomialDecay".into()
}

impl PolynomialDecay {
    /// A linear decay to 0.0001.
    pub fn new(initial_learning_rate: f64, decay_steps: f64) -> Self {
        Self {
            initial_learning_rate,
            decay_steps,
            end_learning_rate: end(),
            power: linear(),
            cycle: false,
            name: name(),
        }
    }

    /// With another last learning rate.
    pub fn end_learning_rate(mut self, x: f64) -> Self {
        self.end_learning_rate = x;
        self
    }

    /// With another power.
    pub fn power(mut self, x: f64) -> Self {
        self.power = x;
        self
    }

    /// In cycles or not.
    pub fn cycle(mut self, on: bool) -> Self {
        self.cycle = on;
        self
    }
}

impl ScheduleFunction for PolynomialDecay {
    fn of<'g>(&self, step: Var<'g>) -> Var<'g> {
        let scalar = |x| numbers::scalar(step, x);
        let part = if self.cycle {
            let cycles = step.eq(0.0).select(scalar(1.0), (step / self.decay_steps).ceil());
            step / (scalar(self.decay_steps) * cycles)
        } else {
            step.minimum(self.decay_steps) / self.decay_steps
        };
        let end = scalar(self.end_learning_rate);
        (scalar(self.initial_learning_rate) - end) * (1.0 - part).pow(self.power) + end
    }
}
