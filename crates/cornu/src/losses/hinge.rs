//! Hinge losses: targets are −1 and 1, or one-hot.

use super::{LossFunction, Values, expect_equal_shapes, named, settings};
use crate::Result;
use crate::lowering::Cx;
use cornu_ir::Var;

settings! {
    /// Hinge loss: `mean(max(1 − y·ŷ, 0))` over the last axis. Targets of a batch that are all 0 or
    /// 1 become −1 and 1.
    ///
    /// ```
    /// use cornu::losses::{Hinge, Loss};
    /// use ndarray::arr2;
    /// let loss = Loss::from(Hinge::new());
    /// assert_eq!(loss.value(&arr2(&[[1.0f32], [-1.0]]), &arr2(&[[0.5f32], [0.5]]))?, 1.0);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    Hinge "hinge" {}
}

settings! {
    /// Squared hinge loss: `mean(max(1 − y·ŷ, 0)²)` over the last axis. Targets of a batch that are
    /// all 0 or 1 become −1 and 1.
    ///
    /// ```
    /// use cornu::losses::{Loss, SquaredHinge};
    /// use ndarray::arr2;
    /// let loss = Loss::from(SquaredHinge::new());
    /// assert_eq!(loss.value(&arr2(&[[1.0f32], [-1.0]]), &arr2(&[[0.5f32], [0.5]]))?, 1.25);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    SquaredHinge "squared_hinge" {}
}

settings! {
    /// Hinge loss of one-hot targets: `max(max((1 − y)·ŷ) − Σ y·ŷ + 1, 0)` over the last axis.
    ///
    /// ```
    /// use cornu::losses::{CategoricalHinge, Loss};
    /// use ndarray::arr2;
    /// let loss = Loss::from(CategoricalHinge::new());
    /// assert_eq!(loss.value(&arr2(&[[0.0f32, 1.0]]), &arr2(&[[0.5f32, 0.75]]))?, 0.75);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    CategoricalHinge "categorical_hinge" {}
}

/// 0 and 1 as −1 and 1 where the whole batch has no other targets.
fn signs<'g>(cx: &Cx<'g>, y_true: Var<'g>) -> Var<'g> {
    let other = y_true.eq(0.0).or(y_true.eq(1.0)).not().cast(y_true.dtype());
    let is_binary = cx.cross_sum(other.sum_all()).eq(0.0);
    is_binary.select(y_true * 2.0 - 1.0, y_true)
}

fn margin<'g>(who: &str, cx: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Var<'g>> {
    expect_equal_shapes(who, y_true, y_pred)?;
    Ok((1.0 - signs(cx, y_true.cast(y_pred.dtype())) * y_pred).maximum(0.0))
}

/// Returns the values of [`Hinge`] before the reduction.
pub fn hinge<'g>(cx: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Var<'g>> {
    Ok(margin("hinge", cx, y_true, y_pred)?.mean(&[-1], false))
}

/// Returns the values of [`SquaredHinge`] before the reduction.
pub fn squared_hinge<'g>(cx: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Var<'g>> {
    Ok(margin("squared_hinge", cx, y_true, y_pred)?.square().mean(&[-1], false))
}

/// Returns the values of [`CategoricalHinge`] before the reduction.
pub fn categorical_hinge<'g>(y_true: Var<'g>, y_pred: Var<'g>) -> Result<Var<'g>> {
    expect_equal_shapes("categorical_hinge", y_true, y_pred)?;
    let t = y_true.cast(y_pred.dtype());
    let pos = (t * y_pred).sum(&[-1], false);
    let neg = ((1.0 - t) * y_pred).max(&[-1], false);
    Ok((neg - pos + 1.0).maximum(0.0))
}

impl LossFunction for Hinge {
    named!();

    fn values<'g>(&self, cx: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        Ok(hinge(cx, y_true, y_pred)?.into())
    }
}

impl LossFunction for SquaredHinge {
    named!();

    fn values<'g>(&self, cx: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        Ok(squared_hinge(cx, y_true, y_pred)?.into())
    }
}

impl LossFunction for CategoricalHinge {
    named!();

    fn values<'g>(&self, _: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        Ok(categorical_hinge(y_true, y_pred)?.into())
    }
}
