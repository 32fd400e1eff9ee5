//! GRU over packed sequences: forward and backward.

mod args;
mod forward;
mod backward;

pub use args::{GruBackward, GruForward, GruGradients, GruOutputs, gru_gates_width};

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
use args::bias_len;
use backward::backward;
use forward::forward;

/// Elements of scratch that [`gru_forward`] takes, whatever the lengths of the sequences.
pub fn gru_forward_scratch(shape: CellShape) -> usize {
    let CellShape { features: f, units: u, batch: b } = shape;
    part_len(recurrent_panels_len(u, 3, u))
        + part_len(panels_len(u, u))
        + part_len(panels_len(f, 3 * u))
        + part_len(left_len(u.max(f)))
        + part_len(b * u)
        + part_len(b * 3 * u)
        + part_len(chunk_rows(b) * 4 * u)
}

/// Elements of scratch that [`gru_backward`] takes, whatever the lengths of the sequences.
pub fn gru_backward_scratch(shape: CellShape) -> usize {
    let CellShape { features: f, units: u, batch: b } = shape;
    part_len(transposed_panels_len(3, u))
        + part_len(panels_len(u, u))
        + part_len(panels_len(3 * u, f))
        + 3 * part_len(b * u)
        + 2 * part_len(chunk_rows(b) * 3 * u)
        + 2 * part_len(chunk_rows(b) * u)
        + long_products_scratch(3 * u, b)
}

/// Runs the sequences through the cell.
///
/// A sequence's results are the same bits in every batch and at every place in it.
///
/// # Panics
/// If a buffer is smaller than its shape, or `batch_sizes` grow.
pub fn gru_forward(args: &GruForward<'_>, out: &mut GruOutputs<'_>, scratch: &mut [f32]) {
    let n = check_forward(args);
    let CellShape { units: u, batch: b, .. } = args.shape;
    let width = gru_gates_width(u, args.reset_after);
    check_len("gru", "h", out.h.as_ref().map_or(n * u, |h| h.len()), n * u);
    check_len("gru", "gates", out.gates.as_ref().map_or(n * width, |g| g.len()), n * width);
    check_len("gru", "h_last", out.h_last.len(), b * u);
    check_len("gru", "scratch", scratch.len(), gru_forward_scratch(args.shape));
    // SAFETY: a supported tier; every length was checked.
    unsafe { forward_on(isa(), args, out, scratch) }
}

on_each_tier! {
    /// [`gru_forward`] on a tier.
    ///
    /// # Safety
    /// The CPU supports the tier; the slices have the lengths that [`gru_forward`] checks.
    fn forward_on(
        args: &GruForward<'_>,
        out: &mut GruOutputs<'_>,
        scratch: &mut [f32],
    ) = forward;
}

/// The gradients of [`gru_forward`].
///
/// # Panics
/// If a buffer is smaller than its shape, or `batch_sizes` grow.
pub fn gru_backward(args: &GruBackward<'_>, out: &mut GruGradients<'_>, scratch: &mut [f32]) {
    let n = check_forward(&args.forward);
    let CellShape { features: f, units: u, batch: b } = args.forward.shape;
    check_len("gru", "h", args.h.len(), n * u);
    check_len("gru", "gates", args.gates.len(), n * gru_gates_width(u, args.forward.reset_after));
    for (what, slice, needed) in [("dh", args.dh, n * u), ("dh_last", args.dh_last, b * u)] {
        check_len("gru", what, slice.map_or(needed, <[f32]>::len), needed);
    }
    for (what, slice, needed) in [
        ("dx", &out.dx, n * f),
        ("dkernel", &out.dkernel, f * 3 * u),
        ("drecurrent", &out.drecurrent, u * 3 * u),
        ("dbias", &out.dbias, bias_len(&args.forward)),
        ("dh0", &out.dh0, b * u),
    ] {
        check_len("gru", what, slice.as_ref().map_or(needed, |s| s.len()), needed);
    }
    check_len("gru", "scratch", scratch.len(), gru_backward_scratch(args.forward.shape));
    // SAFETY: a supported tier; every length was checked.
    unsafe { backward_on(isa(), args, out, scratch) }
}

on_each_tier! {
    /// [`gru_backward`] on a tier.
    ///
    /// # Safety
    /// The CPU supports the tier; the slices have the lengths that [`gru_backward`] checks.
    fn backward_on(
        args: &GruBackward<'_>,
        out: &mut GruGradients<'_>,
        scratch: &mut [f32],
    ) = backward;
}

/// Panics if an input is smaller than its shape, or `batch_sizes` grow; gives N.
fn check_forward(args: &GruForward<'_>) -> usize {
    let CellShape { features: f, units: u, batch: b } = args.shape;
    let n = check_batch_sizes("gru", args.batch_sizes, b);
    check_len("gru", "x", args.x.len(), n * f);
    check_len("gru", "kernel", args.kernel.len(), f * 3 * u);
    check_len("gru", "recurrent", args.recurrent.len(), u * 3 * u);
    check_len("gru", "bias", args.bias.map_or(bias_len(args), <[f32]>::len), bias_len(args));
    check_len("gru", "h0", args.h0.len(), b * u);
    check_len(
        "gru",
        "recurrent_mask",
        args.recurrent_mask.map_or(b * 3 * u, <[f32]>::len),
        b * 3 * u,
    );
    n
}

#[cfg(test)]
mod tests;
