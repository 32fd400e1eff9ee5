//! Half a cosine down, again and again.

use super::ScheduleFunction;
use super::numbers::{scalar, steps};
use crate::config::whole;
use cornu_ir::Var;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// `initial · ((1-α)·mⁱ·(1 + cos(π·p))/2 + α)` with `p` the part done of period `i`; each period is
/// `t` times as long as the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosineDecayRestarts {
    /// The first learning rate.
    pub initial_learning_rate: f64,
    /// Steps of the first period.
    #[serde(serialize_with = "whole", deserialize_with = "steps")]
    pub first_decay_steps: f64,
    /// Factor of the length of periods, `t`.
    #[serde(default = "two")]
    pub t_mul: f64,
    /// Factor of the rate at each restart, `m`.
    #[serde(default = "one")]
    pub m_mul: f64,
    /// The part of the rate that is left at last, `α`.
    #[serde(default)]
    pub alpha: f64,
    /// Name.
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
    /// Periods that double, down to 0.
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

    /// With another factor of the length of periods.
    pub fn t_mul(mut self, x: f64) -> Self {
        self.t_mul = x;
        self
    }

    /// With another factor of the rate at each restart.
    pub fn m_mul(mut self, x: f64) -> Self {
        self.m_mul = x;
        self
    }

    /// With a part of the rate that is left at last.
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
