//! Cross-entropies of one-hot targets.

use super::{EPSILON, LossFunction, Values, expect_equal_shapes, named, settings};
use crate::lowering::Cx;
use crate::{Error, Result};
use cornu_ir::builder::axis_of;
use cornu_ir::composites::{self, softmax};
use cornu_ir::ops::Iota;
use cornu_ir::spec::dims_text;
use cornu_ir::{DType, Var};

settings! {
    /// Cross-entropy of one-hot targets: `−Σ y·log(p)` along an axis. `p` is scaled to sum 1 and
    /// kept within `ε..1 − ε`.
    ///
    /// ```
    /// use cornu::losses::{CategoricalCrossentropy, Loss};
    /// use ndarray::arr2;
    /// let loss = Loss::from(CategoricalCrossentropy::new());
    /// let loss = loss.value(&arr2(&[[0.0f32, 1.0]]), &arr2(&[[0.5f32, 0.5]]))?;
    /// assert!((loss - 0.6931).abs() < 1e-4); // ln 2
    /// # Ok::<(), cornu::Error>(())
    /// ```
    CategoricalCrossentropy "categorical_crossentropy" {
        /// True if predictions are logits; their softmax is `p`.
        from_logits: bool = false,
        /// Label smoothing: share by which targets move towards the uniform distribution.
        label_smoothing: f64 = 0.0,
        /// Axis of the classes.
        axis: isize = -1,
    }
}

settings! {
    /// Focal cross-entropy of one-hot targets: `−Σ α·(1 − p)^γ·y·log(p)` along an axis (Lin et al.
    /// 2018, arXiv:1708.02002).
    ///
    /// ```
    /// use cornu::losses::{CategoricalFocalCrossentropy, Loss};
    /// use ndarray::arr2;
    /// let loss = Loss::from(CategoricalFocalCrossentropy::new());
    /// let loss = loss.value(&arr2(&[[0.0f32, 1.0]]), &arr2(&[[0.5f32, 0.5]]))?;
    /// assert!((loss - 0.0433).abs() < 1e-4); // 0.25 · 0.5² · ln 2
    /// # Ok::<(), cornu::Error>(())
    /// ```
    CategoricalFocalCrossentropy "categorical_focal_crossentropy" {
        /// True if predictions are logits; their softmax is `p`.
        from_logits: bool = false,
        /// Label smoothing: share by which targets move towards the uniform distribution.
        label_smoothing: f64 = 0.0,
        /// Axis of the classes.
        axis: isize = -1,
        /// Weight α.
        alpha: f64 = 0.25,
        /// Focusing exponent γ.
        gamma: f64 = 2.0,
    }
}

settings! {
    /// Generalized cross-entropy of class ids: `(1 − p_y^q) / q`, between the absolute error (q →
    /// 1) and the cross-entropy (q → 0) (Zhang and Sabuncu 2018, arXiv:1805.07836).
    ///
    /// ```
    /// use cornu::losses::{CategoricalGeneralizedCrossEntropy, Loss};
    /// use ndarray::arr2;
    /// let loss = Loss::from(CategoricalGeneralizedCrossEntropy::new());
    /// let loss = loss.value(&arr2(&[[1i32]]), &arr2(&[[0.75f32, 0.25]]))?;
    /// assert!((loss - 1.0).abs() < 1e-4); // (1 − √0.25) / 0.5
    /// # Ok::<(), cornu::Error>(())
    /// ```
    CategoricalGeneralizedCrossEntropy "categorical_generalized_cross_entropy" {
        /// Exponent q, above 0 and below 1.
        q: f64 = 0.5,
    }
}

/// Targets drawn to the uniform distribution over the last axis.
fn smooth<'g>(y_true: Var<'g>, label_smoothing: f64) -> Var<'g> {
    if label_smoothing == 0.0 {
        y_true
    } else {
        y_true * (1.0 - label_smoothing) + label_smoothing / y_true.count(&[-1])
    }
}

fn expect_axis(who: &str, v: Var<'_>, axis: isize) -> Result<()> {
    if axis_of(axis, v.rank()) < v.rank() {
        return Ok(());
    }
    Err(Error::argument(who, format!("`axis` must name an axis of {}", v.spec()), axis))
}

/// Returns the values of [`CategoricalCrossentropy`] before the reduction.
pub fn categorical_crossentropy<'g>(
    y_true: Var<'g>,
    y_pred: Var<'g>,
    from_logits: bool,
    label_smoothing: f64,
    axis: isize,
) -> Result<Var<'g>> {
    let who = "categorical_crossentropy";
    expect_equal_shapes(who, y_true, y_pred)?;
    expect_axis(who, y_pred, axis)?;
    let t = smooth(y_true.cast(y_pred.dtype()), label_smoothing);
    Ok(composites::categorical_crossentropy(t, y_pred, from_logits, axis))
}

impl LossFunction for CategoricalCrossentropy {
    named!();

    fn values<'g>(&self, _: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        Ok(categorical_crossentropy(
            y_true,
            y_pred,
            self.from_logits,
            self.label_smoothing,
            self.axis,
        )?
        .into())
    }

    fn joins(&self, axis: usize, rank: usize) -> bool {
        axis_of(self.axis, rank) == axis
    }
}

impl LossFunction for CategoricalFocalCrossentropy {
    named!();

    fn values<'g>(&self, _: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        expect_equal_shapes(&self.name, y_true, y_pred)?;
        expect_axis(&self.name, y_pred, self.axis)?;
        let axis = &[self.axis];
        let t = smooth(y_true, self.label_smoothing);
        let p = if self.from_logits { softmax(y_pred, axis) } else { y_pred };
        let p = (p / p.sum(axis, true)).clip(EPSILON, 1.0 - EPSILON);
        Ok(((1.0 - p).pow(self.gamma) * self.alpha * -(t * p.log())).sum(axis, false).into())
    }

    fn joins(&self, axis: usize, rank: usize) -> bool {
        axis_of(self.axis, rank) == axis
    }
}

impl LossFunction for CategoricalGeneralizedCrossEntropy {
    named!();

    fn values<'g>(&self, cx: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        if !(self.q > 0.0 && self.q < 1.0) {
            return Err(Error::argument(&self.name, "`q` must be above 0 and below 1", self.q));
        }
        let mut y_true = y_true;
        if y_true.rank() == y_pred.rank() && y_true.dim(-1) == Some(1) {
            y_true = y_true.squeeze(-1);
        }
        let (t, p) = (y_true.dims(), y_pred.dims());
        if p.is_empty() || t[..] != p[..p.len() - 1] {
            let received = format!("targets {}, predictions {}", dims_text(&t), dims_text(&p));
            return Err(Error::argument(
                &self.name,
                "targets must be class ids, one for each row of the last axis of the predictions",
                received,
            ));
        }
        let classes =
            cx.builder.apply1(Iota { dtype: DType::I32, dims: p.clone(), axis: p.len() - 1 }, &[]);
        let hot = y_true
            .cast(DType::I32)
            .expand_dims(-1)
            .broadcast_to(&p)
            .eq(classes)
            .cast(y_pred.dtype());
        let p = (y_pred * hot).sum(&[-1], false);
        Ok(((1.0 - p.pow(self.q)) / self.q).into())
    }
}
