//! Sparsemax.

use cornu_ir::ops::Iota;
use cornu_ir::{DType, Var};

/// Sparsemax along the last axis (Martins and Astudillo 2016, arXiv:1602.02068), with the threshold
/// of Keras 3.15.1.
///
/// Keras adds up the running sums of the support, where the paper takes the last one; both agree on
/// a support of one.
pub fn sparsemax<'g>(x: Var<'g>) -> Var<'g> {
    let (sorted, _) = x.sort_last(true);
    let dims = x.dims();
    let last = dims.len().saturating_sub(1);
    let rank = x
        .builder()
        .apply1(Iota { dtype: DType::I32, dims: dims.clone(), axis: last }, &[])
        .cast(x.dtype())
        + 1.0;
    let running = sorted.cumsum(-1, false);
    let support = (sorted - (running - 1.0) / rank).gt(0.0);
    let k = support.cast(x.dtype()).sum(&[-1], true);
    let tau = (support.select(running, 0.0).sum(&[-1], true) - 1.0) / k;
    (x - tau).maximum(0.0)
}
