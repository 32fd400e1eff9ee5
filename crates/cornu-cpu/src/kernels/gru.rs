//! GRU over packed sequences: forward and backward.

mod backward;
mod forward;

use super::{
    activation::Activation,
    by_gate::{recurrent_panels_len, transposed_panels_len},
    matmul::{left_len, panels_len},
    sequence::*,
    shape::CellShape,
    table::table,
};
pub(crate) use backward::backward;
pub(crate) use forward::forward;

/// What a GRU reads. Gates stand in Keras's order z, r, h.
///
/// ```text
/// z = recurrent_activation(x W_z + h_z R_z + b_z)      h_z, h_r, h_h = h_{t-1} * mask of each gate
/// r = recurrent_activation(x W_r + h_r R_r + b_r)
/// g = activation(x W_h + b_h + r (h_h R_h + b'_h))     reset_after
/// g = activation(x W_h + b_h + (r h_h) R_h)            otherwise
/// h_t = z h_{t-1} + (1 - z) g
/// ```
///
/// Rows are packed as [`LstmForward`](super::lstm::LstmForward) states.
///
/// Source: `keras/src/layers/rnn/gru.py`, Keras 3.15.1.
#[derive(Clone, Copy, Debug)]
pub struct GruForward<'a> {
    /// F, U, B
    pub shape: CellShape,
    /// On the candidate; Keras's default is tanh.
    pub activation: Activation,
    /// On the gates; Keras's default is sigmoid.
    pub recurrent_activation: Activation,
    /// Whether r multiplies behind the recurrent product (Keras's default) or before it.
    pub reset_after: bool,
    /// (N, F)
    pub x: &'a [f32],
    /// W: (F, 3U)
    pub kernel: &'a [f32],
    /// R: (U, 3U)
    pub recurrent: &'a [f32],
    /// b: (2, 3U), of the input and of the recurrent product, with `reset_after`; (3U) without.
    pub bias: Option<&'a [f32]>,
    /// (B, U)
    pub h0: &'a [f32],
    /// (B, 3U): multiplies `h_{t-1}` in the recurrent product of each gate, at every timestep.
    pub recurrent_mask: Option<&'a [f32]>,
    /// Live rows of each timestep: T numbers that never grow.
    pub batch_sizes: &'a [i32],
}

/// What a GRU writes.
#[derive(Debug)]
pub struct GruOutputs<'a> {
    /// (N, U); needed by the backward pass.
    pub h: Option<&'a mut [f32]>,
    /// (N, G) with G of [`gru_gates_width`]: the activated z, r, g, then `h_h R_h + b'_h` with
    /// `reset_after`; needed by the backward pass.
    pub gates: Option<&'a mut [f32]>,
    /// (B, U): each sequence's last h, its row of `h0` if it has no timestep.
    pub h_last: &'a mut [f32],
}

/// What the gradient of a GRU reads.
#[derive(Clone, Copy, Debug)]
pub struct GruBackward<'a> {
    /// The forward pass's inputs.
    pub forward: GruForward<'a>,
    /// (N, U), of the forward pass.
    pub h: &'a [f32],
    /// (N, G), of the forward pass.
    pub gates: &'a [f32],
    /// (N, U): gradient of `h`.
    pub dh: Option<&'a [f32]>,
    /// (B, U): gradient of `h_last`.
    pub dh_last: Option<&'a [f32]>,
}

/// The gradients of a GRU: written, not added to; what is `None` is not computed.
#[derive(Debug, Default)]
pub struct GruGradients<'a> {
    /// (N, F)
    pub dx: Option<&'a mut [f32]>,
    /// (F, 3U)
    pub dkernel: Option<&'a mut [f32]>,
    /// (U, 3U)
    pub drecurrent: Option<&'a mut [f32]>,
    /// (2, 3U) with `reset_after`, (3U) without.
    pub dbias: Option<&'a mut [f32]>,
    /// (B, U)
    pub dh0: Option<&'a mut [f32]>,
}

/// G, the columns of a GRU's `gates`.
pub fn gru_gates_width(units: usize, reset_after: bool) -> usize {
    if reset_after { 4 * units } else { 3 * units }
}

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
    check_forward(args);
    let CellShape { units: u, batch: b, .. } = args.shape;
    let n = rows_of(args.batch_sizes);
    let width = gru_gates_width(u, args.reset_after);
    check_len("gru", "h", out.h.as_ref().map_or(n * u, |h| h.len()), n * u);
    check_len("gru", "gates", out.gates.as_ref().map_or(n * width, |g| g.len()), n * width);
    check_len("gru", "h_last", out.h_last.len(), b * u);
    check_len("gru", "scratch", scratch.len(), gru_forward_scratch(args.shape));
    // SAFETY: the table of a supported tier; every length was checked.
    unsafe { (table().gru_forward)(args, out, scratch) }
}

/// The gradients of [`gru_forward`].
///
/// # Panics
/// If a buffer is smaller than its shape, or `batch_sizes` grow.
pub fn gru_backward(args: &GruBackward<'_>, out: &mut GruGradients<'_>, scratch: &mut [f32]) {
    check_forward(&args.forward);
    let CellShape { features: f, units: u, batch: b } = args.forward.shape;
    let n = rows_of(args.forward.batch_sizes);
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
    // SAFETY: the table of a supported tier; every length was checked.
    unsafe { (table().gru_backward)(args, out, scratch) }
}

fn bias_len(args: &GruForward<'_>) -> usize {
    args.shape.units * if args.reset_after { 6 } else { 3 }
}

fn check_forward(args: &GruForward<'_>) {
    let CellShape { features: f, units: u, batch: b } = args.shape;
    check_batch_sizes("gru", args.batch_sizes, b);
    let n = rows_of(args.batch_sizes);
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
}

#[cfg(test)]
mod tests;
