//! F scores: weighted means of precision and recall.
//!
//! Source: keras/src/metrics/f_score_metrics.py, Keras 3.15.1.

use super::{Direction, MetricFunction, MetricValue, settings};
use crate::losses::EPSILON;
use crate::lowering::Cx;
use crate::{Error, Result};
use cornu_ir::Var;
use cornu_ir::spec::dims_text;
use serde::{Deserialize, Serialize};

settings! {
    /// F-beta score of each class: `(1 + β²)·precision·recall / (β²·precision + recall)`. Shapes:
    /// (B, C) only.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{Average, FBetaScore, MetricValue};
    /// use ndarray::arr2;
    /// let f2 = FBetaScore::new().average(Some(Average::Macro)).beta(2.0);
    /// let mut metric = MetricState::new(f2);
    /// let y_true = arr2(&[[1.0f32, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]);
    /// let y_pred = arr2(&[[0.9f32, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]]);
    /// metric.update(&y_true, &y_pred)?;
    /// assert!(matches!(metric.result(), MetricValue::Number(v) if (v - 0.5).abs() < 1e-4));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    FBetaScore "fbeta_score" "float32" {
        /// Average over the classes; `None` for one score for each class.
        average: Option<Average> = None,
        /// Weight β of recall: above 1 recall counts more than precision.
        beta: f64 = 1.0,
        /// Threshold above which a prediction is positive; `None` for the largest of a row.
        threshold: Option<f64> = None,
    }
}

settings! {
    /// F1 score of each class: the harmonic mean of precision and recall. Shapes: (B, C) only.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{Average, F1Score, MetricValue};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(F1Score::new().average(Some(Average::Macro)));
    /// let y_true = arr2(&[[1.0f32, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]);
    /// let y_pred = arr2(&[[0.9f32, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]]);
    /// metric.update(&y_true, &y_pred)?;
    /// assert!(matches!(metric.result(), MetricValue::Number(v) if (v - 0.5).abs() < 1e-4));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    F1Score "f1_score" "float32" {
        /// Average over the classes; `None` for one score for each class.
        average: Option<Average> = None,
        /// Threshold above which a prediction is positive; `None` for the largest of a row.
        threshold: Option<f64> = None,
    }
}

/// Average of the scores of classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Average {
    /// One score from the counts of all classes together.
    Micro,
    /// Unweighted mean of the scores of all classes.
    Macro,
    /// Mean of the scores, weighted by the number of samples of each class.
    Weighted,
}

impl FBetaScore {
    fn sums<'g>(
        &self,
        y_true: Var<'g>,
        y_pred: Var<'g>,
        weight: Option<Var<'g>>,
    ) -> Result<Vec<Var<'g>>> {
        let dims = y_pred.dims();
        if dims.len() != 2 || y_true.dims() != dims {
            let received =
                format!("targets {}, predictions {}", dims_text(&y_true.dims()), dims_text(&dims));
            return Err(Error::argument(
                &self.name,
                "targets and predictions of shape (batch, classes) are needed; for sequences \
                 take a metric of each timestep, as BinaryAccuracy or CategoricalAccuracy",
                received,
            ));
        }
        if self.beta <= 0.0 || self.threshold.is_some_and(|t| t <= 0.0 || t > 1.0) {
            let received = format!("beta={}, threshold={:?}", self.beta, self.threshold);
            return Err(Error::argument(
                &self.name,
                "`beta` must be above 0 and `threshold` within 0 and 1, 0 excluded",
                received,
            ));
        }
        let p = match self.threshold {
            Some(t) => y_pred.gt(t),
            None => y_pred.ge(y_pred.max(&[-1], true)).and(y_pred.abs().gt(1e-9)),
        };
        let p = p.cast(y_pred.dtype());
        let w = match weight {
            None => None,
            Some(w) if w.rank() == 1 && w.dim(0) == dims[0] => Some(w.expand_dims(1)),
            Some(w) => {
                return Err(Error::argument(
                    &self.name,
                    "sample weights of shape (batch,) are needed",
                    dims_text(&w.dims()),
                ));
            }
        };
        let axes: &[isize] = if self.average == Some(Average::Micro) { &[0, 1] } else { &[0] };
        let sum = |v: Var<'g>| w.map_or(v, |w| v * w).sum(axes, false);
        Ok(vec![sum(p * y_true), sum(p * (1.0 - y_true)), sum((1.0 - p) * y_true), sum(y_true)])
    }

    fn score(&self, totals: &[Vec<f64>]) -> MetricValue {
        let beta2 = self.beta * self.beta;
        let scores: Vec<f64> = (0..totals[0].len())
            .map(|i| {
                let tp = totals[0][i];
                let (precision, recall) =
                    (tp / (tp + totals[1][i] + EPSILON), tp / (tp + totals[2][i] + EPSILON));
                precision * recall / (beta2 * precision + recall + EPSILON) * (1.0 + beta2)
            })
            .collect();
        match self.average {
            None => MetricValue::List(scores),
            Some(Average::Weighted) => {
                let n = totals[3].iter().sum::<f64>() + EPSILON;
                MetricValue::Number(scores.iter().zip(&totals[3]).map(|(s, w)| s * w / n).sum())
            }
            Some(_) => MetricValue::Number(scores.iter().sum::<f64>() / scores.len() as f64),
        }
    }
}

impl F1Score {
    fn fbeta(&self) -> FBetaScore {
        FBetaScore {
            name: self.name.clone(),
            average: self.average,
            threshold: self.threshold,
            ..FBetaScore::default()
        }
    }
}

impl MetricFunction for FBetaScore {
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
        self.sums(y_true, y_pred, weight)
    }
    fn result(&self, totals: &[Vec<f64>]) -> MetricValue {
        self.score(totals)
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }
}

impl MetricFunction for F1Score {
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
        self.fbeta().sums(y_true, y_pred, weight)
    }
    fn result(&self, totals: &[Vec<f64>]) -> MetricValue {
        self.fbeta().score(totals)
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }
}
