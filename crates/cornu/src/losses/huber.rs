//! Errors that are squared near 0 and linear far from it.

use super::{LossFunction, Values, fit_targets, named, settings};
use crate::Result;
use crate::lowering::Cx;
use cornu_ir::Var;

settings! {
    /// Huber loss: `mean(e²/2 where |e| ≤ δ, else δ|e| − δ²/2)` over the last axis, with `e = ŷ −
    /// y`. Keras does not write `delta` to files.
    ///
    /// ```
    /// use cornu::losses::{Huber, Loss};
    /// use ndarray::arr2;
    /// let loss = Loss::from(Huber::new());
    /// assert_eq!(loss.value(&arr2(&[[0.0f32, 0.0]]), &arr2(&[[0.5f32, 3.0]]))?, 1.3125);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    Huber "huber_loss" {
        /// Error δ from which the loss is linear.
        #[serde(skip_serializing)]
        delta: f64 = 1.0,
    }
}

settings! {
    /// Logarithm of the hyperbolic cosine of the error: `mean(log(cosh(ŷ − y)))` over the last
    /// axis.
    ///
    /// ```
    /// use cornu::losses::{LogCosh, Loss};
    /// use ndarray::arr2;
    /// let loss = Loss::from(LogCosh::new());
    /// let loss = loss.value(&arr2(&[[0.0f32]]), &arr2(&[[1.0f32]]))?;
    /// assert!((loss - 0.4338).abs() < 1e-4);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    LogCosh "log_cosh" {}
}

/// Returns the values of [`Huber`] before the reduction.
pub fn huber<'g>(y_true: Var<'g>, y_pred: Var<'g>, delta: f64) -> Result<Var<'g>> {
    let (t, p) = fit_targets("huber", y_true.cast(y_pred.dtype()), y_pred)?;
    let error = p - t;
    let far = error.abs();
    Ok(far
        .le(delta)
        .select(error.square() * 0.5, far * delta - 0.5 * delta * delta)
        .mean(&[-1], false))
}

/// Returns the values of [`LogCosh`] before the reduction.
pub fn log_cosh<'g>(y_true: Var<'g>, y_pred: Var<'g>) -> Result<Var<'g>> {
    let (t, p) = fit_targets("log_cosh", y_true.cast(y_pred.dtype()), y_pred)?;
    let error = p - t;
    Ok((error + (error * -2.0).softplus() - std::f64::consts::LN_2).mean(&[-1], false))
}

impl LossFunction for Huber {
    named!();

    fn values<'g>(&self, _: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        Ok(huber(y_true, y_pred, self.delta)?.into())
    }
}

impl LossFunction for LogCosh {
    named!();

    fn values<'g>(&self, _: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        Ok(log_cosh(y_true, y_pred)?.into())
    }
}
