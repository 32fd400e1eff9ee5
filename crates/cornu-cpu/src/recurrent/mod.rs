//! The kernels of the recurrent operations: their values handed to the cells for packed sequences.

mod cell;

pub(crate) mod lstm;
pub(crate) mod gru;
pub(crate) mod simple_rnn;
