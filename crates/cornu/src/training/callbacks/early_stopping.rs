//! Early stopping.

use super::monitor::Monitor;
use super::{Callback, Run};
use crate::Result;
use crate::training::Logs;
use cornu_ir::Tensor;

arguments! {
    /// Callback that ends training when a metric no longer improves.
    ///
    /// Source: keras/src/callbacks/early_stopping.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::Fit;
    /// use cornu::callbacks::EarlyStopping;
    /// let stopping = EarlyStopping::new("val_loss").patience(3).restore_best_weights(true);
    /// assert_eq!((stopping.patience, stopping.min_delta), (3, 0.0));
    /// let fit = Fit::new().epochs(100).callback(stopping);
    /// ```
    EarlyStopping(State) {
        /// Key of the metric in the logs, as `val_loss`.
        monitor: String [&str] = "val_loss".into(),
        /// Smallest change that counts as an improvement.
        min_delta: f64 [f64] = 0.0,
        /// Number of epochs without improvement after which training ends.
        patience: usize [usize] = 0,
        /// 1 to print a message when the callback acts, 0 for silence.
        verbose: u8 [u8] = 0,
        /// Direction of improvement: `min`, `max`, or `auto` (that of the metric).
        mode: String [&str] = "auto".into(),
        /// Value that the metric must beat; `None` for none.
        baseline: Option<f64> [f64] = None,
        /// True to restore the weights of the best epoch at the end of training.
        restore_best_weights: bool [bool] = false,
        /// Number of epochs before the first comparison.
        start_from_epoch: usize [usize] = 0,
    }
}

#[derive(Default)]
struct State {
    monitor: Monitor,
    wait: usize,
    stopped_epoch: usize,
    best_weights: Option<Vec<Tensor>>,
    best_epoch: usize,
}

impl EarlyStopping {
    /// Returns the callback for a metric, by its key in the logs.
    pub fn new(monitor: &str) -> Self {
        Self::default().monitor(monitor)
    }
}

impl Callback for EarlyStopping {
    fn on_train_begin(&mut self, _: &mut Run<'_>) -> Result<()> {
        self.state = State::default();
        Ok(())
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        let s = &mut self.state;
        s.monitor.settle("EarlyStopping", &self.monitor, &self.mode, run)?;
        let current = s.monitor.value(
            "EarlyStopping",
            &self.monitor,
            logs,
            run,
            "Early stopping conditioned on",
        )?;
        let Some(current) = current.filter(|_| epoch >= self.start_from_epoch) else {
            return Ok(());
        };
        if self.restore_best_weights && s.best_weights.is_none() {
            s.best_weights = Some(run.model.tensors());
            s.best_epoch = epoch;
        }
        s.wait += 1;
        if s.monitor.improves(current, s.monitor.best, self.min_delta) {
            s.monitor.best = Some(current);
            s.best_epoch = epoch;
            if self.restore_best_weights {
                s.best_weights = Some(run.model.tensors());
            }
            if s.monitor.improves(current, self.baseline, self.min_delta) {
                s.wait = 0;
            }
        } else if s.wait >= self.patience && epoch > 0 {
            s.stopped_epoch = epoch;
            *run.stop_training = true;
        }
        Ok(())
    }

    fn on_train_end(&mut self, run: &mut Run<'_>, _: &Logs) -> Result<()> {
        let s = &mut self.state;
        if s.stopped_epoch > 0 && self.verbose > 0 {
            run.say(&format!("Epoch {}: early stopping", s.stopped_epoch + 1));
        }
        if let Some(weights) = s.best_weights.take() {
            if self.verbose > 0 {
                run.say(&format!(
                    "Restoring model weights from the end of the best epoch: {}.",
                    s.best_epoch + 1
                ));
            }
            run.model.replace_weights(&weights);
        }
        Ok(())
    }

    fn reads_batches(&self) -> bool {
        false
    }
}
