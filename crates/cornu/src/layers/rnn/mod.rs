//! Recurrent layers: cells, the layers that run a cell along sequences, and wrappers over time.

pub(crate) mod cell_layer;
pub(crate) mod packed_sequence;
pub(crate) mod run_cell;
pub(crate) mod settings;
pub(crate) mod simple_rnn_cell;
pub(crate) mod gru_cell;
pub(crate) mod lstm_cell;
pub(crate) mod simple_rnn;
pub(crate) mod gru;
pub(crate) mod lstm;
pub(crate) mod stacked_rnn_cells;
pub(crate) mod over_time;
pub(crate) mod conv_lstm_cell;
pub(crate) mod conv_lstm1d;
pub(crate) mod bidirectional;
pub(crate) mod time_distributed;
