//! Convolutional LSTM over sequences of rows.

use super::conv_lstm_cell::ConvLstmCell;
use super::settings::{layer_of_cell, walk_settings};
use crate::activations::Activation;
use crate::config::setters;
use crate::layers::geometry::{DataFormat, Extent, Padding};
use crate::lowering::{Sample, SampleInput, Walk};
use crate::regularizers::Regularizer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::json;

/// Convolutional LSTM layer (Shi et al. 2015, arXiv:1506.04214): [`ConvLstmCell`] over the
/// timesteps, on rows of S positions.
///
/// # Shapes
/// x (B, T, S, C), W (K, C, 4U), R (K, U, 4U), b (4U); out (B, S', U), or (B, T, S', U) with
/// `return_sequences`; with `return_state` also h and c (B, S', U). With `channels_first` x (B, T,
/// C, S), out (B, U, S').
///
/// # Source
/// keras/src/layers/rnn/conv_lstm1d.py, Keras 3.15.1. Differs: masks work for every number of
/// places.
///
/// ```
/// use cornu::{ConvLstm1d, Input};
/// let x = Input::new([5, 8, 1]); // T, S, C
/// assert_eq!(ConvLstm1d::new(4, 3).call(&x)?.shape_text(), "(None, 6, 4)");
/// let layer = ConvLstm1d::new(4, 3).return_sequences(true);
/// assert_eq!(layer.call(&x)?.shape_text(), "(None, 5, 6, 4)");
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConvLstm1d {
    /// Direction, outputs and state of the layer.
    #[serde(flatten)]
    pub walk: Walk,
    /// The cell: weights and formula of one timestep.
    #[serde(flatten)]
    pub cell: ConvLstmCell,
    /// Regularizer of the output.
    pub activity_regularizer: Option<Regularizer>,
}

impl ConvLstm1d {
    /// Returns a layer of `filters` filters over `kernel_size` positions, with Keras's defaults.
    pub fn new(filters: usize, kernel_size: usize) -> Self {
        Self { cell: ConvLstmCell::new(filters, kernel_size), ..Self::default() }
    }

    /// Sets the positions from the start of one window to the next.
    pub fn strides(mut self, strides: usize) -> Self {
        self.cell.strides = Extent(strides);
        self
    }

    /// Sets the padding at both ends of the positions.
    pub fn padding(mut self, padding: Padding) -> Self {
        self.cell.padding = padding;
        self
    }

    /// Sets the order of the axes: channels last or channels first.
    pub fn data_format(mut self, format: DataFormat) -> Self {
        self.cell.data_format = format;
        self
    }

    /// Sets the positions from one element of a window to the next.
    pub fn dilation_rate(mut self, rate: usize) -> Self {
        self.cell.dilation_rate = Extent(rate);
        self
    }
}

setters!(ConvLstm1d.cell {
    into activation: Activation,
    into recurrent_activation: Activation,
    plain use_bias: bool,
    plain unit_forget_bias: bool,
    plain dropout: f64,
    plain recurrent_dropout: f64,
    some_into seed: Value,
});

weight_setters!([ConvLstm1d.cell] kernel, recurrent, bias);

setters!(ConvLstm1d {
    some_into activity_regularizer: Regularizer,
});

layer_of_cell!(
    ConvLstm1d, "ConvLSTM1D", omits [],
    trainable_with_layer: false,
    samples: vec![
        Sample::new(json!({"filters": 2, "kernel_size": 2, "return_sequences": true}))
            .on([SampleInput::floats([None, Some(5), Some(3)])]),
    ]
);
