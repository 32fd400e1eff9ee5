//! Mean errors: squared, absolute, percentage, squared logarithmic.

use super::{EPSILON, LossFunction, Values, fit_targets, named, settings};
use crate::Result;
use crate::lowering::Cx;
use cornu_ir::Var;

macro_rules! mean_errors {
    ($(
        $(#[$meta:meta])* $Type:ident $name:ident $text:literal
        |$t:ident, $p:ident| $formula:expr;
    )*) => {$(
        settings! { $(#[$meta])* $Type $text {} }

        $(#[$meta])*
        pub fn $name<'g>(y_true: Var<'g>, y_pred: Var<'g>) -> Result<Var<'g>> {
            let ($t, $p) = fit_targets($text, y_true.cast(y_pred.dtype()), y_pred)?;
            Ok($formula)
        }

        impl LossFunction for $Type {
            named!();

            fn values<'g>(
                &self,
                _: &Cx<'g>,
                y_true: Var<'g>,
                y_pred: Var<'g>,
            ) -> Result<Values<'g>> {
                Ok($name(y_true, y_pred)?.into())
            }
        }
    )*};
}

mean_errors! {
    /// Mean squared error: `mean((y − ŷ)²)` over the last axis.
    ///
    /// ```
    /// use cornu::losses::{Loss, MeanSquaredError};
    /// use ndarray::arr2;
    /// let loss = Loss::from(MeanSquaredError::new());
    /// assert_eq!(loss.value(&arr2(&[[0.0f32, 1.0]]), &arr2(&[[1.0f32, 3.0]]))?, 2.5);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    MeanSquaredError mean_squared_error "mean_squared_error"
        |t, p| (t - p).square().mean(&[-1], false);
    /// Mean absolute error: `mean(|y − ŷ|)` over the last axis.
    ///
    /// ```
    /// use cornu::losses::{Loss, MeanAbsoluteError};
    /// use ndarray::arr2;
    /// let loss = Loss::from(MeanAbsoluteError::new());
    /// assert_eq!(loss.value(&arr2(&[[0.0f32, 1.0]]), &arr2(&[[1.0f32, 3.0]]))?, 1.5);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    MeanAbsoluteError mean_absolute_error "mean_absolute_error"
        |t, p| (t - p).abs().mean(&[-1], false);
    /// Mean absolute percentage error: `100 · mean(|y − ŷ| / max(|y|, ε))` over the last axis.
    ///
    /// ```
    /// use cornu::losses::{Loss, MeanAbsolutePercentageError};
    /// use ndarray::arr2;
    /// let loss = Loss::from(MeanAbsolutePercentageError::new());
    /// assert_eq!(loss.value(&arr2(&[[1.0f32, 2.0]]), &arr2(&[[2.0f32, 3.0]]))?, 75.0);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    MeanAbsolutePercentageError mean_absolute_percentage_error "mean_absolute_percentage_error"
        |t, p| ((t - p) / t.abs().maximum(EPSILON)).abs().mean(&[-1], false) * 100.0;
    /// Mean squared logarithmic error: `mean((log(1 + max(ŷ, ε)) − log(1 + max(y, ε)))²)` over the
    /// last axis.
    ///
    /// ```
    /// use cornu::losses::{Loss, MeanSquaredLogarithmicError};
    /// use ndarray::arr2;
    /// let loss = Loss::from(MeanSquaredLogarithmicError::new());
    /// let loss = loss.value(&arr2(&[[0.0f32]]), &arr2(&[[1.0f32]]))?;
    /// assert!((loss - 0.4805).abs() < 1e-4); // (ln 2)²
    /// # Ok::<(), cornu::Error>(())
    /// ```
    MeanSquaredLogarithmicError mean_squared_logarithmic_error "mean_squared_logarithmic_error"
        |t, p| ((p.maximum(EPSILON) + 1.0).log() - (t.maximum(EPSILON) + 1.0).log())
            .square()
            .mean(&[-1], false);
}
