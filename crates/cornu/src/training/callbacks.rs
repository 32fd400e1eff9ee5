//! What listens to a run: Keras's hooks, in its order.

use super::history::Logs;
use crate::{Model, Result};

/// What a hook may look at and change.
pub struct Run<'a> {
    /// The model trained.
    pub model: &'a mut Model,
    /// Set to end training after this epoch (or batch).
    pub stop_training: &'a mut bool,
}

/// Hooks of a run. Each does nothing unless written; an error ends training, with what was trained kept.
/// Source: keras/src/callbacks/callback.py, Keras 3.15.1.
#[allow(unused_variables)]
pub trait Callback {
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
    /// Whether the values after each step are read: making them costs time.
    fn reads_batches(&self) -> bool {
        true
    }
}

/// The callback of a Keras class with its arguments.
pub fn by_class(class: &str, _: serde_json::Value) -> Result<Box<dyn Callback>> {
    Err(crate::Error::Unsupported(format!("callback `{class}`")))
}
