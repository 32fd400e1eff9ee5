//! SimpleRNN over packed sequences: forward and backward.

mod args;
mod forward;
mod backward;

pub use args::{SimpleRnnBackward, SimpleRnnForward, SimpleRnnGradients, SimpleRnnOutputs};

use super::{
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

/// Elements of scratch that [`simple_rnn_forward`] takes, whatever the lengths of the sequences.
pub fn simple_rnn_forward_scratch(shape: CellShape) -> usize {
    let CellShape { features: f, units: u, batch: b } = shape;
    part_len(panels_len(u, u))
        + part_len(panels_len(f, u))
        + part_len(left_len(u.max(f)))
        + part_len(b * u)
        + part_len(chunk_rows(b) * u)
}

/// Elements of scratch that [`simple_rnn_backward`] takes, whatever the lengths of the sequences.
pub fn simple_rnn_backward_scratch(shape: CellShape) -> usize {
    let CellShape { features: f, units: u, batch: b } = shape;
    part_len(panels_len(u, u))
        + part_len(panels_len(u, f))
        + part_len(b * u)
        + 2 * part_len(chunk_rows(b) * u)
        + long_products_scratch(u, b)
}

/// Runs the sequences through the cell.
///
/// A sequence's results are the same bits in every batch and at every place in it.
///
/// # Panics
/// If a buffer is smaller than its shape, or `batch_sizes` grow.
pub fn simple_rnn_forward(
    args: &SimpleRnnForward<'_>,
    out: &mut SimpleRnnOutputs<'_>,
    scratch: &mut [f32],
) {
    let n = check_forward(args);
    let CellShape { units: u, batch: b, .. } = args.shape;
    check_len("simple_rnn", "h", out.h.as_ref().map_or(n * u, |h| h.len()), n * u);
    check_len("simple_rnn", "h_last", out.h_last.len(), b * u);
    check_len("simple_rnn", "scratch", scratch.len(), simple_rnn_forward_scratch(args.shape));
    // SAFETY: a supported tier; every length was checked.
    unsafe { forward_on(isa(), args, out, scratch) }
}

on_each_tier! {
    /// [`simple_rnn_forward`] on a tier.
    ///
    /// # Safety
    /// The CPU supports the tier; the slices have the lengths that [`simple_rnn_forward`] checks.
    fn forward_on(
        args: &SimpleRnnForward<'_>,
        out: &mut SimpleRnnOutputs<'_>,
        scratch: &mut [f32],
    ) = forward;
}

/// The gradients of [`simple_rnn_forward`].
///
/// # Panics
/// If a buffer is smaller than its shape, or `batch_sizes` grow.
pub fn simple_rnn_backward(
    args: &SimpleRnnBackward<'_>,
    out: &mut SimpleRnnGradients<'_>,
    scratch: &mut [f32],
) {
    let n = check_forward(&args.forward);
    let CellShape { features: f, units: u, batch: b } = args.forward.shape;
    check_len("simple_rnn", "h", args.h.len(), n * u);
    for (what, slice, needed) in [("dh", args.dh, n * u), ("dh_last", args.dh_last, b * u)] {
        check_len("simple_rnn", what, slice.map_or(needed, <[f32]>::len), needed);
    }
    for (what, slice, needed) in [
        ("dx", &out.dx, n * f),
        ("dkernel", &out.dkernel, f * u),
        ("drecurrent", &out.drecurrent, u * u),
        ("dbias", &out.dbias, u),
        ("dh0", &out.dh0, b * u),
    ] {
        check_len("simple_rnn", what, slice.as_ref().map_or(needed, |s| s.len()), needed);
    }
    check_len(
        "simple_rnn",
        "scratch",
        scratch.len(),
        simple_rnn_backward_scratch(args.forward.shape),
    );
    // SAFETY: a supported tier; every length was checked.
    unsafe { backward_on(isa(), args, out, scratch) }
}

on_each_tier! {
    /// [`simple_rnn_backward`] on a tier.
    ///
    /// # Safety
    /// The CPU supports the tier; the slices have the lengths that [`simple_rnn_backward`] checks.
    fn backward_on(
        args: &SimpleRnnBackward<'_>,
        out: &mut SimpleRnnGradients<'_>,
        scratch: &mut [f32],
    ) = backward;
}

/// Panics if an input is smaller than its shape, or `batch_sizes` grow; gives N.
fn check_forward(args: &SimpleRnnForward<'_>) -> usize {
    let CellShape { features: f, units: u, batch: b } = args.shape;
    let n = check_batch_sizes("simple_rnn", args.batch_sizes, b);
    check_len("simple_rnn", "x", args.x.len(), n * f);
    check_len("simple_rnn", "kernel", args.kernel.len(), f * u);
    check_len("simple_rnn", "recurrent", args.recurrent.len(), u * u);
    check_len("simple_rnn", "bias", args.bias.map_or(u, <[f32]>::len), u);
    check_len("simple_rnn", "h0", args.h0.len(), b * u);
    check_len(
        "simple_rnn",
        "recurrent_mask",
        args.recurrent_mask.map_or(b * u, <[f32]>::len),
        b * u,
    );
    n
}

#[cfg(test)]
mod tests;
