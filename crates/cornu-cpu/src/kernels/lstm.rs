//! LSTM over packed sequences: forward and backward.

mod cells;
mod int8;
mod lanes;
mod forward;
mod backward;

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
pub use int8::LstmInt8;

/// What an LSTM reads. Gates stand in Keras's order i, f, c, o.
///
/// ```text
/// z_g = x W_g + (h_{t-1} * mask_g) R_g + b_g
/// i, f, o = recurrent_activation(z_i, z_f, z_o)      g = activation(z_c)
/// c_t = f c_{t-1} + i g                              h_t = o activation(c_t)
/// ```
///
/// Sequences are sorted by length, longest first, and packed time-major: the rows of timestep 0,
/// then those of timestep 1 for the sequences still live, … `N` is the sum of `batch_sizes`;
/// buffers of N rows may hold more, which are neither read nor written.
///
/// Source: `keras/src/layers/rnn/lstm.py`, Keras 3.15.1.
#[derive(Clone, Copy, Debug)]
pub struct LstmForward<'a> {
    /// F, U, B
    pub shape: CellShape,
    /// On the candidate and on the output; Keras's default is tanh.
    pub activation: Activation,
    /// On the gates; Keras's default is sigmoid.
    pub recurrent_activation: Activation,
    /// (N, F)
    pub x: &'a [f32],
    /// W: (F, 4U)
    pub kernel: &'a [f32],
    /// R: (U, 4U)
    pub recurrent: &'a [f32],
    /// b: (4U)
    pub bias: Option<&'a [f32]>,
    /// (B, U)
    pub h0: &'a [f32],
    /// (B, U)
    pub c0: &'a [f32],
    /// (B, 4U): multiplies `h_{t-1}` in the recurrent product of each gate, at every timestep. Not
    /// with `int8`.
    pub recurrent_mask: Option<&'a [f32]>,
    /// Live rows of each timestep: T numbers that never grow.
    pub batch_sizes: &'a [i32],
    /// W and R in eight bits, instead of `kernel` and `recurrent`, where they are to be taken so;
    /// not for gradients.
    pub int8: Option<LstmInt8<'a>>,
}

/// What an LSTM writes.
#[derive(Debug)]
pub struct LstmOutputs<'a> {
    /// (N, U); needed by the backward pass.
    pub h: Option<&'a mut [f32]>,
    /// (N, U); needed by the backward pass.
    pub c: Option<&'a mut [f32]>,
    /// (N, 4U): the activated i, f, g, o; needed by the backward pass.
    pub gates: Option<&'a mut [f32]>,
    /// (B, U): each sequence's last h, its row of `h0` if it has no timestep.
    pub h_last: &'a mut [f32],
    /// (B, U): each sequence's last c, its row of `c0` if it has no timestep.
    pub c_last: &'a mut [f32],
}

/// What the gradient of an LSTM reads.
#[derive(Clone, Copy, Debug)]
pub struct LstmBackward<'a> {
    /// The forward pass's inputs.
    pub forward: LstmForward<'a>,
    /// (N, U), of the forward pass.
    pub h: &'a [f32],
    /// (N, U), of the forward pass.
    pub c: &'a [f32],
    /// (N, 4U), of the forward pass.
    pub gates: &'a [f32],
    /// (N, U): gradient of `h`.
    pub dh: Option<&'a [f32]>,
    /// (B, U): gradient of `h_last`.
    pub dh_last: Option<&'a [f32]>,
    /// (B, U): gradient of `c_last`.
    pub dc_last: Option<&'a [f32]>,
}

/// The gradients of an LSTM: written, not added to; what is `None` is not computed.
#[derive(Debug, Default)]
pub struct LstmGradients<'a> {
    /// (N, F)
    pub dx: Option<&'a mut [f32]>,
    /// (F, 4U)
    pub dkernel: Option<&'a mut [f32]>,
    /// (U, 4U)
    pub drecurrent: Option<&'a mut [f32]>,
    /// (4U)
    pub dbias: Option<&'a mut [f32]>,
    /// (B, U)
    pub dh0: Option<&'a mut [f32]>,
    /// (B, U)
    pub dc0: Option<&'a mut [f32]>,
}

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
    check_forward(args);
    let CellShape { units: u, batch: b, .. } = args.shape;
    let n = rows_of(args.batch_sizes);
    check_len("lstm", "h", out.h.as_ref().map_or(n * u, |h| h.len()), n * u);
    check_len("lstm", "c", out.c.as_ref().map_or(n * u, |c| c.len()), n * u);
    check_len("lstm", "gates", out.gates.as_ref().map_or(n * 4 * u, |g| g.len()), n * 4 * u);
    check_len("lstm", "h_last", out.h_last.len(), b * u);
    check_len("lstm", "c_last", out.c_last.len(), b * u);
    check_len("lstm", "scratch", scratch.len(), lstm_forward_scratch(args.shape));
    // SAFETY: the table of a supported tier; every length was checked.
    unsafe { (table().lstm_forward)(args, out, scratch) }
}

/// The gradients of [`lstm_forward`].
///
/// # Panics
/// If a buffer is smaller than its shape, or `batch_sizes` grow.
pub fn lstm_backward(args: &LstmBackward<'_>, out: &mut LstmGradients<'_>, scratch: &mut [f32]) {
    check_forward(&args.forward);
    let CellShape { features: f, units: u, batch: b } = args.forward.shape;
    let n = rows_of(args.forward.batch_sizes);
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
    // SAFETY: the table of a supported tier; every length was checked.
    unsafe { (table().lstm_backward)(args, out, scratch) }
}

fn check_forward(args: &LstmForward<'_>) {
    let CellShape { features: f, units: u, batch: b } = args.shape;
    check_batch_sizes("lstm", args.batch_sizes, b);
    let n = rows_of(args.batch_sizes);
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
}

#[cfg(test)]
mod tests;
