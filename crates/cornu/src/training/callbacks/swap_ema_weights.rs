//! Lets validation see the moving averages of the weights.

use super::{Callback, Run};
use crate::Result;
use crate::training::Logs;

arguments! {
    /// Puts the optimizer's moving averages in the weights' place for validation, and the weights
    /// back after it. The optimizer needs `use_ema`.
    ///
    /// Source: keras/src/callbacks/swap_ema_weights.py, Keras 3.15.1.
    SwapEMAWeights(State) {
        /// Whether they also stand there from the end of an epoch to the begin of the next, for the
        /// callbacks that follow: a ModelCheckpoint then saves the averages.
        swap_on_epoch: bool [bool] = false,
    }
}

#[derive(Default)]
struct State {
    averages_in_model: bool,
}

impl SwapEMAWeights {
    /// Swaps for validation.
    pub fn new() -> Self {
        Self::default()
    }

    fn swap(&mut self, run: &mut Run<'_>, into_model: bool) -> Result<()> {
        if self.state.averages_in_model != into_model {
            run.model.swap_averages()?;
            self.state.averages_in_model = into_model;
        }
        Ok(())
    }
}

impl Callback for SwapEMAWeights {
    fn on_epoch_begin(&mut self, run: &mut Run<'_>, _: usize) -> Result<()> {
        if self.swap_on_epoch { self.swap(run, false) } else { Ok(()) }
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: usize, _: &mut Logs) -> Result<()> {
        if self.swap_on_epoch && !self.state.averages_in_model {
            self.swap(run, true)?;
            if epoch + 1 == run.epochs {
                // The end of training puts the averages into the weights once more.
                run.model.averages_from_weights()?;
            }
        }
        Ok(())
    }

    fn on_test_begin(&mut self, run: &mut Run<'_>) -> Result<()> {
        self.swap(run, true)
    }

    fn on_test_end(&mut self, run: &mut Run<'_>, _: &Logs) -> Result<()> {
        self.swap(run, false)
    }

    fn reads_batches(&self) -> bool {
        false
    }
}
