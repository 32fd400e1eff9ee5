//! What listens to a run: Keras's hooks, in its order, and Keras's callbacks.

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

/// What a hook may look at and change.
pub struct Run<'a> {
    /// The model trained.
    pub model: &'a CompiledModel,
    /// Set to end training after this epoch (or batch).
    pub stop_training: &'a mut bool,
    /// Epochs asked for.
    pub epochs: usize,
    /// The metrics compiled.
    pub metrics: &'a [OutputMetric],
    /// What comes next. Set before the first epoch, training goes on from there.
    pub position: &'a mut Position,
    pub(crate) print: &'a mut dyn FnMut(&str),
}

impl Run<'_> {
    /// Tells the user something, past the progress bar.
    pub fn say(&mut self, message: &str) {
        (self.print)(message);
    }
}

/// Hooks of a run. Each does nothing unless written; an error ends training, with what was trained
/// kept. Source: keras/src/callbacks/callback.py, Keras 3.15.1.
#[allow(unused_variables)]
pub trait Callback {
    /// Whether the settings have a meaning; asked before a run begins.
    fn check(&self) -> Result<()> {
        Ok(())
    }
    /// Before the first epoch.
    fn on_train_begin(&mut self, run: &mut Run<'_>) -> Result<()> {
        Ok(())
    }
    /// After the last epoch.
    fn on_train_end(&mut self, run: &mut Run<'_>, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// Before an epoch, counted from 0.
    fn on_epoch_begin(&mut self, run: &mut Run<'_>, epoch: usize) -> Result<()> {
        Ok(())
    }
    /// After an epoch and its validation; what is put into the logs stands in the history.
    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        Ok(())
    }
    /// Before a training step, counted from 0 in its epoch.
    fn on_train_batch_begin(&mut self, run: &mut Run<'_>, step: usize) -> Result<()> {
        Ok(())
    }
    /// After a training step, with the epoch's values so far.
    fn on_train_batch_end(&mut self, run: &mut Run<'_>, step: usize, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// Before validation.
    fn on_test_begin(&mut self, run: &mut Run<'_>) -> Result<()> {
        Ok(())
    }
    /// After validation.
    fn on_test_end(&mut self, run: &mut Run<'_>, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// Before a batch of validation.
    fn on_test_batch_begin(&mut self, run: &mut Run<'_>, step: usize) -> Result<()> {
        Ok(())
    }
    /// After a batch of validation, with the values so far.
    fn on_test_batch_end(&mut self, run: &mut Run<'_>, step: usize, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// Whether the values after each step are read: making them costs time.
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
        /// The callbacks that can be made by name, in Keras's words.
        pub const CLASSES: &[&str] = &[$($class),*];

        /// The callback of a Keras class with its arguments.
        ///
        /// # Errors
        /// No such class, an argument it does not have, or one without a meaning.
        pub fn by_class(class: &str, config: Value) -> Result<Box<dyn Callback>> {
            let callback: Box<dyn Callback> = match class {
                $($class => Box::new(
                    serde_json::from_value::<$Type>(config)
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
