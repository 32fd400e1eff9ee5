//! Coefficient of determination (R²).
//!
//! Source: keras/src/metrics/regression_metrics.py, Keras 3.15.1.

use super::{Direction, MetricFunction, MetricValue, settings};
use crate::losses::squeeze_or_expand;
use crate::lowering::Cx;
use crate::{Error, Result};
use cornu_ir::Var;
use cornu_ir::spec::dims_text;
use serde::{Deserialize, Serialize};

settings! {
    /// Coefficient of determination, R², of each output column: `1 − Σ(y − ŷ)² / Σ(y − mean(y))²`.
    /// Shapes: (B, F) only.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, R2Score};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(R2Score::new());
    /// metric.update(&arr2(&[[1.0f32], [3.0]]), &arr2(&[[1.0f32], [2.0]]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(0.5));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    R2Score "r2_score" "float32" {
        /// Average over the columns; `None` for one score for each column.
        class_aggregation: Option<ClassAggregation> = Some(ClassAggregation::UniformAverage),
        /// Number of predictors, for the adjusted score; 0 for the plain one.
        num_regressors: usize = 0,
    }
}

/// Average of the scores of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassAggregation {
    /// Mean of the scores.
    UniformAverage,
    /// Mean of the scores, weighted by the variance of each column.
    VarianceWeightedAverage,
}

impl MetricFunction for R2Score {
    fn name(&self) -> &str {
        &self.name
    }

    fn partials<'g>(
        &self,
        cx: &Cx<'g>,
        y_true: Var<'g>,
        y_pred: Var<'g>,
        _: Option<Var<'g>>,
        weight: Option<Var<'g>>,
    ) -> Result<Vec<Var<'g>>> {
        let (t, p) = squeeze_or_expand(y_true, y_pred, true);
        let dims = p.dims();
        if dims.len() != 2 || t.dims() != dims {
            let received =
                format!("targets {}, predictions {}", dims_text(&t.dims()), dims_text(&dims));
            return Err(Error::argument(
                &self.name,
                "targets and predictions of shape (batch, features) are needed; for sequences \
                 take a metric of each timestep, as MeanSquaredError",
                received,
            ));
        }
        let w = match weight {
            None => t.ones_like(),
            Some(w) => {
                let w = if w.rank() == 1 { w.expand_dims(1) } else { w };
                if w.rank() != 2
                    || w.dim(0) != dims[0]
                    || (w.dim(1) != Some(1) && w.dim(1) != dims[1])
                {
                    return Err(Error::argument(
                        &self.name,
                        "sample weights of shape (batch,) are needed",
                        dims_text(&w.dims()),
                    ));
                }
                w.broadcast_to(&dims)
            }
        };
        let by_column = |v: Var<'g>| v.sum(&[0], false);
        let n = cx.builder.scalar(t.dtype(), t.count(&[0, 1]));
        Ok(vec![
            by_column(t * w),
            by_column(t * t * w),
            by_column((t - p).square() * w),
            by_column(w),
            n,
        ])
    }

    fn result(&self, totals: &[Vec<f64>]) -> MetricValue {
        let (sum, squares, residual, count, n) =
            (&totals[0], &totals[1], &totals[2], &totals[3], totals[4][0]);
        let spread: Vec<f64> =
            (0..sum.len()).map(|i| squares[i] - sum[i] * (sum[i] / count[i])).collect();
        let scores: Vec<f64> = spread
            .iter()
            .zip(residual)
            .map(|(s, r)| 1.0 - r / s)
            .map(|s| if s.is_infinite() { 0.0 } else { s })
            .collect();
        let mut scores = match self.class_aggregation {
            None => scores,
            Some(ClassAggregation::UniformAverage) => {
                vec![scores.iter().sum::<f64>() / scores.len() as f64]
            }
            Some(ClassAggregation::VarianceWeightedAverage) => {
                vec![
                    spread.iter().zip(&scores).map(|(w, s)| w * s).sum::<f64>()
                        / spread.iter().sum::<f64>(),
                ]
            }
        };
        let p = self.num_regressors as f64;
        // With too few samples the adjusted score has no meaning and the plain one stands.
        if p > 0.0 && p < n - 1.0 {
            scores.iter_mut().for_each(|s| *s = 1.0 - (1.0 - *s) * (n - 1.0) / (n - p - 1.0));
        }
        match self.class_aggregation {
            None => MetricValue::List(scores),
            Some(_) => MetricValue::list(scores),
        }
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }
}
