//! The weights of an LSTM in eight bits.

use crate::kernels::int8::Int8Matrix;

/// Weights of an LSTM in eight bits.
#[derive(Clone, Copy, Debug)]
pub struct LstmInt8<'a> {
    /// W: (F, 4U)
    pub kernel: Int8Matrix<'a>,
    /// R: (U, 4U)
    pub recurrent: Int8Matrix<'a>,
}
