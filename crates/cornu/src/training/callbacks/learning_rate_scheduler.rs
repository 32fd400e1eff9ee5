//! Learning rate of each epoch by a function.

use super::python_format::repr;
use super::{Callback, Run, in_words};
use crate::Result;
use crate::metrics::MetricValue;
use crate::training::Logs;

/// Callback that sets the learning rate of each epoch by a function of the epoch (from 0) and the
/// current rate. The history records the rate as `learning_rate`. For a MultiOptimizer the function
/// is called for each of its optimizers, and the rates are recorded as `learning_rate_NAME`.
///
/// Source: keras/src/callbacks/learning_rate_scheduler.py, Keras 3.15.1.
///
/// ```
/// use cornu::Fit;
/// use cornu::callbacks::LearningRateScheduler;
/// let halved = |epoch, rate| if epoch < 10 { rate } else { rate / 2.0 };
/// let halving = LearningRateScheduler::new(halved);
/// let fit = Fit::new().epochs(20).callback(halving.verbose(1));
/// ```
pub struct LearningRateScheduler {
    schedule: Box<dyn FnMut(usize, f64) -> f64>,
    verbose: u8,
}

impl LearningRateScheduler {
    /// Returns the callback with a function of the epoch and the current rate.
    pub fn new(schedule: impl FnMut(usize, f64) -> f64 + 'static) -> Self {
        Self { schedule: Box::new(schedule), verbose: 0 }
    }

    /// Sets whether a message is printed at each epoch: 1 for yes, 0 for no.
    #[must_use]
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }
}

impl Callback for LearningRateScheduler {
    fn on_epoch_begin(&mut self, run: &mut Run<'_>, epoch: usize) -> Result<()> {
        for (i, (key, rate)) in run.model.learning_rates()?.into_iter().enumerate() {
            let rate = (self.schedule)(epoch, rate);
            run.model.set_learning_rate_at(i, rate)?;
            if self.verbose > 0 {
                run.say(&format!(
                    "Epoch {}: LearningRateScheduler setting {} to {}.",
                    epoch + 1,
                    in_words(&key),
                    repr(rate)
                ));
            }
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, _: usize, logs: &mut Logs) -> Result<()> {
        logs.extend(
            run.model
                .learning_rates()?
                .into_iter()
                .map(|(key, rate)| (key, MetricValue::Number(rate))),
        );
        Ok(())
    }

    fn reads_batches(&self) -> bool {
        false
    }
}
