//! End of training when the loss is not finite.

use super::python_format::repr;
use super::{Callback, Run};
use crate::metrics::MetricValue;
use crate::training::Logs;
use crate::{Error, Result};

arguments! {
    /// Callback that ends training when the loss is NaN or infinite.
    ///
    /// Source: keras/src/callbacks/terminate_on_nan.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::Fit;
    /// use cornu::callbacks::TerminateOnNaN;
    /// assert!(!TerminateOnNaN::new().raise_error); // by default a message, not an error
    /// let fit = Fit::new().epochs(10).callback(TerminateOnNaN::new());
    /// ```
    TerminateOnNaN(()) {
        /// True to end with an error, without calling `on_train_end`; false to end with a message.
        raise_error: bool [bool] = false,
    }
}

impl TerminateOnNaN {
    /// Returns the callback, which ends training with a message.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Callback for TerminateOnNaN {
    fn on_train_batch_end(&mut self, run: &mut Run<'_>, step: usize, logs: &Logs) -> Result<()> {
        let () = self.state;
        let Some(MetricValue::Number(loss)) = logs.get("loss") else { return Ok(()) };
        if loss.is_finite() {
            return Ok(());
        }
        if self.raise_error {
            return Err(Error::argument(
                "TerminateOnNaN",
                format!("the loss must be finite; at batch {step} it is not, and training ends"),
                repr(*loss),
            ));
        }
        run.say(&format!("Batch {step}: Invalid loss, terminating training"));
        *run.stop_training = true;
        Ok(())
    }
}
