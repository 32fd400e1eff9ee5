//! Makes the learning rate smaller when a value no longer improves.

use super::monitor::Monitor;
use super::python_format::repr;
use super::{Callback, Run, in_words};
use crate::metrics::MetricValue;
use crate::training::Logs;
use crate::{Error, Result};

arguments! {
    /// Makes the learning rate smaller when a value no longer improves: `rate = max(rate * factor,
    /// min_lr)`. The rate stands in the history as `learning_rate`, that of an optimizer within a
    /// MultiOptimizer as `learning_rate_NAME`.
    ///
    /// Source: keras/src/callbacks/reduce_lr_on_plateau.py, Keras 3.15.1.
    ReduceLROnPlateau(State) {
        /// The value watched.
        monitor: String [&str] = "val_loss".into(),
        /// What the rate is multiplied by, below 1.
        factor: f64 [f64] = 0.1,
        /// Epochs without improvement after which the rate is made smaller.
        patience: usize [usize] = 10,
        /// 1 tells when it acts.
        verbose: u8 [u8] = 0,
        /// `min`, `max`, or `auto`: by the metric.
        mode: String [&str] = "auto".into(),
        /// Changes smaller than this are no improvement.
        min_delta: f64 [f64] = 1e-4,
        /// Epochs to wait after the rate was made smaller.
        cooldown: usize [usize] = 0,
        /// The smallest rate.
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
    /// Watches a value.
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
