//! The settings that all optimizers share.

use super::learning_rate::LearningRate;
use super::pattern::Pattern;
use crate::{Error, Result};

/// The shared settings of an optimizer.
///
/// Source: keras/src/optimizers/base_optimizer.py, Keras 3.15.1.
pub(super) struct Settings<'a> {
    pub name: &'a str,
    pub learning_rate: &'a LearningRate,
    pub weight_decay: Option<f64>,
    pub clipnorm: Option<f64>,
    pub global_clipnorm: Option<f64>,
    pub clipvalue: Option<f64>,
    pub use_ema: bool,
    pub ema_momentum: f64,
    pub ema_overwrite_frequency: Option<u32>,
    pub loss_scale_factor: Option<f64>,
    pub gradient_accumulation_steps: Option<u32>,
    pub exclude_from_weight_decay: &'a [String],
}

/// The shared settings of whoever has them.
pub(super) trait HasSettings {
    fn settings(&self) -> Settings<'_>;
}

impl Settings<'_> {
    /// The rules that Keras's constructor enforces.
    pub fn check(&self) -> Result<()> {
        if let Some(1) = self.gradient_accumulation_steps {
            return Err(Error::argument(
                "gradient_accumulation_steps",
                "it must be at least 2, or null",
                1,
            ));
        }
        if self.use_ema && !(0.0..=1.0).contains(&self.ema_momentum) {
            return Err(Error::argument(
                "ema_momentum",
                "it must lie within 0 and 1",
                self.ema_momentum,
            ));
        }
        if self.use_ema && self.ema_overwrite_frequency == Some(0) {
            return Err(Error::argument(
                "ema_overwrite_frequency",
                "it must be at least 1, or null",
                0,
            ));
        }
        let clips = [
            ("clipnorm", self.clipnorm),
            ("clipvalue", self.clipvalue),
            ("global_clipnorm", self.global_clipnorm),
        ];
        let set: Vec<String> =
            clips.iter().filter_map(|(name, x)| x.map(|x| format!("{name}={x}"))).collect();
        if set.len() > 1 {
            return Err(Error::argument(
                "clipping",
                "only one of clipnorm, clipvalue and global_clipnorm can be set",
                set.join(", "),
            ));
        }
        patterns("exclude_from_weight_decay", self.exclude_from_weight_decay).map(drop)
    }

    /// After how many steps the weights move: `None` is every one.
    pub fn accumulation_steps(&self) -> Option<f64> {
        self.gradient_accumulation_steps.filter(|&n| n > 1).map(f64::from)
    }
}

/// Expressions searched for in names.
pub(super) fn patterns(who: &str, expressions: &[String]) -> Result<Vec<Pattern>> {
    let rule = "each entry must be a regular expression without look-around";
    expressions.iter().map(|e| Pattern::new(who, rule, e)).collect()
}

/// The settings that others change: the learning rate, the factor of the loss.
pub(super) struct Changeable<'a> {
    pub learning_rate: &'a mut LearningRate,
    pub loss_scale_factor: &'a mut Option<f64>,
}
