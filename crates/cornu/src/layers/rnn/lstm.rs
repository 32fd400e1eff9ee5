//! The LSTM layer.

use super::lstm_cell::LstmCell;
use super::settings::{layer_of_cell, units_settings, walk_settings};
use crate::activations::Activation;
use crate::config::setters;
use crate::lowering::{Sample, Walk};
use crate::regularizers::Regularizer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::json;

/// Long short-term memory (LSTM) layer (Hochreiter and Schmidhuber 1997): [`LstmCell`] over the
/// timesteps.
///
/// # Shapes
/// x (B, T, F), W (F, 4U), R (U, 4U), b (4U); out (B, U), or (B, T, U) with `return_sequences`;
/// with `return_state` also h and c (B, U). `initial_state` is h and c.
///
/// # Source
/// keras/src/layers/rnn/lstm.py, Keras 3.15.1. Differs: no `use_cudnn`.
///
/// ```
/// use cornu::{Input, Lstm};
/// let x = Input::new([20, 1]);
/// assert_eq!(Lstm::new(4).call(&x)?.shape_text(), "(None, 4)"); // the last output
/// assert_eq!(Lstm::new(4).return_sequences(true).call(&x)?.shape_text(), "(None, 20, 4)");
/// let outputs = Lstm::new(4).return_sequences(true).return_state(true).call_all(&x)?;
/// let shapes: Vec<_> = outputs.iter().map(|y| y.shape_text()).collect();
/// assert_eq!(shapes, ["(None, 20, 4)", "(None, 4)", "(None, 4)"]); // outputs, h, c
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lstm {
    /// Direction, outputs and state of the layer.
    #[serde(flatten)]
    pub walk: Walk,
    /// The cell: weights and formula of one timestep.
    #[serde(flatten)]
    pub cell: LstmCell,
    /// Regularizer of the output.
    pub activity_regularizer: Option<Regularizer>,
}

setters!(Lstm.cell {
    into activation: Activation,
    into recurrent_activation: Activation,
    plain use_bias: bool,
    plain unit_forget_bias: bool,
    plain dropout: f64,
    plain recurrent_dropout: f64,
    some_into seed: Value,
});

weight_setters!([Lstm.cell] kernel, recurrent, bias);

setters!(Lstm {
    some_into activity_regularizer: Regularizer,
});

units_settings!(Lstm, LstmCell);
layer_of_cell!(
    Lstm, "LSTM", omits [],
    trainable_with_layer: true,
    samples: Sample::each([
        json!({"units": 3}),
        json!({"units": 3, "return_sequences": true}),
        json!({"units": 3, "return_sequences": true, "go_backwards": true}),
        json!({"units": 3, "activation": "gelu", "return_sequences": true}),
    ])
);
