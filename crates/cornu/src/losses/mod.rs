//! Losses by their Keras classes: a value for each sample or timestep, reduced to one number for
//! the batch.
//!
//! Source: keras/src/losses/losses.py and keras/src/losses/loss.py, Keras 3.15.1. Differs: values
//! are computed in the type of the predictions; where Keras would stretch a sample axis against a
//! timestep axis without a word, an error is raised.

mod ranks;
mod reduction;
mod settings;
mod weighting;
pub mod mean_error;
pub mod huber;
pub mod cosine_similarity;
pub mod binary_crossentropy;
pub mod categorical_crossentropy;
pub mod sparse_categorical_crossentropy;
pub mod divergence;
pub mod hinge;
pub mod overlap;
pub mod circle;
pub mod ctc;

pub use binary_crossentropy::{BinaryCrossentropy, BinaryFocalCrossentropy};
pub use categorical_crossentropy::{
    CategoricalCrossentropy, CategoricalFocalCrossentropy, CategoricalGeneralizedCrossEntropy,
};
pub use circle::Circle;
pub use cosine_similarity::CosineSimilarity;
pub use ctc::CTC;
pub use divergence::{KLDivergence, Poisson};
pub use hinge::{CategoricalHinge, Hinge, SquaredHinge};
pub use huber::{Huber, LogCosh};
pub use mean_error::{
    MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError, MeanSquaredLogarithmicError,
};
pub use overlap::{Dice, Tversky};
pub(crate) use ranks::{expect_equal_shapes, fit_targets, squeeze_or_expand};
pub use reduction::Reduction;
pub(crate) use settings::{EPSILON, named, settings};
pub use settings::{LossFunction, Values};
pub use sparse_categorical_crossentropy::SparseCategoricalCrossentropy;

use crate::Result;
use crate::config::Classes;
use crate::lowering::Cx;
use cornu_ir::Var;

crate::config::family! {
    /// Loss: one of Keras's, or your own that implements [`LossFunction`].
    pub struct Loss(dyn LossFunction, programs) = "loss", "keras.losses" {
        "MeanSquaredError" | "mse" | "MSE" => MeanSquaredError,
        "MeanAbsoluteError" | "mae" | "MAE" => MeanAbsoluteError,
        "MeanAbsolutePercentageError" | "mape" | "MAPE" => MeanAbsolutePercentageError,
        "MeanSquaredLogarithmicError" | "msle" | "MSLE" => MeanSquaredLogarithmicError,
        "Huber" | "huber_loss" => Huber,
        "LogCosh" | "logcosh" => LogCosh,
        "CosineSimilarity" => CosineSimilarity,
        "BinaryCrossentropy" | "bce" | "BCE" => BinaryCrossentropy,
        "BinaryFocalCrossentropy" => BinaryFocalCrossentropy,
        "CategoricalCrossentropy" => CategoricalCrossentropy,
        "CategoricalFocalCrossentropy" => CategoricalFocalCrossentropy,
        "CategoricalGeneralizedCrossEntropy" => CategoricalGeneralizedCrossEntropy,
        "SparseCategoricalCrossentropy" => SparseCategoricalCrossentropy,
        "KLDivergence" | "kld" | "KLD" | "kullback_leibler_divergence" => KLDivergence,
        "Poisson" => Poisson,
        "Hinge" => Hinge,
        "SquaredHinge" => SquaredHinge,
        "CategoricalHinge" => CategoricalHinge,
        "Dice" => Dice,
        "Tversky" => Tversky,
        "Circle" => Circle,
        "CTC" => CTC,
    }
}

impl Loss {
    /// Adds the loss to a list of users' own classes, if it is of one.
    pub(crate) fn add_to(&self, classes: &mut Classes) {
        if let Some(name) = self.registered_name() {
            classes.add_object::<dyn LossFunction>(name, self.config(), self.object.clone());
        }
    }

    /// True if the value of a row depends on other rows, so that the batch must not be cut into
    /// shards. `rank` is that of the predictions.
    pub fn couples_rows(&self, rank: usize) -> bool {
        self.object.joins(0, rank)
    }

    /// True if the value of a timestep of predictions (B, T, …) of this rank depends on that
    /// timestep alone.
    pub fn is_by_timestep(&self, rank: usize) -> bool {
        rank > 2 && !self.object.joins(1, rank)
    }

    /// Returns the values before the reduction, as Keras's `call` does. `y_true` may have any type.
    pub fn values<'g>(&self, cx: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        let y_pred = if y_pred.dtype().is_float() { y_pred } else { cx.to_float(y_pred) };
        let (y_true, y_pred) = squeeze_or_expand(y_true.cast(y_pred.dtype()), y_pred, true);
        self.object.values(cx, y_true, y_pred)
    }

    /// Returns this shard's part of the loss of the batch, a scalar. The sum over the shards is the
    /// loss that Keras reports for the batch.
    ///
    /// ```
    /// use cornu::{extend::Cx, losses::Loss};
    /// use cornu_ir::{Builder, DType, Spec, Tensor, interpret::interpret};
    /// let b = Builder::new();
    /// let cx = Cx::new(&b, true, Some(2));
    /// let spec = Spec::known(DType::F64, &[2, 2]);
    /// let (y_true, y_pred) = (b.input("y_true", spec.clone()), b.input("y_pred", spec));
    /// let loss = Loss::by_name("mse").unwrap().total(&cx, y_true, y_pred, None, None).unwrap();
    /// b.output("loss", loss);
    /// let y_true = Tensor::new(&[2, 2], vec![0.0f64, 1.0, 0.0, 0.0]);
    /// let y_pred = Tensor::new(&[2, 2], vec![1.0f64, 1.0, 1.0, 0.0]);
    /// assert_eq!(interpret(&b.finish().unwrap(), &[y_true, y_pred])[0].to_f64(), vec![0.5]);
    /// ```
    pub fn total<'g>(
        &self,
        cx: &Cx<'g>,
        y_true: Var<'g>,
        y_pred: Var<'g>,
        mask: Option<Var<'g>>,
        sample_weight: Option<Var<'g>>,
    ) -> Result<Var<'g>> {
        let batch = weighting::Batch::of(cx, y_pred);
        if batch.is_shard() && self.couples_rows(y_pred.rank()) {
            return Err(crate::Error::argument(
                self.name(),
                "the whole batch in one graph is needed, for its value couples rows",
                format!("{batch:?}"),
            ));
        }
        let values = self.values(cx, y_true, y_pred)?;
        let part =
            weighting::part(cx, self.name(), self.reduction(), batch, values, mask, sample_weight)?;
        cx.builder.check()?;
        Ok(part)
    }
}
