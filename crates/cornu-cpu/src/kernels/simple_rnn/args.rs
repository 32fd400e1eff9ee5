//! What the passes of a simple recurrent cell read and write.

use crate::kernels::{activation::Activation, shape::CellShape};

/// What a simple recurrent cell reads: `h_t = activation(x W + (h_{t-1} * mask) R + b)`.
///
/// Rows are packed as [`LstmForward`](crate::kernels::lstm::LstmForward) states.
///
/// Source: `keras/src/layers/rnn/simple_rnn.py`, Keras 3.15.1.
#[derive(Clone, Copy, Debug)]
pub struct SimpleRnnForward<'a> {
    /// F, U, B
    pub shape: CellShape,
    /// Keras's default is tanh.
    pub activation: Activation,
    /// (N, F)
    pub x: &'a [f32],
    /// W: (F, U)
    pub kernel: &'a [f32],
    /// R: (U, U)
    pub recurrent: &'a [f32],
    /// b: (U)
    pub bias: Option<&'a [f32]>,
    /// (B, U)
    pub h0: &'a [f32],
    /// (B, U), multiplies `h_{t-1}` in the recurrent product at every timestep.
    pub recurrent_mask: Option<&'a [f32]>,
    /// Live rows of each timestep: T numbers that never grow.
    pub batch_sizes: &'a [i32],
}

/// What a simple recurrent cell writes.
#[derive(Debug)]
pub struct SimpleRnnOutputs<'a> {
    /// (N, U); needed by the backward pass.
    pub h: Option<&'a mut [f32]>,
    /// (B, U): each sequence's last h, its row of `h0` if it has no timestep.
    pub h_last: &'a mut [f32],
}

/// What the gradient of a simple recurrent cell reads.
#[derive(Clone, Copy, Debug)]
pub struct SimpleRnnBackward<'a> {
    /// The forward pass's inputs.
    pub forward: SimpleRnnForward<'a>,
    /// (N, U), of the forward pass.
    pub h: &'a [f32],
    /// (N, U): gradient of `h`.
    pub dh: Option<&'a [f32]>,
    /// (B, U): gradient of `h_last`.
    pub dh_last: Option<&'a [f32]>,
}

/// The gradients of a simple recurrent cell: written, not added to; what is `None` is not computed.
#[derive(Debug, Default)]
pub struct SimpleRnnGradients<'a> {
    /// (N, F)
    pub dx: Option<&'a mut [f32]>,
    /// (F, U)
    pub dkernel: Option<&'a mut [f32]>,
    /// (U, U)
    pub drecurrent: Option<&'a mut [f32]>,
    /// (U)
    pub dbias: Option<&'a mut [f32]>,
    /// (B, U)
    pub dh0: Option<&'a mut [f32]>,
}
