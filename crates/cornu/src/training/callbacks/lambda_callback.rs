//! Callback made of closures.

use super::{Callback, Run};
use crate::Result;
use crate::training::Logs;

type Numbered = Option<Box<dyn FnMut(&mut Run<'_>, usize) -> Result<()>>>;

/// Callback made of closures, one for each hook.
///
/// Source: keras/src/callbacks/lambda_callback.py, Keras 3.15.1.
///
/// ```
/// use cornu::Fit;
/// use cornu::callbacks::LambdaCallback;
/// let told = LambdaCallback::new().on_epoch_end(|run, epoch, logs| {
///     run.say(&format!("epoch {epoch}: {:?}", logs.get("loss")));
///     Ok(())
/// });
/// let fit = Fit::new().callback(told);
/// ```
#[derive(Default)]
pub struct LambdaCallback {
    train_begin: Option<Box<dyn FnMut(&mut Run<'_>) -> Result<()>>>,
    train_end: Option<Box<dyn FnMut(&mut Run<'_>, &Logs) -> Result<()>>>,
    epoch_begin: Numbered,
    epoch_end: Option<Box<dyn FnMut(&mut Run<'_>, usize, &mut Logs) -> Result<()>>>,
    batch_begin: Numbered,
    batch_end: Option<Box<dyn FnMut(&mut Run<'_>, usize, &Logs) -> Result<()>>>,
}

impl LambdaCallback {
    /// Returns a callback without hooks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the hook that runs before the first epoch.
    #[must_use]
    pub fn on_train_begin(mut self, f: impl FnMut(&mut Run<'_>) -> Result<()> + 'static) -> Self {
        self.train_begin = Some(Box::new(f));
        self
    }

    /// Sets the hook that runs after the last epoch.
    #[must_use]
    pub fn on_train_end(
        mut self,
        f: impl FnMut(&mut Run<'_>, &Logs) -> Result<()> + 'static,
    ) -> Self {
        self.train_end = Some(Box::new(f));
        self
    }

    /// Sets the hook that runs before each epoch.
    #[must_use]
    pub fn on_epoch_begin(
        mut self,
        f: impl FnMut(&mut Run<'_>, usize) -> Result<()> + 'static,
    ) -> Self {
        self.epoch_begin = Some(Box::new(f));
        self
    }

    /// Sets the hook that runs after each epoch.
    #[must_use]
    pub fn on_epoch_end(
        mut self,
        f: impl FnMut(&mut Run<'_>, usize, &mut Logs) -> Result<()> + 'static,
    ) -> Self {
        self.epoch_end = Some(Box::new(f));
        self
    }

    /// Sets the hook that runs before each training step.
    #[must_use]
    pub fn on_train_batch_begin(
        mut self,
        f: impl FnMut(&mut Run<'_>, usize) -> Result<()> + 'static,
    ) -> Self {
        self.batch_begin = Some(Box::new(f));
        self
    }

    /// Sets the hook that runs after each training step.
    #[must_use]
    pub fn on_train_batch_end(
        mut self,
        f: impl FnMut(&mut Run<'_>, usize, &Logs) -> Result<()> + 'static,
    ) -> Self {
        self.batch_end = Some(Box::new(f));
        self
    }
}

impl Callback for LambdaCallback {
    fn on_train_begin(&mut self, run: &mut Run<'_>) -> Result<()> {
        self.train_begin.as_mut().map_or(Ok(()), |f| f(run))
    }

    fn on_train_end(&mut self, run: &mut Run<'_>, logs: &Logs) -> Result<()> {
        self.train_end.as_mut().map_or(Ok(()), |f| f(run, logs))
    }

    fn on_epoch_begin(&mut self, run: &mut Run<'_>, epoch: usize) -> Result<()> {
        self.epoch_begin.as_mut().map_or(Ok(()), |f| f(run, epoch))
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        self.epoch_end.as_mut().map_or(Ok(()), |f| f(run, epoch, logs))
    }

    fn on_train_batch_begin(&mut self, run: &mut Run<'_>, step: usize) -> Result<()> {
        self.batch_begin.as_mut().map_or(Ok(()), |f| f(run, step))
    }

    fn on_train_batch_end(&mut self, run: &mut Run<'_>, step: usize, logs: &Logs) -> Result<()> {
        self.batch_end.as_mut().map_or(Ok(()), |f| f(run, step, logs))
    }

    fn reads_batches(&self) -> bool {
        self.batch_end.is_some()
    }
}
