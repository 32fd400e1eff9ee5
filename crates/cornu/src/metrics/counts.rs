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
                /// Above which a prediction is positive; 0.5 where none is given.
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
    /// Weight of the positives predicted as such.
    TruePositives "true_positives" true_positives;
    /// Weight of the negatives predicted as such.
    TrueNegatives "true_negatives" true_negatives;
    /// Weight of the negatives predicted as positives.
    FalsePositives "false_positives" false_positives;
    /// Weight of the positives predicted as negatives.
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
                /// Above which a prediction is positive; 0.5 where none is given.
                thresholds: Option<Thresholds> = None,
                /// Only the `k` largest predictions of a row can be positive.
                top_k: Option<usize> = None,
                /// Only this column counts.
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
    /// Of what is predicted positive, the share that is.
    Precision "precision" false_positives;
    /// Of what is positive, the share predicted so.
    Recall "recall" false_negatives;
}
