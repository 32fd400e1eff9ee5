//! Metrics by their Keras classes: sums that add up over shards and batches, and a result computed
//! from the totals.
//!
//! Source: keras/src/metrics, Keras 3.15.1. Differs: totals are kept in 64 bits.

mod settings;
mod mean;
mod metric_function;
mod mean_wrapper;
mod accuracy;
mod regression;
mod probabilistic;
mod correlation;
mod r2_score;
mod confusion;
mod counts;
mod at_constraint;
mod auc;
mod f_score;
mod iou;

pub use accuracy::{
    Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy,
};
pub use at_constraint::{
    PrecisionAtRecall, RecallAtPrecision, SensitivityAtSpecificity, SpecificityAtSensitivity,
};
pub use auc::{AUC, AucCurve, AucSummation};
pub use confusion::Thresholds;
pub use correlation::{ConcordanceCorrelation, PearsonCorrelation};
pub use counts::{FalseNegatives, FalsePositives, Precision, Recall, TrueNegatives, TruePositives};
pub use f_score::{Average, F1Score, FBetaScore};
pub use iou::{BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU};
pub use mean_wrapper::MeanMetricWrapper;
pub use metric_function::MetricFunction;
pub use probabilistic::{
    BinaryCrossentropy, CategoricalCrossentropy, CategoricalHinge, Hinge, KLDivergence, Poisson,
    SparseCategoricalCrossentropy, SquaredHinge,
};
pub use r2_score::{ClassAggregation, R2Score};
pub use regression::{
    CosineSimilarity, LogCoshError, MeanAbsoluteError, MeanAbsolutePercentageError,
    MeanSquaredError, MeanSquaredLogarithmicError, RootMeanSquaredError,
};
pub(crate) use settings::settings;
pub use settings::{Direction, MetricValue};

use crate::Result;
use crate::config::{Classes, read_own, snake_case};
use crate::lowering::Cx;
use cornu_ir::Var;
use serde_json::json;

crate::config::family! {
    /// Metric: one of Keras's, or your own that implements [`MetricFunction`].
    pub struct Metric(dyn MetricFunction, programs) = "metric", "keras.metrics" {
        "MeanMetricWrapper" => MeanMetricWrapper,
        "Accuracy" => Accuracy,
        "BinaryAccuracy" => BinaryAccuracy,
        "CategoricalAccuracy" => CategoricalAccuracy,
        "SparseCategoricalAccuracy" => SparseCategoricalAccuracy,
        "TopKCategoricalAccuracy" => TopKCategoricalAccuracy,
        "SparseTopKCategoricalAccuracy" => SparseTopKCategoricalAccuracy,
        "MeanSquaredError" | "mse" | "MSE" => MeanSquaredError,
        "MeanAbsoluteError" | "mae" | "MAE" => MeanAbsoluteError,
        "MeanAbsolutePercentageError" | "mape" | "MAPE" => MeanAbsolutePercentageError,
        "MeanSquaredLogarithmicError" | "msle" | "MSLE" => MeanSquaredLogarithmicError,
        "RootMeanSquaredError" => RootMeanSquaredError,
        "CosineSimilarity" => CosineSimilarity,
        "LogCoshError" | "log_cosh" => LogCoshError,
        "R2Score" => R2Score,
        "KLDivergence" => KLDivergence,
        "Poisson" => Poisson,
        "BinaryCrossentropy" | "bce" | "BCE" => BinaryCrossentropy,
        "CategoricalCrossentropy" => CategoricalCrossentropy,
        "SparseCategoricalCrossentropy" => SparseCategoricalCrossentropy,
        "Hinge" => Hinge,
        "SquaredHinge" => SquaredHinge,
        "CategoricalHinge" => CategoricalHinge,
        "PearsonCorrelation" => PearsonCorrelation,
        "ConcordanceCorrelation" => ConcordanceCorrelation,
        "AUC" => AUC,
        "Precision" => Precision,
        "Recall" => Recall,
        "TruePositives" => TruePositives,
        "TrueNegatives" => TrueNegatives,
        "FalsePositives" => FalsePositives,
        "FalseNegatives" => FalseNegatives,
        "PrecisionAtRecall" => PrecisionAtRecall,
        "RecallAtPrecision" => RecallAtPrecision,
        "SensitivityAtSpecificity" => SensitivityAtSpecificity,
        "SpecificityAtSensitivity" => SpecificityAtSensitivity,
        "F1Score" => F1Score,
        "FBetaScore" => FBetaScore,
        "IoU" => IoU,
        "BinaryIoU" => BinaryIoU,
        "MeanIoU" => MeanIoU,
        "OneHotIoU" => OneHotIoU,
        "OneHotMeanIoU" => OneHotMeanIoU,
    }
}

impl Metric {
    /// Adds the metric to a list of users' own classes, if it is of one.
    pub(crate) fn add_to(&self, classes: &mut Classes) {
        if let Some(name) = self.registered_name() {
            classes.add_object::<dyn MetricFunction>(name, self.config(), self.object.clone());
        }
    }

    /// Returns the built-in metric of a class or an alias under a name of its own in logs, or a
    /// user's own metric of this class.
    pub(crate) fn by_name_as(name: &str, shown: &str) -> Result<Self> {
        if let Some(own) = read_own::<dyn MetricFunction>(name, &json!({})) {
            return own.map(Self::wrap);
        }
        let class = Self::CLASSES.iter().find(|c| **c == name || snake_case(c) == name);
        Self::from_class(class.copied().unwrap_or(name), json!({"name": shown}))
    }

    /// Returns the sums over this shard. Added up over shards and batches, they are the totals that
    /// [`MetricFunction::result`] takes. `mask` is that of the predictions (bool, a prefix of their
    /// dims); metrics that Keras computes without a mask ignore it.
    pub fn partials<'g>(
        &self,
        cx: &Cx<'g>,
        y_true: Var<'g>,
        y_pred: Var<'g>,
        mask: Option<Var<'g>>,
        sample_weight: Option<Var<'g>>,
    ) -> Result<Vec<Var<'g>>> {
        let y_pred = if y_pred.dtype().is_float() { y_pred } else { cx.to_float(y_pred) };
        let sums = self.object.partials(
            cx,
            y_true.cast(y_pred.dtype()),
            y_pred,
            mask,
            sample_weight.map(|w| w.cast(y_pred.dtype())),
        )?;
        cx.builder.check()?;
        Ok(sums)
    }

    /// Returns true if larger values are better, false if smaller ones are, `None` if Keras does
    /// not say.
    pub fn more_is_better(&self) -> Option<bool> {
        self.object.direction().map(|d| d == Direction::Up)
    }
}
