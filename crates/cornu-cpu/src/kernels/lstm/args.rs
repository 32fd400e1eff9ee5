//! What the passes of an LSTM read and write.

use super::int8::LstmInt8;
use crate::kernels::{activation::Activation, shape::CellShape};

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
