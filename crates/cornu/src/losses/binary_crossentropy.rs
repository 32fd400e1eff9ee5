//! Binary cross-entropies.

use super::{LossFunction, Values, expect_equal_shapes, named, settings};
use crate::lowering::Cx;
use crate::{Error, Result};
use cornu_ir::Var;
use cornu_ir::builder::axis_of;
use cornu_ir::composites;

settings! {
    /// Binary cross-entropy: `mean(−y·log(p) − (1 − y)·log(1 − p))` along an axis, with `p` kept
    /// within `ε..1 − ε`.
    ///
    /// ```
    /// use cornu::losses::{BinaryCrossentropy, Loss};
    /// use ndarray::arr2;
    /// let loss = Loss::from(BinaryCrossentropy::new());
    /// let loss = loss.value(&arr2(&[[1.0f32], [0.0]]), &arr2(&[[0.5f32], [0.5]]))?;
    /// assert!((loss - 0.6931).abs() < 1e-4); // ln 2
    /// # Ok::<(), cornu::Error>(())
    /// ```
    BinaryCrossentropy "binary_crossentropy" {
        /// True if predictions are logits; their sigmoid is `p`.
        from_logits: bool = false,
        /// Label smoothing: share by which targets move towards 1/2.
        label_smoothing: f64 = 0.0,
        /// Axis of the mean.
        axis: isize = -1,
    }
}

settings! {
    /// Focal binary cross-entropy: weighted by `(1 − p_t)^γ`, with `p_t` the probability of the
    /// true class (Lin et al. 2018, arXiv:1708.02002).
    ///
    /// ```
    /// use cornu::losses::{BinaryFocalCrossentropy, Loss};
    /// use ndarray::arr2;
    /// let loss = Loss::from(BinaryFocalCrossentropy::new());
    /// let loss = loss.value(&arr2(&[[1.0f32], [0.0]]), &arr2(&[[0.5f32], [0.5]]))?;
    /// assert!((loss - 0.1733).abs() < 1e-4); // 0.5² · ln 2
    /// # Ok::<(), cornu::Error>(())
    /// ```
    BinaryFocalCrossentropy "binary_focal_crossentropy" {
        /// True if predictions are logits; their sigmoid is `p`.
        from_logits: bool = false,
        /// Label smoothing: share by which targets move towards 1/2.
        label_smoothing: f64 = 0.0,
        /// Axis of the mean.
        axis: isize = -1,
        /// True to weight positives by `alpha` and negatives by `1 − alpha`.
        apply_class_balancing: bool = false,
        /// Weight of the positives.
        alpha: f64 = 0.25,
        /// Focusing exponent γ.
        gamma: f64 = 2.0,
    }
}

fn smooth<'g>(y_true: Var<'g>, label_smoothing: f64) -> Var<'g> {
    if label_smoothing == 0.0 {
        y_true
    } else {
        y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    }
}

fn expect_axis(who: &str, v: Var<'_>, axis: isize) -> Result<()> {
    if axis_of(axis, v.rank()) < v.rank() {
        return Ok(());
    }
    Err(Error::argument(who, format!("`axis` must name an axis of {}", v.spec()), axis))
}

/// Returns the values of [`BinaryCrossentropy`] before the reduction.
pub fn binary_crossentropy<'g>(
    y_true: Var<'g>,
    y_pred: Var<'g>,
    from_logits: bool,
    label_smoothing: f64,
    axis: isize,
) -> Result<Var<'g>> {
    expect_equal_shapes("binary_crossentropy", y_true, y_pred)?;
    expect_axis("binary_crossentropy", y_pred, axis)?;
    let t = smooth(y_true.cast(y_pred.dtype()), label_smoothing);
    Ok(composites::binary_crossentropy(t, y_pred, from_logits).mean(&[axis], false))
}

impl LossFunction for BinaryCrossentropy {
    named!();

    fn values<'g>(&self, _: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        Ok(binary_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing, self.axis)?
            .into())
    }

    fn joins(&self, axis: usize, rank: usize) -> bool {
        axis_of(self.axis, rank) == axis
    }
}

impl LossFunction for BinaryFocalCrossentropy {
    named!();

    fn values<'g>(&self, _: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        expect_equal_shapes(&self.name, y_true, y_pred)?;
        expect_axis(&self.name, y_pred, self.axis)?;
        let t = smooth(y_true, self.label_smoothing);
        let p = if self.from_logits { y_pred.sigmoid() } else { y_pred };
        let p_t = t * p + (1.0 - t) * (1.0 - p);
        let mut value = (1.0 - p_t).pow(self.gamma) * composites::binary_crossentropy(t, p, false);
        if self.apply_class_balancing {
            value = (t * self.alpha + (1.0 - t) * (1.0 - self.alpha)) * value;
        }
        Ok(value.mean(&[self.axis], false).into())
    }

    fn joins(&self, axis: usize, rank: usize) -> bool {
        axis_of(self.axis, rank) == axis
    }
}
