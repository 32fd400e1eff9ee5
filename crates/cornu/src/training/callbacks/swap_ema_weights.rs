//! Validation with the moving averages of the weights.

use super::{Callback, Run};
use crate::Result;
use crate::training::Logs;

arguments! {
    /// Callback that validates with the optimizer's moving averages of the weights, and restores
    /// the weights after it. The optimizer needs `use_ema`.
    ///
    /// Source: keras/src/callbacks/swap_ema_weights.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::callbacks::SwapEMAWeights;
    /// use cornu::optimizers::Adam;
    /// use cornu::{Compile, Fit};
    /// let compile = Compile::new(Adam::new(1e-3).ema(0.99), "mse");
    /// let fit = Fit::new().epochs(10).callback(SwapEMAWeights::new().swap_on_epoch(true));
    /// ```
    SwapEMAWeights(State) {
        /// True to use the averages also between epochs, for the callbacks that follow: a
        /// ModelCheckpoint then saves them.
        swap_on_epoch: bool [bool] = false,
    }
}

#[derive(Default)]
struct State {
    averages_in_model: bool,
}

impl SwapEMAWeights {
    /// Returns the callback, which swaps the weights for validation only.
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
