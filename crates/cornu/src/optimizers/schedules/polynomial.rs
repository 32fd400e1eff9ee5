//! Polynomial decay.

use super::ScheduleFunction;
use super::numbers;
use super::numbers::steps;
use crate::config::whole;
use cornu_ir::Var;
use serde::{Deserialize, Serialize};

/// Polynomial decay of the learning rate: `(initial - end) · (1 - step/decay_steps)^power + end`,
/// constant after `decay_steps`. With `cycle`, `decay_steps` grows to the next multiple.
///
/// ```
/// use cornu::optimizers::schedules::{PolynomialDecay, Schedule};
/// let s = Schedule::from(PolynomialDecay::new(1.0, 10.0).end_learning_rate(0.0));
/// assert_eq!((s.at(0), s.at(5), s.at(20)), (1.0, 0.5, 0.0));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolynomialDecay {
    /// Learning rate at the first step.
    pub initial_learning_rate: f64,
    /// Number of steps to the last learning rate.
    #[serde(serialize_with = "whole", deserialize_with = "steps")]
    pub decay_steps: f64,
    /// Learning rate at the end.
    #[serde(default = "end")]
    pub end_learning_rate: f64,
    /// Power of the decay.
    #[serde(default = "linear")]
    pub power: f64,
    /// True to start again after the end, in cycles of growing length.
    #[serde(default)]
    pub cycle: bool,
    /// Name of the schedule.
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
    /// Returns a linear decay to 0.0001.
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

    /// Sets the learning rate at the end.
    pub fn end_learning_rate(mut self, x: f64) -> Self {
        self.end_learning_rate = x;
        self
    }

    /// Sets the power of the decay.
    pub fn power(mut self, x: f64) -> Self {
        self.power = x;
        self
    }

    /// Sets whether the decay starts again after the end.
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
