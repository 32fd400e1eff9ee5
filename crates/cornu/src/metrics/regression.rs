//! Mean errors of regression, and the cosine similarity.
//!
//! Source: keras/src/metrics/regression_metrics.py, Keras 3.15.1.

use super::mean::{ratio, weighted_mean};
use super::metric_function::mean_metrics;
use super::{Direction, MetricFunction, MetricValue, settings};
use crate::Result;
use crate::losses::{cosine_similarity, fit_targets, huber, mean_error};
use crate::lowering::Cx;
use cornu_ir::Var;

mean_metrics! {
    /// Mean squared error.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MeanSquaredError, MetricValue};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(MeanSquaredError::new());
    /// metric.update(&arr2(&[[0.0f32, 1.0]]), &arr2(&[[1.0f32, 3.0]]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(2.5));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    MeanSquaredError "mean_squared_error" Down {}
        |_this, _cx, t, p| mean_error::mean_squared_error(t, p)?;
    /// Mean absolute error.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MeanAbsoluteError, MetricValue};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(MeanAbsoluteError::new());
    /// metric.update(&arr2(&[[0.0f32, 1.0]]), &arr2(&[[1.0f32, 3.0]]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(1.5));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    MeanAbsoluteError "mean_absolute_error" Down {}
        |_this, _cx, t, p| mean_error::mean_absolute_error(t, p)?;
    /// Mean absolute error in per cent of the targets.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MeanAbsolutePercentageError, MetricValue};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(MeanAbsolutePercentageError::new());
    /// metric.update(&arr2(&[[1.0f32, 2.0]]), &arr2(&[[2.0f32, 3.0]]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(75.0));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    MeanAbsolutePercentageError "mean_absolute_percentage_error" Down {}
        |_this, _cx, t, p| mean_error::mean_absolute_percentage_error(t, p)?;
    /// Mean squared difference of `log(1 + y)` and `log(1 + ŷ)`.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MeanSquaredLogarithmicError, MetricValue};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(MeanSquaredLogarithmicError::new());
    /// metric.update(&arr2(&[[0.0f32]]), &arr2(&[[1.0f32]]))?;
    /// assert!(matches!(metric.result(), MetricValue::Number(v) if (v - 0.4805).abs() < 1e-4));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    MeanSquaredLogarithmicError "mean_squared_logarithmic_error" Down {}
        |_this, _cx, t, p| mean_error::mean_squared_logarithmic_error(t, p)?;
    /// Mean of `log(cosh(ŷ − y))`.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{LogCoshError, MetricValue};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(LogCoshError::new());
    /// metric.update(&arr2(&[[0.0f32]]), &arr2(&[[1.0f32]]))?;
    /// assert!(matches!(metric.result(), MetricValue::Number(v) if (v - 0.4338).abs() < 1e-4));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    LogCoshError "logcosh" Down {} |_this, _cx, t, p| huber::log_cosh(t, p)?;
    /// Mean cosine similarity of targets and predictions: 1 for equal directions. Keras does not
    /// write `axis` to files.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{CosineSimilarity, MetricValue};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(CosineSimilarity::new());
    /// metric.update(&arr2(&[[0.0f32, 1.0]]), &arr2(&[[0.0f32, 2.0]]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(1.0));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    CosineSimilarity "cosine_similarity" Up {
        /// Axis of the vectors.
        #[serde(skip_serializing)]
        axis: isize = -1,
    } |this, cx, t, p| {
        cx.keep_whole_along(&[this.axis], p.rank());
        cosine_similarity::cosine(t, p, this.axis)?
    };
}

settings! {
    /// Root mean squared error. A mask is ignored.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, RootMeanSquaredError};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(RootMeanSquaredError::new());
    /// metric.update(&arr2(&[[0.0f32], [0.0]]), &arr2(&[[3.0f32], [-3.0]]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(3.0));
    /// # Ok::<(), cornu::Error>(())
    /// ```
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
