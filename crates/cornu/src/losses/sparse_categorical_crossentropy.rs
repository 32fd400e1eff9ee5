//! Cross-entropy of targets that are class ids.

use super::{EPSILON, LossFunction, Values, settings};
use crate::layers::Cx;
use crate::{Error, Result};
use cornu_ir::builder::axis_of;
use cornu_ir::composites::logsumexp;
use cornu_ir::ops::Iota;
use cornu_ir::spec::{dims_text, product};
use cornu_ir::{DType, Dim, Var};

settings! {
    /// `−log(p_y)`, `y` the class id, `p` along the last axis; it sums to 1 there and is kept within `ε..1 − ε`.
    SparseCategoricalCrossentropy "sparse_categorical_crossentropy" {
        /// Predictions are logits, whose softmax is `p`.
        from_logits: bool = false,
        /// A class whose targets do not count.
        ignore_class: Option<i64> = None,
        /// The axis of the classes; the last.
        #[serde(skip_serializing)]
        axis: isize = -1,
    }
}

/// The element of the last axis that a class id (i32) names; 0 where it names none.
fn pick<'g>(x: Var<'g>, class: Var<'g>) -> Var<'g> {
    let dims = x.dims();
    let lead = &dims[..dims.len() - 1];
    let (rows, n): (Dim, Dim) = (product(lead), dims[dims.len() - 1]);
    let b = x.builder();
    let number = |i: usize| b.scalar(DType::I32, i as f64);
    let n_classes = n.unwrap_or(1);
    let first = b.apply1(Iota { dtype: DType::I32, dims: vec![rows], axis: 0 }, &[]) * number(n_classes);
    let class = class.reshape(&[rows]);
    let known = class.ge(number(0)).and(class.lt(number(n_classes)));
    let index = known.select(class + first, number(0) - number(1));
    x.reshape(&[product(&dims)]).gather(index).reshape(lead)
}

/// Values of [`SparseCategoricalCrossentropy`].
pub fn sparse_categorical_crossentropy<'g>(y_true: Var<'g>, y_pred: Var<'g>, from_logits: bool, ignore_class: Option<i64>, axis: isize) -> Result<Values<'g>> {
    let who = "sparse_categorical_crossentropy";
    let rank = y_pred.rank();
    if rank == 0 || axis_of(axis, rank) + 1 != rank {
        return Err(Error::argument(who, "the classes must stand on the last axis (axis=-1)", axis));
    }
    let mut y_true = y_true;
    if y_true.rank() == rank && y_true.dim(-1) == Some(1) {
        y_true = y_true.squeeze(-1);
    }
    let (t, p) = (y_true.dims(), y_pred.dims());
    if t[..] != p[..rank - 1] {
        let received = format!("targets {}, predictions {}", dims_text(&t), dims_text(&p));
        return Err(Error::argument(who, "targets must be class ids, with the shape of the predictions without the axis of the classes", received));
    }
    let class = y_true.cast(DType::I32);
    let known = |v: Var<'g>| {
        let n = v.builder().scalar(DType::I32, y_pred.count(&[-1]));
        v.ge(v.zeros_like()).and(v.lt(n))
    };
    let valid = ignore_class.map(|c| {
        let c = y_true.builder().scalar(y_true.dtype(), c as f64);
        y_true.ne(c)
    });
    let p_class = pick(y_pred, class);
    // A class id that names no class costs nothing, as a one-hot row of zeros.
    let value = match from_logits {
        true => known(class).select(logsumexp(y_pred, &[-1]).squeeze(-1) - p_class, 0.0),
        false => known(class).select(-(p_class / y_pred.sum(&[-1], false)).clip(EPSILON, 1.0 - EPSILON).log(), 0.0),
    };
    Ok(match valid {
        Some(mask) => Values { value: mask.select(value, 0.0), mask: Some(mask) },
        None => value.into(),
    })
}

impl LossFunction for SparseCategoricalCrossentropy {
    fn values<'g>(&self, _: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        sparse_categorical_crossentropy(y_true, y_pred, self.from_logits, self.ignore_class, self.axis)
    }
}
