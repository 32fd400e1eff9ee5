//! Cosine decay with restarts.

use super::ScheduleFunction;
use super::numbers::{scalar, steps};
use crate::config::whole;
use cornu_ir::Var;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Cosine decay of the learning rate with restarts: `initial · ((1-α)·mⁱ·(1 + cos(π·p))/2 + α)`,
/// with `p` the elapsed share of period `i`. Each period is `t` times as long as the one before.
///
/// ```
/// use cornu::optimizers::schedules::{CosineDecayRestarts, Schedule};
/// let s = Schedule::from(CosineDecayRestarts::new(0.5, 10.0));
/// assert_eq!(s.at(0), 0.5);
/// assert!(s.at(9) < 0.02 && s.at(10) > 0.49); // a restart after 10 steps
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosineDecayRestarts {
    /// Learning rate at the first step.
    pub initial_learning_rate: f64,
    /// Number of steps of the first period.
    #[serde(serialize_with = "whole", deserialize_with = "steps")]
    pub first_decay_steps: f64,
    /// Factor `t` from the length of one period to the next.
    #[serde(default = "two")]
    pub t_mul: f64,
    /// Factor `m` of the rate at each restart.
    #[serde(default = "one")]
    pub m_mul: f64,
    /// Share `α` of the initial rate that remains at the end.
    #[serde(default)]
    pub alpha: f64,
    /// Name of the schedule.
    #[serde(default = "name")]
    pub name: String,
}

fn one() -> f64 {
    1.0
}

fn two() -> f64 {
    2.0
}

fn name() -> String {
    "SGDRDecay".into()
}

impl CosineDecayRestarts {
    /// Returns a schedule whose periods double in length and end at 0.
    pub fn new(initial_learning_rate: f64, first_decay_steps: f64) -> Self {
        Self {
            initial_learning_rate,
            first_decay_steps,
            t_mul: two(),
            m_mul: one(),
            alpha: 0.0,
            name: name(),
        }
    }

    /// Sets the factor from the length of one period to the next.
    pub fn t_mul(mut self, x: f64) -> Self {
        self.t_mul = x;
        self
    }

    /// Sets the factor of the rate at each restart.
    pub fn m_mul(mut self, x: f64) -> Self {
        self.m_mul = x;
        self
    }

    /// Sets the share of the initial rate that remains at the end.
    pub fn alpha(mut self, x: f64) -> Self {
        self.alpha = x;
        self
    }
}

impl ScheduleFunction for CosineDecayRestarts {
    fn of<'g>(&self, step: Var<'g>) -> Var<'g> {
        let done = step / self.first_decay_steps;
        let (restarts, part) = if self.t_mul as f32 == 1.0 {
            (done.floor(), done - done.floor())
        } else {
            let t = scalar(step, self.t_mul);
            let restarts = ((1.0 - done * (1.0 - t)).log() / t.log()).floor();
            let before = (1.0 - t.pow(restarts)) / (1.0 - t);
            (restarts, (done - before) / t.pow(restarts))
        };
        let alpha = scalar(step, self.alpha);
        let cosine = 0.5 * scalar(step, self.m_mul).pow(restarts) * (1.0 + (PI * part).cos());
        self.initial_learning_rate * ((1.0 - alpha) * cosine + alpha)
    }
}
