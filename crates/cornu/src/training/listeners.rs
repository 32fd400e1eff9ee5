//! The callbacks of a run, told in turn.

use super::callbacks::{Callback, Run};
use super::compiled_model::CompiledModel;
use super::position::Position;
use super::progress::Progress;
use crate::Result;
use crate::compile::OutputMetric;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The callbacks of a run with what they may look at and change.
pub(crate) struct Listeners {
    callbacks: Vec<Box<dyn Callback>>,
    pub(crate) progress: Progress,
    pub(crate) stop_training: bool,
    pub(crate) position: Position,
    /// Set from outside to end the run after a batch.
    pub(crate) stop_request: Option<Arc<AtomicBool>>,
    epochs: usize,
    metrics: Vec<OutputMetric>,
}

impl Listeners {
    /// Callbacks with settings that were checked.
    pub(crate) fn new(
        callbacks: Vec<Box<dyn Callback>>,
        progress: Progress,
        epochs: usize,
        initial_epoch: usize,
        metrics: &[OutputMetric],
    ) -> Result<Self> {
        callbacks.iter().try_for_each(|c| c.check())?;
        Ok(Self {
            callbacks,
            progress,
            stop_training: false,
            position: Position::at(initial_epoch),
            stop_request: None,
            epochs,
            metrics: metrics.to_vec(),
        })
    }

    /// No callbacks.
    pub(crate) fn none() -> Self {
        Self {
            callbacks: vec![],
            progress: Progress::new(0, 0),
            stop_training: false,
            position: Position::default(),
            stop_request: None,
            epochs: 0,
            metrics: vec![],
        }
    }

    /// Calls a hook of each callback, in their order, up to the first error.
    pub(crate) fn tell(
        &mut self,
        model: &CompiledModel,
        mut hook: impl FnMut(&mut dyn Callback, &mut Run<'_>) -> Result<()>,
    ) -> Result<()> {
        let Self { callbacks, progress, stop_training, position, epochs, metrics, .. } = self;
        let mut print = |message: &str| progress.print(message);
        for c in callbacks {
            hook(
                c.as_mut(),
                &mut Run {
                    model,
                    stop_training,
                    epochs: *epochs,
                    metrics,
                    position,
                    print: &mut print,
                },
            )?;
        }
        Ok(())
    }

    /// True once the run is asked from outside to end.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.stop_request.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Whether the values of each step are asked for.
    pub(crate) fn reads_batches(&self) -> bool {
        self.progress.shows_steps() || self.callbacks.iter().any(|c| c.reads_batches())
    }
}
