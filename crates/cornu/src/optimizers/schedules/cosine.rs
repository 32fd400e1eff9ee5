//! Half a cosine down to a part of the learning rate, with a warm-up before.

use super::ScheduleFunction;
use super::numbers::{scalar, steps};
use crate::config::whole;
use cornu_ir::Var;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// `from · ((1-α)·(1 + cos(π·step/decay_steps))/2 + α)`. With a warm-up the rate first rises in a
/// line from the initial rate to the target, from which the decay then starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosineDecay {
    /// The first learning rate.
    pub initial_learning_rate: f64,
    /// Steps of the decay, after those of the warm-up.
    #[serde(serialize_with = "whole", deserialize_with = "steps")]
    pub decay_steps: f64,
    /// The part of the rate that is left at last, `α`.
    #[serde(default)]
    pub alpha: f64,
    /// Name.
    #[serde(default = "name")]
    pub name: String,
    /// The rate that the warm-up reaches; without it there is none.
    #[serde(default)]
    pub warmup_target: Option<f64>,
    /// Steps of the warm-up.
    #[serde(default, serialize_with = "whole")]
    pub warmup_steps: f64,
}

fn name() -> String {
    "CosineDecay".into()
}

impl CosineDecay {
    /// A decay to 0, without warm-up.
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

    /// With a part of the rate that is left at last.
    pub fn alpha(mut self, x: f64) -> Self {
        self.alpha = x;
        self
    }

    /// With a rise to a target before.
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
