//! Checkpoints of the model during training.

use super::frequency::{Counter, Frequency};
use super::monitor::Monitor;
use super::{Callback, Run, python_format};
use crate::metrics::MetricValue;
use crate::training::Logs;
use crate::{Error, Result};
use std::path::Path;

arguments! {
    /// Callback that saves checkpoints during training: the whole model or its weights.
    ///
    /// Source: keras/src/callbacks/model_checkpoint.py, Keras 3.15.1. Differs: a file is written to
    /// a temporary name and renamed, so a run that is killed while saving leaves the previous
    /// checkpoint.
    ///
    /// ```
    /// use cornu::Fit;
    /// use cornu::callbacks::ModelCheckpoint;
    /// let best = ModelCheckpoint::new("best.keras").monitor("val_loss").save_best_only(true);
    /// assert!(best.save_best_only && !best.save_weights_only);
    /// let fit = Fit::new().epochs(100).callback(best);
    /// ```
    ModelCheckpoint(State) {
        /// Path of the files, with Python format fields for `epoch`, `batch` and the keys of the
        /// logs: `{epoch:02d}-{val_loss:.2f}.keras`. It ends in `.keras`, or in `.weights.h5` for
        /// weights alone.
        filepath: String [&str] = String::new(),
        /// Key of the metric in the logs, as `val_loss`.
        monitor: String [&str] = "val_loss".into(),
        /// 1 to print a message when the callback acts, 0 for silence.
        verbose: u8 [u8] = 0,
        /// True to save only a model that is better than all before it.
        save_best_only: bool [bool] = false,
        /// True to save the weights alone.
        save_weights_only: bool [bool] = false,
        /// Direction of improvement: `min`, `max`, or `auto` (that of the metric).
        mode: String [&str] = "auto".into(),
        /// How often it saves: at each epoch, or every n batches.
        save_freq: Frequency [Frequency] = Frequency::Epoch,
        /// Value that the first saved model must beat; `None` for none.
        initial_value_threshold: Option<f64> [f64] = None,
    }
}

#[derive(Default)]
struct State {
    monitor: Monitor,
    started: bool,
    steps: Counter,
    epoch: usize,
}

const WHO: &str = "ModelCheckpoint";

impl ModelCheckpoint {
    /// Returns the callback with the path of the files.
    pub fn new(filepath: impl AsRef<Path>) -> Self {
        Self::default().filepath(&filepath.as_ref().to_string_lossy())
    }

    fn save(
        &mut self,
        run: &mut Run<'_>,
        epoch: usize,
        batch: Option<usize>,
        logs: &Logs,
    ) -> Result<()> {
        let path = self.path(epoch, batch, logs)?;
        if !self.is_due(run, epoch, logs, &path)? {
            return Ok(());
        }
        if let Some(folder) = Path::new(&path).parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|source| Error::Io { what: folder.display().to_string(), source })?;
        }
        if self.save_weights_only {
            run.model.save_weights(&path)?;
        } else {
            run.model.save(&path)?;
        }
        if self.verbose > 0 {
            run.say(&format!("Epoch {}: finished saving model to {path}", epoch + 1));
        }
        Ok(())
    }

    fn path(&self, epoch: usize, batch: Option<usize>, logs: &Logs) -> Result<String> {
        let lookup = |name: &str| match name {
            "epoch" => Some(python_format::Argument::Int(epoch as i64 + 1)),
            "batch" if !logs.contains_key("batch") => {
                batch.map(|b| python_format::Argument::Int(b as i64 + 1))
            }
            _ => match logs.get(name)? {
                MetricValue::Number(x) => Some(python_format::Argument::Float(*x)),
                MetricValue::List(_) => None,
            },
        };
        python_format::format(&self.filepath, &lookup).map_err(|reason| {
            Error::argument(
                WHO,
                format!(
                    "filepath \"{}\" must be filled from epoch and logs: {reason}",
                    self.filepath
                ),
                format!("epoch, {}", logs.keys().cloned().collect::<Vec<_>>().join(", ")),
            )
        })
    }

    fn is_due(&mut self, run: &mut Run<'_>, epoch: usize, logs: &Logs, path: &str) -> Result<bool> {
        let n = epoch + 1;
        if !self.save_best_only {
            if self.verbose > 0 {
                run.say(&format!("Epoch {n}: saving model to {path}"));
            }
            return Ok(true);
        }
        let monitor = &mut self.state.monitor;
        if let Some(MetricValue::List(_)) = logs.get(&self.monitor) {
            run.say(&format!(
                "Can save best model only when `{}` is one number; every model is saved.",
                self.monitor
            ));
            return Ok(true);
        }
        let Some(current) = monitor.value(
            WHO,
            &self.monitor,
            logs,
            run,
            "Saving the best model only is conditioned on",
        )?
        else {
            return Ok(true);
        };
        let best = monitor.best.map_or("None".to_string(), |b| format!("{b:.5}"));
        let better = monitor.improves(current, monitor.best, 0.0);
        if better {
            monitor.best = Some(current);
        }
        if self.verbose > 0 && better {
            run.say(&format!(
                "Epoch {n}: {} improved from {best} to {current:.5}, saving model to {path}",
                self.monitor
            ));
        } else if self.verbose > 0 {
            run.say(&format!("Epoch {n}: {} did not improve from {best}", self.monitor));
        }
        Ok(better)
    }
}

impl Callback for ModelCheckpoint {
    fn check(&self) -> Result<()> {
        let endings: &[&str] =
            if self.save_weights_only { &[".weights.h5"] } else { &[".keras", ".h5"] };
        if !endings.iter().any(|e| self.filepath.ends_with(e)) {
            let what = if self.save_weights_only {
                "with save_weights_only, filepath"
            } else {
                "filepath"
            };
            return Err(Error::argument(
                WHO,
                format!("{what} must end in `{}`", endings[0]),
                format!("filepath \"{}\"", self.filepath),
            ));
        }
        Ok(())
    }

    fn on_train_begin(&mut self, _: &mut Run<'_>) -> Result<()> {
        if !std::mem::replace(&mut self.state.started, true) {
            self.state.monitor.best = self.initial_value_threshold;
        }
        Ok(())
    }

    fn on_epoch_begin(&mut self, _: &mut Run<'_>, epoch: usize) -> Result<()> {
        self.state.epoch = epoch;
        Ok(())
    }

    fn on_train_batch_end(&mut self, run: &mut Run<'_>, step: usize, logs: &Logs) -> Result<()> {
        if self.state.steps.step(self.save_freq) {
            self.state.monitor.settle(WHO, &self.monitor, &self.mode, run)?;
            self.save(run, self.state.epoch, Some(step), logs)?;
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        self.state.monitor.settle(WHO, &self.monitor, &self.mode, run)?;
        if self.save_freq == Frequency::Epoch { self.save(run, epoch, None, logs) } else { Ok(()) }
    }

    fn reads_batches(&self) -> bool {
        self.save_freq != Frequency::Epoch
    }
}
