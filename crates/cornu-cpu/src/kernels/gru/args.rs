//! What the passes of a GRU read and write.

use crate::kernels::{activation::Activation, shape::CellShape};

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
/// Rows are packed as [`LstmForward`](crate::kernels::lstm::LstmForward) states.
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

/// Elements of the bias.
pub(super) fn bias_len(args: &GruForward<'_>) -> usize {
    args.shape.units * if args.reset_after { 6 } else { 3 }
}
