//! Callbacks: hooks that run during training.

#[macro_use]
mod arguments;
mod frequency;
mod python_format;
mod monitor;
mod early_stopping;
mod model_checkpoint;
mod reduce_lr_on_plateau;
mod learning_rate_scheduler;
mod csv_logger;
mod terminate_on_nan;
mod backup_and_restore;
mod swap_ema_weights;
mod remote_monitor;
mod event_file;
mod tensorboard;
mod lambda_callback;

pub use backup_and_restore::BackupAndRestore;
pub use csv_logger::CSVLogger;
pub use early_stopping::EarlyStopping;
pub use frequency::Frequency;
pub use lambda_callback::LambdaCallback;
pub use learning_rate_scheduler::LearningRateScheduler;
pub use model_checkpoint::ModelCheckpoint;
pub use reduce_lr_on_plateau::ReduceLROnPlateau;
pub use remote_monitor::RemoteMonitor;
pub use swap_ema_weights::SwapEMAWeights;
pub use tensorboard::TensorBoard;
pub use terminate_on_nan::TerminateOnNaN;

use super::compiled_model::CompiledModel;
use super::history::Logs;
pub use super::position::Position;
use crate::compile::OutputMetric;
use crate::{Error, Result};
use serde_json::Value;

/// State of a training run, which a hook may read and change.
pub struct Run<'a> {
    /// Model that is trained.
    pub model: &'a CompiledModel,
    /// Set to true to end training after this epoch or batch.
    pub stop_training: &'a mut bool,
    /// Number of epochs of the run.
    pub epochs: usize,
    /// Metrics that the model was compiled with.
    pub metrics: &'a [OutputMetric],
    /// Position in the run: the next epoch and batch. If a hook changes it before the first epoch,
    /// training continues there.
    pub position: &'a mut Position,
    pub(crate) print: &'a mut dyn FnMut(&str),
}

impl Run<'_> {
    /// Prints a message without breaking the progress bar.
    pub fn say(&mut self, message: &str) {
        (self.print)(message);
    }
}

/// Trait of callbacks: hooks that run during training. A hook does nothing by default. An error
/// from a hook ends training; the trained weights are kept. Source:
/// keras/src/callbacks/callback.py, Keras 3.15.1.
#[allow(unused_variables)]
pub trait Callback {
    /// Checks the settings, before a run begins.
    fn check(&self) -> Result<()> {
        Ok(())
    }
    /// Runs before the first epoch.
    fn on_train_begin(&mut self, run: &mut Run<'_>) -> Result<()> {
        Ok(())
    }
    /// Runs after the last epoch.
    fn on_train_end(&mut self, run: &mut Run<'_>, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// Runs before each epoch, counted from 0.
    fn on_epoch_begin(&mut self, run: &mut Run<'_>, epoch: usize) -> Result<()> {
        Ok(())
    }
    /// Runs after each epoch and its validation. Entries that it adds to the logs go into the
    /// history.
    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        Ok(())
    }
    /// Runs before each training step, counted from 0 in each epoch.
    fn on_train_batch_begin(&mut self, run: &mut Run<'_>, step: usize) -> Result<()> {
        Ok(())
    }
    /// Runs after each training step; `logs` holds the means over the epoch so far.
    fn on_train_batch_end(&mut self, run: &mut Run<'_>, step: usize, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// Runs before validation.
    fn on_test_begin(&mut self, run: &mut Run<'_>) -> Result<()> {
        Ok(())
    }
    /// Runs after validation.
    fn on_test_end(&mut self, run: &mut Run<'_>, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// Runs before each batch of validation data.
    fn on_test_batch_begin(&mut self, run: &mut Run<'_>, step: usize) -> Result<()> {
        Ok(())
    }
    /// Runs after each batch of validation data; `logs` holds the means so far.
    fn on_test_batch_end(&mut self, run: &mut Run<'_>, step: usize, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// True if the callback reads `logs` after each training step; computing them costs time.
    fn reads_batches(&self) -> bool {
        true
    }
}

/// What a callback lacks in this build.
fn without_feature(class: &str, feature: &str) -> Error {
    Error::Unsupported(format!(
        "callback `{class}` in this build; build cornu with the feature `{feature}`"
    ))
}

/// The key of a learning rate in the words of messages.
fn in_words(key: &str) -> String {
    key.strip_prefix("learning_rate_")
        .map_or("learning rate".into(), |name| format!("{name} learning rate"))
}

macro_rules! callbacks {
    ($($class:literal => $Type:ident),* $(,)?) => {
        /// Keras's names of the callbacks that `by_class` can make.
        pub const CLASSES: &[&str] = &[$($class),*];

        /// Returns the callback of a Keras class with its arguments.
        ///
        /// # Errors
        /// An unknown class, an unknown argument, or an invalid value.
        pub fn by_class(class: &str, config: Value) -> Result<Box<dyn Callback>> {
            let callback: Box<dyn Callback> = match class {
                $($class => Box::new(
                    crate::config::from_value::<$Type>(config)
                        .map_err(|e| Error::Config(format!("callback {class}: {e}")))?,
                ),)*
                "LearningRateScheduler" | "LambdaCallback" => {
                    return Err(Error::Unsupported(format!("callback `{class}` by name: it takes a \
                        function; a schedule can stand in the optimizer's learning_rate")));
                }
                _ => return Err(Error::Unsupported(format!("callback `{class}`; there are \
                    {}", CLASSES.join(", ")))),
            };
            callback.check()?;
            Ok(callback)
        }
    };
}

callbacks! {
    "EarlyStopping" => EarlyStopping,
    "ModelCheckpoint" => ModelCheckpoint,
    "ReduceLROnPlateau" => ReduceLROnPlateau,
    "CSVLogger" => CSVLogger,
    "TerminateOnNaN" => TerminateOnNaN,
    "BackupAndRestore" => BackupAndRestore,
    "SwapEMAWeights" => SwapEMAWeights,
    "RemoteMonitor" => RemoteMonitor,
    "TensorBoard" => TensorBoard,
}

#[cfg(test)]
mod tests;
