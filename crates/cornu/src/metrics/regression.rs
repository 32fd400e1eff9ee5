//! Means of errors, and the cosine.
//!
//! Source: keras/src/metrics/regression_metrics.py, Keras 3.15.1.

use super::mean::{mean_metrics, ratio, weighted_mean};
use super::{Direction, MetricFunction, MetricValue, settings};
use crate::Result;
use crate::losses::{cosine_similarity, fit_targets, huber, mean_error};
use crate::lowering::Cx;
use cornu_ir::Var;

mean_metrics! {
    /// Mean of squared errors.
    MeanSquaredError "mean_squared_error" Down {}
        |_this, _cx, t, p| mean_error::mean_squared_error(t, p)?;
    /// Mean of absolute errors.
    MeanAbsoluteError "mean_absolute_error" Down {}
        |_this, _cx, t, p| mean_error::mean_absolute_error(t, p)?;
    /// Mean of absolute errors as percentages of the targets.
    MeanAbsolutePercentageError "mean_absolute_percentage_error" Down {}
        |_this, _cx, t, p| mean_error::mean_absolute_percentage_error(t, p)?;
    /// Mean of squared differences of logarithms.
    MeanSquaredLogarithmicError "mean_squared_logarithmic_error" Down {}
        |_this, _cx, t, p| mean_error::mean_squared_logarithmic_error(t, p)?;
    /// Mean of `log(cosh(error))`.
    LogCoshError "logcosh" Down {} |_this, _cx, t, p| huber::log_cosh(t, p)?;
    /// Mean of the cosines of the angles between targets and predictions. Keras does not write
    /// `axis` to files.
    CosineSimilarity "cosine_similarity" Up {
        /// The axis of the vectors.
        #[serde(skip_serializing)]
        axis: isize = -1,
    } |this, cx, t, p| {
        cx.keep_whole_along(&[this.axis], p.rank());
        cosine_similarity::cosine(t, p, this.axis)?
    };
}

settings! {
    /// Square root of the mean of squared errors; a mask does not enter.
    RootMeanSquaredError "root_mean_squared_error" "float32" {}
}

impl MetricFunction for RootMeanSquaredError {
    fn name(&self) -> &str {
        &self.name
    }
    fn partials<'g>(
        &self,
        _: &Cx<'g>,
        y_true: Var<'g>,
        y_pred: Var<'g>,
        _: Option<Var<'g>>,
        weight: Option<Var<'g>>,
    ) -> Result<Vec<Var<'g>>> {
        let (t, p) = fit_targets(&self.name, y_true, y_pred)?;
        weighted_mean(&self.name, (p - t).square().into(), weight)
    }
    fn result(&self, totals: &[Vec<f64>]) -> MetricValue {
        match ratio(totals) {
            MetricValue::Number(mean) => MetricValue::Number(mean.sqrt()),
            list => list,
        }
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Down)
    }
}
