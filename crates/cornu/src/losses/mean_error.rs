//! Means of pointwise errors: squared, absolute, percentage, squared logarithmic.

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
    /// `mean((y − ŷ)²)` over the last axis.
    MeanSquaredError mean_squared_error "mean_squared_error"
        |t, p| (t - p).square().mean(&[-1], false);
    /// `mean(|y − ŷ|)` over the last axis.
    MeanAbsoluteError mean_absolute_error "mean_absolute_error"
        |t, p| (t - p).abs().mean(&[-1], false);
    /// `100 · mean(|y − ŷ| / max(|y|, ε))` over the last axis.
    MeanAbsolutePercentageError mean_absolute_percentage_error "mean_absolute_percentage_error"
        |t, p| ((t - p) / t.abs().maximum(EPSILON)).abs().mean(&[-1], false) * 100.0;
    /// `mean((log(1 + max(ŷ, ε)) − log(1 + max(y, ε)))²)` over the last axis.
    MeanSquaredLogarithmicError mean_squared_logarithmic_error "mean_squared_logarithmic_error"
        |t, p| ((p.maximum(EPSILON) + 1.0).log() - (t.maximum(EPSILON) + 1.0).log())
            .square()
            .mean(&[-1], false);
}
