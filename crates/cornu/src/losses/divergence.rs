//! Divergences of distributions.

use super::{EPSILON, LossFunction, Values, expect_equal_shapes, named, settings};
use crate::Result;
use crate::lowering::Cx;
use cornu_ir::Var;

settings! {
    /// Kullback-Leibler divergence: `Σ y·log(y / p)` over the last axis, both kept within `ε..1`.
    ///
    /// ```
    /// use cornu::losses::{KLDivergence, Loss};
    /// use ndarray::arr2;
    /// let loss = Loss::from(KLDivergence::new());
    /// let loss = loss.value(&arr2(&[[1.0f32, 0.0]]), &arr2(&[[0.5f32, 0.5]]))?;
    /// assert!((loss - 0.6931).abs() < 1e-4); // ln 2
    /// # Ok::<(), cornu::Error>(())
    /// ```
    KLDivergence "kl_divergence" {}
}

settings! {
    /// Poisson loss: `mean(p − y·log(p + ε))` over the last axis.
    ///
    /// ```
    /// use cornu::losses::{Loss, Poisson};
    /// use ndarray::arr2;
    /// let loss = Loss::from(Poisson::new());
    /// assert_eq!(loss.value(&arr2(&[[0.0f32]]), &arr2(&[[2.0f32]]))?, 2.0);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    Poisson "poisson" {}
}

/// Returns the values of [`KLDivergence`] before the reduction.
pub fn kl_divergence<'g>(y_true: Var<'g>, y_pred: Var<'g>) -> Result<Var<'g>> {
    expect_equal_shapes("kl_divergence", y_true, y_pred)?;
    let (t, p) = (y_true.cast(y_pred.dtype()).clip(EPSILON, 1.0), y_pred.clip(EPSILON, 1.0));
    Ok((t * (t / p).log()).sum(&[-1], false))
}

/// Returns the values of [`Poisson`] before the reduction.
pub fn poisson<'g>(y_true: Var<'g>, y_pred: Var<'g>) -> Result<Var<'g>> {
    expect_equal_shapes("poisson", y_true, y_pred)?;
    Ok((y_pred - y_true.cast(y_pred.dtype()) * (y_pred + EPSILON).log()).mean(&[-1], false))
}

impl LossFunction for KLDivergence {
    named!();

    fn values<'g>(&self, _: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        Ok(kl_divergence(y_true, y_pred)?.into())
    }
}

impl LossFunction for Poisson {
    named!();

    fn values<'g>(&self, _: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        Ok(poisson(y_true, y_pred)?.into())
    }
}
