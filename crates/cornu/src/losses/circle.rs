//! Circle loss: a loss on embeddings with class ids.

use super::{LossFunction, Values, named, settings};
use crate::lowering::Cx;
use crate::{Error, Result};
use cornu_ir::ops::Iota;
use cornu_ir::spec::dims_text;
use cornu_ir::{DType, Var};

settings! {
    /// Circle loss: pulls embeddings of one class together and pushes those of different classes
    /// apart (Sun et al. 2020, arXiv:2002.10857).
    ///
    /// `softplus(log Σ exp(−γ·w_p·d_p) + log Σ exp(γ·w_n·d_n))` over the pairs of a batch, of one
    /// class (p) and of two (n), from the cosine distances of embeddings `ŷ: (B, F)` of norm 1 with
    /// class ids `y: (B)`.
    ///
    /// ```
    /// use cornu::losses::{Circle, Loss};
    /// use ndarray::{arr1, arr2};
    /// let loss = Loss::from(Circle::new());
    /// let y_pred = arr2(&[[1.0f32, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]);
    /// assert!(loss.value(&arr1(&[0i32, 0, 1, 1]), &y_pred)? < 0.01); // classes apart
    /// assert!(loss.value(&arr1(&[0i32, 1, 0, 1]), &y_pred)? > 1.0); // classes mixed
    /// # Ok::<(), cornu::Error>(())
    /// ```
    Circle "circle" {
        /// Scale γ.
        gamma: f64 = 80.0,
        /// Relaxation margin of the similarities.
        margin: f64 = 0.4,
        /// True to leave out the pair of a sample with itself.
        remove_diagonal: bool = true,
    }
}

/// `log Σ exp(x)` over axis 1 of what counts: the value where anything does, and whether anything
/// does.
fn logsumexp_where<'g>(x: Var<'g>, counts: Var<'g>) -> (Var<'g>, Var<'g>) {
    let low = counts.select(x, -1e30);
    let top = low.max(&[1], true).stop_gradient();
    let sum = counts.select((low - top).exp(), 0.0).sum(&[1], false);
    let any = counts.any(&[1], false);
    (any.select(sum, 1.0).log() + top.squeeze(1), any)
}

impl LossFunction for Circle {
    named!();

    fn values<'g>(&self, cx: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        let n = y_pred.dim(0);
        if y_pred.rank() != 2
            || y_true.rank() > 2
            || y_true.dim(0) != n
            || (y_true.rank() == 2 && y_true.dim(1) != Some(1))
        {
            let received = format!(
                "targets {}, predictions {}",
                dims_text(&y_true.dims()),
                dims_text(&y_pred.dims())
            );
            return Err(Error::argument(
                &self.name,
                "expected class ids (batch,) and embeddings (batch, features)",
                received,
            ));
        }
        let class = y_true.cast(DType::I32).reshape(&[n]);
        let square = [n, n];
        let (down, across) = (
            class.expand_dims(1).broadcast_to(&square),
            class.expand_dims(0).broadcast_to(&square),
        );
        let same = down.eq(across);
        let iota =
            |axis| cx.builder.apply1(Iota { dtype: DType::I32, dims: square.to_vec(), axis }, &[]);
        let positive = if self.remove_diagonal { same.and(iota(0).ne(iota(1))) } else { same };
        let distance = (1.0 - y_pred.matmul_with(y_pred, false, true)).maximum(0.0);
        let (zeros, margin) = (distance.zeros_like(), self.margin);
        let w_p = positive.select(distance + margin, zeros).maximum(0.0);
        let w_n = same.not().select((1.0 + margin) - distance, zeros).maximum(0.0);
        let (p, any_p) = logsumexp_where(w_p * (margin - distance) * -self.gamma, positive);
        let (n, any_n) =
            logsumexp_where(w_n * ((1.0 - margin) - distance) * self.gamma, same.not());
        let value = any_p.and(any_n).select((p + n).softplus(), 0.0);
        Ok(Values { value, mask: Some(value.gt(0.0)) })
    }

    fn joins(&self, _: usize, _: usize) -> bool {
        true
    }
}
