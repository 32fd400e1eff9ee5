//! LSTM over packed sequences: forward and backward.

mod int8;
mod args;
mod cells;
mod lanes;
mod lanes_forward;
mod lanes_backward;
mod int8_forward;
mod forward;
mod backward;

pub use args::{LstmBackward, LstmForward, LstmGradients, LstmOutputs};
pub use int8::LstmInt8;

use super::{
    by_gate::{recurrent_panels_len, transposed_panels_len},
    isa::isa,
    operands::{left_len, panels_len},
    packed_steps::{check_batch_sizes, check_len, chunk_rows},
    scratch::part_len,
    shape::CellShape,
    tier::on_each_tier,
    weights::long_products_scratch,
};
use backward::backward;
use forward::forward;

/// Elements of scratch that [`lstm_forward`] takes, whatever the lengths of the sequences.
pub fn lstm_forward_scratch(shape: CellShape) -> usize {
    let CellShape { features: f, units: u, batch: b } = shape;
    let depth = forward::most_depth(shape);
    part_len(recurrent_panels_len(depth, 4, u))
        + part_len(panels_len(f, 4 * u))
        + part_len(left_len(depth.max(f)))
        + part_len(b * depth)
        + part_len(chunk_rows(b) * 4 * u)
        + lanes::forward_scratch(shape)
}

/// Elements of scratch that [`lstm_backward`] takes, whatever the lengths of the sequences.
pub fn lstm_backward_scratch(shape: CellShape) -> usize {
    let CellShape { features: f, units: u, batch: b } = shape;
    part_len(transposed_panels_len(4, u))
        + part_len(panels_len(4 * u, f))
        + 3 * part_len(b * u)
        + part_len(chunk_rows(b) * 4 * u)
        + part_len(chunk_rows(b) * u)
        + long_products_scratch(4 * u, b)
        + lanes::backward_scratch(shape)
}

/// Runs the sequences through the cell.
///
/// A sequence's results are the same bits in every batch and at every place in it.
///
/// # Panics
/// If a buffer is smaller than its shape, or `batch_sizes` grow.
pub fn lstm_forward(args: &LstmForward<'_>, out: &mut LstmOutputs<'_>, scratch: &mut [f32]) {
    let n = check_forward(args);
    let CellShape { units: u, batch: b, .. } = args.shape;
    check_len("lstm", "h", out.h.as_ref().map_or(n * u, |h| h.len()), n * u);
    check_len("lstm", "c", out.c.as_ref().map_or(n * u, |c| c.len()), n * u);
    check_len("lstm", "gates", out.gates.as_ref().map_or(n * 4 * u, |g| g.len()), n * 4 * u);
    check_len("lstm", "h_last", out.h_last.len(), b * u);
    check_len("lstm", "c_last", out.c_last.len(), b * u);
    check_len("lstm", "scratch", scratch.len(), lstm_forward_scratch(args.shape));
    // SAFETY: a supported tier; every length was checked.
    unsafe { forward_on(isa(), args, out, scratch) }
}

on_each_tier! {
    /// [`lstm_forward`] on a tier.
    ///
    /// # Safety
    /// The CPU supports the tier; the slices have the lengths that [`lstm_forward`] checks.
    fn forward_on(
        args: &LstmForward<'_>,
        out: &mut LstmOutputs<'_>,
        scratch: &mut [f32],
    ) = forward;
}

/// The gradients of [`lstm_forward`].
///
/// # Panics
/// If a buffer is smaller than its shape, or `batch_sizes` grow.
pub fn lstm_backward(args: &LstmBackward<'_>, out: &mut LstmGradients<'_>, scratch: &mut [f32]) {
    let n = check_forward(&args.forward);
    let CellShape { features: f, units: u, batch: b } = args.forward.shape;
    check_len("lstm", "h", args.h.len(), n * u);
    check_len("lstm", "c", args.c.len(), n * u);
    check_len("lstm", "gates", args.gates.len(), n * 4 * u);
    for (what, slice, needed) in
        [("dh", args.dh, n * u), ("dh_last", args.dh_last, b * u), ("dc_last", args.dc_last, b * u)]
    {
        check_len("lstm", what, slice.map_or(needed, <[f32]>::len), needed);
    }
    for (what, slice, needed) in [
        ("dx", &out.dx, n * f),
        ("dkernel", &out.dkernel, f * 4 * u),
        ("drecurrent", &out.drecurrent, u * 4 * u),
        ("dbias", &out.dbias, 4 * u),
        ("dh0", &out.dh0, b * u),
        ("dc0", &out.dc0, b * u),
    ] {
        check_len("lstm", what, slice.as_ref().map_or(needed, |s| s.len()), needed);
    }
    check_len("lstm", "scratch", scratch.len(), lstm_backward_scratch(args.forward.shape));
    // SAFETY: a supported tier; every length was checked.
    unsafe { backward_on(isa(), args, out, scratch) }
}

on_each_tier! {
    /// [`lstm_backward`] on a tier.
    ///
    /// # Safety
    /// The CPU supports the tier; the slices have the lengths that [`lstm_backward`] checks.
    fn backward_on(
        args: &LstmBackward<'_>,
        out: &mut LstmGradients<'_>,
        scratch: &mut [f32],
    ) = backward;
}

/// Panics if an input is smaller than its shape, or `batch_sizes` grow; gives N.
fn check_forward(args: &LstmForward<'_>) -> usize {
    let CellShape { features: f, units: u, batch: b } = args.shape;
    let n = check_batch_sizes("lstm", args.batch_sizes, b);
    check_len("lstm", "x", args.x.len(), n * f);
    check_len("lstm", "kernel", args.kernel.len(), f * 4 * u);
    check_len("lstm", "recurrent", args.recurrent.len(), u * 4 * u);
    check_len("lstm", "bias", args.bias.map_or(4 * u, <[f32]>::len), 4 * u);
    check_len("lstm", "h0", args.h0.len(), b * u);
    check_len("lstm", "c0", args.c0.len(), b * u);
    check_len(
        "lstm",
        "recurrent_mask",
        args.recurrent_mask.map_or(b * 4 * u, <[f32]>::len),
        b * 4 * u,
    );
    assert!(
        args.int8.is_none() || args.recurrent_mask.is_none(),
        "lstm: weights of eight bits are not for training, which a recurrent mask is for"
    );
    n
}

#[cfg(test)]
mod tests;
