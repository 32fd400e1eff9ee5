//! Cross-entropy of targets that are class ids.

use super::{LossFunction, Values, named, settings};
use crate::lowering::Cx;
use crate::{Error, Result};
use cornu_ir::builder::axis_of;
use cornu_ir::composites;
use cornu_ir::spec::dims_text;
use cornu_ir::{DType, Var};

settings! {
    /// Cross-entropy of class ids: `−log(p_y)` with `y` the class id. `p` is scaled to sum 1 along
    /// the last axis and kept within `ε..1 − ε`.
    ///
    /// ```
    /// use cornu::losses::{Loss, SparseCategoricalCrossentropy};
    /// use ndarray::arr2;
    /// let loss = Loss::from(SparseCategoricalCrossentropy::new());
    /// let loss = loss.value(&arr2(&[[1i32]]), &arr2(&[[0.5f32, 0.5]]))?;
    /// assert!((loss - 0.6931).abs() < 1e-4); // ln 2
    /// # Ok::<(), cornu::Error>(())
    /// ```
    SparseCategoricalCrossentropy "sparse_categorical_crossentropy" {
        /// True if predictions are logits; their softmax is `p`.
        from_logits: bool = false,
        /// Class whose targets are ignored; `None` for no class.
        ignore_class: Option<i64> = None,
        /// Axis of the classes, which must be the last.
        #[serde(skip_serializing)]
        axis: isize = -1,
    }
}

/// Returns the values of [`SparseCategoricalCrossentropy`] before the reduction.
pub fn sparse_categorical_crossentropy<'g>(
    y_true: Var<'g>,
    y_pred: Var<'g>,
    from_logits: bool,
    ignore_class: Option<i64>,
    axis: isize,
) -> Result<Values<'g>> {
    let who = "sparse_categorical_crossentropy";
    let rank = y_pred.rank();
    if rank == 0 || axis_of(axis, rank) + 1 != rank {
        return Err(Error::argument(
            who,
            "the classes must stand on the last axis (axis=-1)",
            axis,
        ));
    }
    let mut y_true = y_true;
    if y_true.rank() == rank && y_true.dim(-1) == Some(1) {
        y_true = y_true.squeeze(-1);
    }
    let (t, p) = (y_true.dims(), y_pred.dims());
    if t[..] != p[..rank - 1] {
        let received = format!("targets {}, predictions {}", dims_text(&t), dims_text(&p));
        return Err(Error::argument(
            who,
            "targets must be class ids, with the shape of the predictions without the axis of the \
                classes",
            received,
        ));
    }
    let class = y_true.cast(DType::I32);
    let valid = ignore_class.map(|c| {
        let c = y_true.builder().scalar(y_true.dtype(), c as f64);
        y_true.ne(c)
    });
    let value = composites::class_crossentropy(class, y_pred, from_logits);
    Ok(match valid {
        Some(mask) => Values { value: mask.select(value, 0.0), mask: Some(mask) },
        None => value.into(),
    })
}

impl LossFunction for SparseCategoricalCrossentropy {
    named!();

    fn values<'g>(&self, _: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        sparse_categorical_crossentropy(
            y_true,
            y_pred,
            self.from_logits,
            self.ignore_class,
            self.axis,
        )
    }

    fn takes_class_ids(&self) -> bool {
        true
    }
}
