//! The settings that all optimizers share.

use super::learning_rate::LearningRate;
use super::pattern::Pattern;
use crate::{Error, Result};

/// Settings that every optimizer has.
///
/// Source: keras/src/optimizers/base_optimizer.py, Keras 3.15.1.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// Name of the optimizer.
    pub name: &'a str,
    /// Learning rate: a number or a schedule.
    pub learning_rate: &'a LearningRate,
    /// Weight decay: this share of the weight, times the learning rate, is subtracted before each
    /// update.
    pub weight_decay: Option<f64>,
    /// Clips the gradient of each weight to this norm.
    pub clipnorm: Option<f64>,
    /// Clips all gradients together to this norm.
    pub global_clipnorm: Option<f64>,
    /// Clips each element of a gradient to this absolute value.
    pub clipvalue: Option<f64>,
    /// True if a moving average of the weights is kept, which replaces them at the end of training.
    pub use_ema: bool,
    /// Decay rate of the moving average.
    pub ema_momentum: f64,
    /// Number of steps after which the average replaces the weights during training.
    pub ema_overwrite_frequency: Option<u32>,
    /// Fixed loss scale: the loss is multiplied by it, the gradients are divided by it.
    pub loss_scale_factor: Option<f64>,
    /// Number of steps over which gradients are averaged before an update.
    pub gradient_accumulation_steps: Option<u32>,
    /// Regular expressions: weights whose name contains a match do not decay.
    pub exclude_from_weight_decay: &'a [String],
}

impl<'a> Settings<'a> {
    /// Returns Keras's defaults with a name and a learning rate.
    pub fn new(name: &'a str, learning_rate: &'a LearningRate) -> Self {
        Self {
            name,
            learning_rate,
            weight_decay: None,
            clipnorm: None,
            global_clipnorm: None,
            clipvalue: None,
            use_ema: false,
            ema_momentum: 0.99,
            ema_overwrite_frequency: None,
            loss_scale_factor: None,
            gradient_accumulation_steps: None,
            exclude_from_weight_decay: &[],
        }
    }
}

impl Settings<'_> {
    /// The rules that Keras's constructor enforces.
    pub(super) fn check(&self) -> Result<()> {
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
    pub(super) fn accumulation_steps(&self) -> Option<f64> {
        self.gradient_accumulation_steps.filter(|&n| n > 1).map(f64::from)
    }
}

/// Expressions searched for in names.
pub(super) fn patterns(who: &str, expressions: &[String]) -> Result<Vec<Pattern>> {
    let rule = "each entry must be a regular expression without look-around";
    expressions.iter().map(|e| Pattern::new(who, rule, e)).collect()
}
