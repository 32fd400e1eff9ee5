//! Negative cosine similarity of targets and predictions.

use super::{EPSILON, LossFunction, Values, fit_targets, named, settings};
use crate::lowering::Cx;
use crate::{Error, Result};
use cornu_ir::Var;
use cornu_ir::builder::axis_of;

settings! {
    /// Negative cosine similarity: `−Σ y/‖y‖ · ŷ/‖ŷ‖` along an axis, −1 for equal directions. Keras
    /// does not write `axis` to files.
    ///
    /// ```
    /// use cornu::losses::{CosineSimilarity, Loss};
    /// use ndarray::arr2;
    /// let loss = Loss::from(CosineSimilarity::new());
    /// assert_eq!(loss.value(&arr2(&[[0.0f32, 1.0]]), &arr2(&[[0.0f32, 2.0]]))?, -1.0);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    CosineSimilarity "cosine_similarity" {
        /// Axis of the vectors.
        #[serde(skip_serializing)]
        axis: isize = -1,
    }
}

/// Returns `x / ‖x‖` along an axis; a norm below ε counts as ε.
pub fn normalize<'g>(x: Var<'g>, axis: isize) -> Var<'g> {
    let norm2 = x.square().sum(&[axis], true);
    // The square root of 0 has no derivative: there the factor is the constant 1/ε.
    let tiny = norm2.le(EPSILON * EPSILON);
    x * tiny.select(norm2.ones_like() / EPSILON, tiny.select(norm2.ones_like(), norm2).rsqrt())
}

/// Returns the cosine similarity `Σ y/‖y‖ · ŷ/‖ŷ‖` along an axis.
pub fn cosine<'g>(y_true: Var<'g>, y_pred: Var<'g>, axis: isize) -> Result<Var<'g>> {
    let (t, p) = fit_targets("cosine_similarity", y_true.cast(y_pred.dtype()), y_pred)?;
    if axis_of(axis, p.rank()) >= p.rank() {
        return Err(Error::argument(
            "cosine_similarity",
            format!("`axis` must name an axis of {}", p.spec()),
            axis,
        ));
    }
    Ok((normalize(t, axis) * normalize(p, axis)).sum(&[axis], false))
}

impl LossFunction for CosineSimilarity {
    named!();

    fn values<'g>(&self, _: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        Ok((-cosine(y_true, y_pred, self.axis)?).into())
    }

    fn joins(&self, axis: usize, rank: usize) -> bool {
        axis_of(self.axis, rank) == axis
    }
}
