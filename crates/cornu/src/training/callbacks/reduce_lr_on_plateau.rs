//! Smaller learning rates when a metric no longer improves.

use super::monitor::Monitor;
use super::python_format::repr;
use super::{Callback, Run, in_words};
use crate::metrics::MetricValue;
use crate::training::Logs;
use crate::{Error, Result};

arguments! {
    /// Callback that reduces the learning rate when a metric no longer improves: `rate = max(rate *
    /// factor, min_lr)`. The history records the rate as `learning_rate`, those of a MultiOptimizer
    /// as `learning_rate_NAME`.
    ///
    /// Source: keras/src/callbacks/reduce_lr_on_plateau.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::Fit;
    /// use cornu::callbacks::ReduceLROnPlateau;
    /// let reduce = ReduceLROnPlateau::new("val_loss").factor(0.5).patience(3);
    /// assert_eq!((reduce.factor, reduce.patience, reduce.min_lr), (0.5, 3, 0.0));
    /// let fit = Fit::new().epochs(100).callback(reduce);
    /// ```
    ReduceLROnPlateau(State) {
        /// Key of the metric in the logs, as `val_loss`.
        monitor: String [&str] = "val_loss".into(),
        /// Factor of the rate at each reduction, below 1.
        factor: f64 [f64] = 0.1,
        /// Number of epochs without improvement after which the rate is reduced.
        patience: usize [usize] = 10,
        /// 1 to print a message when the callback acts, 0 for silence.
        verbose: u8 [u8] = 0,
        /// Direction of improvement: `min`, `max`, or `auto` (that of the metric).
        mode: String [&str] = "auto".into(),
        /// Smallest change that counts as an improvement.
        min_delta: f64 [f64] = 1e-4,
        /// Number of epochs to wait after a reduction.
        cooldown: usize [usize] = 0,
        /// Smallest learning rate.
        min_lr: f64 [f64] = 0.0,
    }
}

#[derive(Default)]
struct State {
    monitor: Monitor,
    wait: usize,
    cooldown: usize,
}

const WHO: &str = "ReduceLROnPlateau";

impl ReduceLROnPlateau {
    /// Returns the callback for a metric, by its key in the logs.
    pub fn new(monitor: &str) -> Self {
        Self::default().monitor(monitor)
    }

    /// Makes the rates smaller that are not the smallest yet: whether there was one.
    fn reduce(&self, run: &mut Run<'_>, epoch: usize, rates: &[(String, f64)]) -> Result<bool> {
        let mut reduced = false;
        for (i, (key, rate)) in
            rates.iter().enumerate().filter(|(_, (_, rate))| *rate > f64::from(self.min_lr as f32))
        {
            let new = (rate * self.factor).max(self.min_lr);
            run.model.set_learning_rate_at(i, new)?;
            if self.verbose > 0 {
                run.say(&format!(
                    "Epoch {}: ReduceLROnPlateau reducing {} to {}.",
                    epoch + 1,
                    in_words(key),
                    repr(new)
                ));
            }
            reduced = true;
        }
        Ok(reduced)
    }
}

impl Callback for ReduceLROnPlateau {
    fn check(&self) -> Result<()> {
        if self.factor.is_nan() || self.factor >= 1.0 {
            return Err(Error::argument(WHO, "factor must be below 1", self.factor));
        }
        Ok(())
    }

    fn on_train_begin(&mut self, _: &mut Run<'_>) -> Result<()> {
        self.state = State::default();
        Ok(())
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        let s = &mut self.state;
        s.monitor.settle(WHO, &self.monitor, &self.mode, run)?;
        let rates = run.model.learning_rates()?;
        logs.extend(rates.iter().map(|(key, rate)| (key.clone(), MetricValue::Number(*rate))));
        let Some(current) = s.monitor.value(
            WHO,
            &self.monitor,
            logs,
            run,
            "Learning rate reduction is conditioned on",
        )?
        else {
            return Ok(());
        };
        if s.cooldown > 0 {
            s.cooldown -= 1;
            s.wait = 0;
        }
        if s.monitor.improves(current, s.monitor.best, self.min_delta) {
            s.monitor.best = Some(current);
            s.wait = 0;
        } else if s.cooldown == 0 {
            s.wait += 1;
            if s.wait >= self.patience && self.reduce(run, epoch, &rates)? {
                self.state.cooldown = self.cooldown;
                self.state.wait = 0;
            }
        }
        Ok(())
    }

    fn reads_batches(&self) -> bool {
        false
    }
}
