//! The best of one rate while another is at least a given value.
//!
//! Source: keras/src/metrics/confusion_metrics.py, Keras 3.15.1.

use super::confusion::Question;
use super::{Direction, MetricFunction, MetricValue, settings};
use crate::lowering::Cx;
use crate::{Error, Result};
use cornu_ir::Var;

/// `thresholds` at equal distances from 0 to 1.
fn thresholds(n: usize) -> Vec<f64> {
    if n == 1 { vec![0.5] } else { (0..n).map(|i| i as f64 / (n - 1) as f64).collect() }
}

fn rate(hits: f64, misses: f64) -> f32 {
    let (hits, misses) = (hits as f32, misses as f32);
    if hits + misses == 0.0 { 0.0 } else { hits / (hits + misses) }
}

macro_rules! at_constraint {
    ($(
        $(#[$meta:meta])* $Type:ident $name:literal $field:ident:
        kept |$k:ident| $kept:expr, best |$b:ident| $best:expr;
    )*) => {$(
        settings! {
            $(#[$meta])*
            $Type $name "float32" {
                /// Smallest allowed value of the other rate, from 0 to 1.
                $field: f64 = 0.5,
                /// Number of thresholds tried, evenly spaced from 0 to 1.
                num_thresholds: usize = 200,
                /// Column of the predictions that counts; `None` for all.
                class_id: Option<usize> = None,
            }
        }

        impl MetricFunction for $Type {
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
                if self.num_thresholds == 0 || !(0.0..=1.0).contains(&self.$field) {
                    let rule = concat!("`", stringify!($field), "` must lie within 0 and 1 and \
                        `num_thresholds` be above 0");
                    let received = format!("{}, {}", self.$field, self.num_thresholds);
                    return Err(Error::argument(&self.name, rule, received));
                }
                let n = self.num_thresholds;
                let question = Question {
                    who: &self.name,
                    thresholds: thresholds(n),
                    even: n > 1,
                    top_k: None,
                    class_id: self.class_id,
                    multi_label: false,
                    label_weights: None,
                };
                let c = question.count(y_true, y_pred, weight)?;
                Ok(vec![c.true_positives, c.true_negatives, c.false_positives, c.false_negatives])
            }
            fn result(&self, totals: &[Vec<f64>]) -> MetricValue {
                let wanted = self.$field as f32;
                let at = |i| [totals[0][i], totals[1][i], totals[2][i], totals[3][i]];
                let best = (0..totals[0].len()).map(at).fold(0.0f32, |best, c| {
                    let $k = c;
                    let kept = $kept;
                    let $b = c;
                    if kept >= wanted { best.max($best) } else { best }
                });
                MetricValue::Number(best as f64)
            }
            fn direction(&self) -> Option<Direction> {
                Some(Direction::Up)
            }
        }
    )*};
}

// Each rate of [true positives, true negatives, false positives, false negatives].
at_constraint! {
    /// Highest sensitivity among thresholds with at least a given specificity.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, SensitivityAtSpecificity};
    /// use ndarray::arr1;
    /// let mut metric = MetricState::new(SensitivityAtSpecificity::new().specificity(0.9));
    /// metric.update(&arr1(&[0.0f32, 0.0, 1.0, 1.0]), &arr1(&[0.0f32, 0.5, 0.3, 0.9]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(0.5));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    SensitivityAtSpecificity "sensitivity_at_specificity" specificity:
        kept |c| rate(c[1], c[2]), best |c| rate(c[0], c[3]);
    /// Highest specificity among thresholds with at least a given sensitivity.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, SpecificityAtSensitivity};
    /// use ndarray::arr1;
    /// let mut metric = MetricState::new(SpecificityAtSensitivity::new().sensitivity(0.9));
    /// metric.update(&arr1(&[0.0f32, 0.0, 1.0, 1.0]), &arr1(&[0.0f32, 0.5, 0.3, 0.9]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(0.5));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    SpecificityAtSensitivity "specificity_at_sensitivity" sensitivity:
        kept |c| rate(c[0], c[3]), best |c| rate(c[1], c[2]);
    /// Highest precision among thresholds with at least a given recall.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, PrecisionAtRecall};
    /// use ndarray::arr1;
    /// let mut metric = MetricState::new(PrecisionAtRecall::new().recall(0.5));
    /// metric.update(&arr1(&[0.0f32, 0.0, 1.0, 1.0]), &arr1(&[0.0f32, 0.5, 0.3, 0.9]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(1.0));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    PrecisionAtRecall "precision_at_recall" recall:
        kept |c| rate(c[0], c[3]), best |c| rate(c[0], c[2]);
    /// Highest recall among thresholds with at least a given precision.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, RecallAtPrecision};
    /// use ndarray::arr1;
    /// let mut metric = MetricState::new(RecallAtPrecision::new().precision(0.9));
    /// metric.update(&arr1(&[0.0f32, 0.0, 1.0, 1.0]), &arr1(&[0.0f32, 0.5, 0.3, 0.9]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(0.5));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    RecallAtPrecision "recall_at_precision" precision:
        kept |c| rate(c[0], c[2]), best |c| rate(c[0], c[3]);
}
