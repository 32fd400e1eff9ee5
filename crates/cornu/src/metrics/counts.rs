//! Counts of the confusion matrix, precision and recall.
//!
//! Source: keras/src/metrics/confusion_metrics.py, Keras 3.15.1.

use super::confusion::{Counts, NEG_INF, Question, Thresholds, evenly_spaced};
use super::mean::divide_no_nan;
use super::{Direction, MetricFunction, MetricValue, settings};
use crate::Result;
use crate::lowering::Cx;
use cornu_ir::Var;

macro_rules! counts {
    ($($(#[$meta:meta])* $Type:ident $name:literal $field:ident;)*) => {$(
        settings! {
            $(#[$meta])*
            $Type $name "float32" {
                /// Thresholds above which a prediction is positive; by default 0.5.
                thresholds: Option<Thresholds> = None,
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
                let thresholds = Thresholds::list(&self.name, &self.thresholds, 0.5)?;
                let question = at(&self.name, thresholds, None, None);
                Ok(vec![question.count(y_true, y_pred, weight)?.$field])
            }
            fn result(&self, totals: &[Vec<f64>]) -> MetricValue {
                MetricValue::list(totals[0].clone())
            }
            fn direction(&self) -> Option<Direction> {
                None
            }
        }
    )*};
}

counts! {
    /// Number of positives predicted as positive, weighted.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, TruePositives};
    /// use ndarray::arr1;
    /// let mut metric = MetricState::new(TruePositives::new());
    /// metric.update(&arr1(&[1.0f32, 1.0, 0.0, 0.0]), &arr1(&[0.9f32, 0.8, 0.7, 0.1]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(2.0));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    TruePositives "true_positives" true_positives;
    /// Number of negatives predicted as negative, weighted.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, TrueNegatives};
    /// use ndarray::arr1;
    /// let mut metric = MetricState::new(TrueNegatives::new());
    /// metric.update(&arr1(&[1.0f32, 1.0, 0.0, 0.0]), &arr1(&[0.9f32, 0.8, 0.7, 0.1]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(1.0));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    TrueNegatives "true_negatives" true_negatives;
    /// Number of negatives predicted as positive, weighted.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{FalsePositives, MetricValue};
    /// use ndarray::arr1;
    /// let mut metric = MetricState::new(FalsePositives::new());
    /// metric.update(&arr1(&[1.0f32, 1.0, 0.0, 0.0]), &arr1(&[0.9f32, 0.8, 0.7, 0.1]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(1.0));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    FalsePositives "false_positives" false_positives;
    /// Number of positives predicted as negative, weighted.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{FalseNegatives, MetricValue};
    /// use ndarray::arr1;
    /// let mut metric = MetricState::new(FalseNegatives::new());
    /// metric.update(&arr1(&[1.0f32, 1.0, 0.0, 0.0]), &arr1(&[0.9f32, 0.8, 0.7, 0.1]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(0.0));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    FalseNegatives "false_negatives" false_negatives;
}

fn at(
    who: &str,
    thresholds: Vec<f64>,
    top_k: Option<usize>,
    class_id: Option<usize>,
) -> Question<'_> {
    let even = evenly_spaced(&thresholds);
    Question { who, thresholds, even, top_k, class_id, multi_label: false, label_weights: None }
}

macro_rules! shares {
    ($($(#[$meta:meta])* $Type:ident $name:literal $other:ident;)*) => {$(
        settings! {
            $(#[$meta])*
            $Type $name "float32" {
                /// Thresholds above which a prediction is positive; by default 0.5.
                thresholds: Option<Thresholds> = None,
                /// Only the `k` largest predictions of a row can be positive.
                top_k: Option<usize> = None,
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
                let default = if self.top_k.is_some() { NEG_INF } else { 0.5 };
                let thresholds = Thresholds::list(&self.name, &self.thresholds, default)?;
                let question = at(&self.name, thresholds, self.top_k, self.class_id);
                let Counts { true_positives, $other, .. } =
                    question.count(y_true, y_pred, weight)?;
                Ok(vec![true_positives, $other])
            }
            fn result(&self, totals: &[Vec<f64>]) -> MetricValue {
                let pairs = totals[0].iter().zip(&totals[1]);
                let share = |(tp, other): (&f64, &f64)| divide_no_nan(*tp, tp + other);
                MetricValue::list(pairs.map(share).collect())
            }
            fn direction(&self) -> Option<Direction> {
                Some(Direction::Up)
            }
        }
    )*};
}

shares! {
    /// Precision: share of the positive predictions that are right.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, Precision};
    /// use ndarray::arr1;
    /// let mut metric = MetricState::new(Precision::new());
    /// metric.update(&arr1(&[1.0f32, 0.0]), &arr1(&[0.9f32, 0.8]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(0.5));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    Precision "precision" false_positives;
    /// Recall: share of the positives that are predicted as positive.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, Recall};
    /// use ndarray::arr1;
    /// let mut metric = MetricState::new(Recall::new());
    /// metric.update(&arr1(&[1.0f32, 1.0]), &arr1(&[0.9f32, 0.2]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(0.5));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    Recall "recall" false_negatives;
}
