//! How targets, predictions and weights whose ranks differ by one are brought together.

use crate::{Error, Result};
use cornu_ir::Var;
use cornu_ir::builder::broadcast_dims;
use cornu_ir::spec::dims_text;

/// Takes out a last dim of 1, or adds one to a value of rank 1, where the ranks differ by one
/// (`squeeze_or_expand_to_same_rank`).
pub(crate) fn squeeze_or_expand<'g>(
    a: Var<'g>,
    b: Var<'g>,
    expand_rank_1: bool,
) -> (Var<'g>, Var<'g>) {
    let (m, n) = (a.rank(), b.rank());
    if m == n + 1 && a.dim(-1) == Some(1) {
        return if n == 1 && expand_rank_1 { (a, b.expand_dims(-1)) } else { (a.squeeze(-1), b) };
    }
    if n == m + 1 && b.dim(-1) == Some(1) {
        return if m == 1 && expand_rank_1 { (a.expand_dims(-1), b) } else { (a, b.squeeze(-1)) };
    }
    (a, b)
}

fn received(y_true: Var<'_>, y_pred: Var<'_>) -> String {
    format!("targets {}, predictions {}", dims_text(&y_true.dims()), dims_text(&y_pred.dims()))
}

/// Matched in rank and stretched to each other, as the pointwise errors take them.
pub(crate) fn fit_targets<'g>(
    who: &str,
    y_true: Var<'g>,
    y_pred: Var<'g>,
) -> Result<(Var<'g>, Var<'g>)> {
    let (y_true, y_pred) = squeeze_or_expand(y_true, y_pred, true);
    let (t, p) = (y_true.dims(), y_pred.dims());
    if t.len() != p.len() || broadcast_dims(&t, &p).is_none() || t.first() != p.first() {
        return Err(Error::argument(
            who,
            "targets and predictions must have one shape",
            received(y_true, y_pred),
        ));
    }
    Ok(y_true.broadcast_with(y_pred, who))
}

/// Fails unless the shapes are equal.
pub(crate) fn expect_equal_shapes(who: &str, y_true: Var<'_>, y_pred: Var<'_>) -> Result<()> {
    if y_true.dims() != y_pred.dims() || y_pred.rank() == 0 {
        return Err(Error::argument(
            who,
            "targets and predictions must have the same shape",
            received(y_true, y_pred),
        ));
    }
    Ok(())
}
