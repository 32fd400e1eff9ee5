//! Area under a curve of rates over thresholds (AUC).
//!
//! Source: keras/src/metrics/confusion_metrics.py, Keras 3.15.1.

use super::confusion::{Question, evenly_spaced};
use super::mean::divide_no_nan;
use super::{Direction, MetricFunction, MetricValue, settings};
use crate::losses::EPSILON;
use crate::lowering::Cx;
use crate::{Error, Result};
use cornu_ir::Var;
use serde::{Deserialize, Serialize};

settings! {
    /// Area under the ROC, precision-recall or precision-recall-gain curve, by a Riemann sum over
    /// thresholds.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{AUC, MetricValue};
    /// use ndarray::arr1;
    /// let mut metric = MetricState::new(AUC::new());
    /// metric.update(&arr1(&[0.0f32, 0.0, 1.0, 1.0]), &arr1(&[0.0f32, 0.5, 0.3, 0.9]))?;
    /// assert!(matches!(metric.result(), MetricValue::Number(v) if (v - 0.75).abs() < 1e-4));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    AUC "auc" "float32" {
        /// Number of evenly spaced thresholds.
        num_thresholds: usize = 200,
        /// The curve.
        curve: AucCurve = AucCurve::Roc,
        /// Interpolation of the curve between thresholds.
        summation_method: AucSummation = AucSummation::Interpolation,
        /// True to compute one area for each column of the predictions, then their mean.
        multi_label: bool = false,
        /// Number of columns of the predictions.
        num_labels: Option<usize> = None,
        /// Weights of the columns in the mean.
        label_weights: Option<Vec<f64>> = None,
        /// True if predictions are logits.
        from_logits: bool = false,
        /// Thresholds between 0 and 1, instead of `num_thresholds` ones.
        #[serde(skip_serializing_if = "Option::is_none")]
        thresholds: Option<Vec<f64>> = None,
    }
}

/// Curve whose area [`AUC`] computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AucCurve {
    /// True positive rate over false positive rate (ROC).
    #[serde(rename = "ROC", alias = "roc")]
    Roc,
    /// Precision over recall.
    #[serde(rename = "PR", alias = "pr")]
    Pr,
    /// Precision gain over recall gain.
    #[serde(rename = "PRGAIN", alias = "prgain")]
    PrGain,
}

/// Interpolation of a curve between thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AucSummation {
    /// Mean of the values at both thresholds; for precision and recall the interpolation of Davis
    /// and Goadrich.
    #[serde(alias = "Interpolation")]
    Interpolation,
    /// The larger of the values at both thresholds.
    #[serde(alias = "Majoring")]
    Majoring,
    /// The smaller of the values at both thresholds.
    #[serde(alias = "Minoring")]
    Minoring,
}

impl AUC {
    /// Thresholds, a little below 0 and above 1 at the ends, and whether they stand at equal
    /// distances.
    fn all_thresholds(&self) -> Result<(Vec<f64>, bool)> {
        let (inner, even) = match &self.thresholds {
            Some(given) => {
                let mut inner = given.clone();
                inner.sort_by(f64::total_cmp);
                let full: Vec<f64> = [&[0.0], &inner[..], &[1.0]].concat();
                (inner, evenly_spaced(&full))
            }
            None if self.num_thresholds <= 1 => {
                return Err(Error::argument(
                    &self.name,
                    "`num_thresholds` must be above 1",
                    self.num_thresholds,
                ));
            }
            None => (
                (1..self.num_thresholds - 1)
                    .map(|i| i as f64 / (self.num_thresholds - 1) as f64)
                    .collect(),
                true,
            ),
        };
        Ok(([&[-EPSILON], &inner[..], &[1.0 + EPSILON]].concat(), even))
    }

    /// The area of one label.
    fn area(&self, tp: &[f64], tn: &[f64], fp: &[f64], fn_: &[f64]) -> f64 {
        let n = tp.len();
        if self.curve == AucCurve::Pr && self.summation_method == AucSummation::Interpolation {
            return (0..n - 1)
                .map(|i| {
                    let (p, next) = (tp[i] + fp[i], tp[i + 1] + fp[i + 1]);
                    let dtp = tp[i] - tp[i + 1];
                    let slope = divide_no_nan(dtp, (p - next).max(0.0));
                    let intercept = tp[i + 1] - slope * next;
                    let ratio = if p > 0.0 && next > 0.0 { p / next } else { 1.0 };
                    divide_no_nan(
                        slope * (dtp + intercept * ratio.ln()),
                        (tp[i + 1] + fn_[i + 1]).max(0.0),
                    )
                })
                .sum();
        }
        let point = |i: usize| {
            let recall = divide_no_nan(tp[i], tp[i] + fn_[i]);
            match self.curve {
                AucCurve::Roc => (divide_no_nan(fp[i], fp[i] + tn[i]), recall),
                AucCurve::Pr => (recall, divide_no_nan(tp[i], tp[i] + fp[i])),
                AucCurve::PrGain => {
                    let scale = divide_no_nan(tp[i] + fn_[i], tn[i] + fp[i]);
                    match tp[i] == 0.0 {
                        true => (0.0, 1.0),
                        false => {
                            ((1.0 - scale * fn_[i] / tp[i]).max(0.0), 1.0 - scale * fp[i] / tp[i])
                        }
                    }
                }
            }
        };
        (0..n - 1)
            .map(|i| {
                let ((x0, y0), (x1, y1)) = (point(i), point(i + 1));
                let height = match self.summation_method {
                    AucSummation::Interpolation => (y0 + y1) / 2.0,
                    AucSummation::Majoring => y0.max(y1),
                    AucSummation::Minoring => y0.min(y1),
                };
                (x0 - x1) * height
            })
            .sum()
    }
}

impl MetricFunction for AUC {
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
        if self.num_labels.is_some_and(|n| n > 0) && !self.multi_label {
            return Err(Error::argument(
                &self.name,
                "`num_labels` has a meaning only with `multi_label`",
                "multi_label=False",
            ));
        }
        let (thresholds, even) = self.all_thresholds()?;
        let y_pred = if self.from_logits { y_pred.sigmoid() } else { y_pred };
        let (multi_label, label_weights) = (self.multi_label, self.label_weights.as_deref());
        let question = Question {
            who: &self.name,
            thresholds,
            even,
            top_k: None,
            class_id: None,
            multi_label,
            label_weights,
        };
        let c = question.count(y_true, y_pred, weight)?;
        Ok(vec![c.true_positives, c.true_negatives, c.false_positives, c.false_negatives])
    }

    fn result(&self, totals: &[Vec<f64>]) -> MetricValue {
        let n = self.thresholds.as_ref().map_or(self.num_thresholds, |t| t.len() + 2);
        if !self.multi_label {
            return MetricValue::Number(self.area(&totals[0], &totals[1], &totals[2], &totals[3]));
        }
        let n_labels = totals[0].len() / n;
        let column =
            |k: usize, l: usize| (0..n).map(|i| totals[k][i * n_labels + l]).collect::<Vec<f64>>();
        let areas: Vec<f64> = (0..n_labels)
            .map(|l| self.area(&column(0, l), &column(1, l), &column(2, l), &column(3, l)))
            .collect();
        MetricValue::Number(match &self.label_weights {
            None => areas.iter().sum::<f64>() / n_labels as f64,
            Some(w) => divide_no_nan(areas.iter().zip(w).map(|(a, w)| a * w).sum(), w.iter().sum()),
        })
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }
}
