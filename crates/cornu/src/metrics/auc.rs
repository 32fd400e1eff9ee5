//! The area under a curve of rates over thresholds.
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
    /// The area under the ROC, precision-recall or precision-recall-gain curve, by a Riemann sum
    /// over thresholds.
    AUC "auc" "float32" {
        /// How many thresholds, at equal distances.
        num_thresholds: usize = 200,
        /// Which curve.
        curve: AucCurve = AucCurve::Roc,
        /// How the curve runs between thresholds.
        summation_method: AucSummation = AucSummation::Interpolation,
        /// A curve for each column of the predictions, then their mean.
        multi_label: bool = false,
        /// Columns of the predictions.
        num_labels: Option<usize> = None,
        /// Weights of the columns.
        label_weights: Option<Vec<f64>> = None,
        /// Predictions are logits.
        from_logits: bool = false,
        /// The thresholds between 0 and 1, in place of `num_thresholds`.
        #[serde(skip_serializing_if = "Option::is_none")]
        thresholds: Option<Vec<f64>> = None,
    }
}

/// A curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AucCurve {
    /// True against false positive rate.
    #[serde(rename = "ROC", alias = "roc")]
    Roc,
    /// Precision against recall.
    #[serde(rename = "PR", alias = "pr")]
    Pr,
    /// Precision gain against recall gain.
    #[serde(rename = "PRGAIN", alias = "prgain")]
    PrGain,
}

/// How a curve runs between thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AucSummation {
    /// By the mean of the ends; by Davis and Goadrich's interpolation for precision and recall.
    #[serde(alias = "Interpolation")]
    Interpolation,
    /// By the higher end.
    #[serde(alias = "Majoring")]
    Majoring,
    /// By the lower end.
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
