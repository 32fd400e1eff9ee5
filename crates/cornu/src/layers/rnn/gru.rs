//! The GRU layer.

use super::gru_cell::GruCell;
use super::settings::{layer_of_cell, units_settings, walk_settings};
use crate::activations::Activation;
use crate::config::setters;
use crate::lowering::{Sample, Walk};
use crate::regularizers::Regularizer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::json;

/// Gated recurrent unit (GRU) layer (Cho et al. 2014): [`GruCell`] over the timesteps.
///
/// # Shapes
/// x (B, T, F), W (F, 3U), R (U, 3U), b (2, 3U), or (3U) without `reset_after`; out (B, U), or (B,
/// T, U) with `return_sequences`; with `return_state` also h (B, U). `initial_state` is h.
///
/// # Source
/// keras/src/layers/rnn/gru.py, Keras 3.15.1. Differs: no `use_cudnn`.
///
/// ```
/// use cornu::{Gru, Input};
/// let x = Input::new([20, 1]);
/// assert_eq!(Gru::new(4).call(&x)?.shape_text(), "(None, 4)"); // the last output
/// assert_eq!(Gru::new(4).return_sequences(true).call(&x)?.shape_text(), "(None, 20, 4)");
/// assert_eq!(Gru::new(4).return_state(true).call_all(&x)?.len(), 2); // output, h
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gru {
    /// Direction, outputs and state of the layer.
    #[serde(flatten)]
    pub walk: Walk,
    /// The cell: weights and formula of one timestep.
    #[serde(flatten)]
    pub cell: GruCell,
    /// Regularizer of the output.
    pub activity_regularizer: Option<Regularizer>,
}

setters!(Gru.cell {
    into activation: Activation,
    into recurrent_activation: Activation,
    plain use_bias: bool,
    plain dropout: f64,
    plain recurrent_dropout: f64,
    plain reset_after: bool,
    some_into seed: Value,
});

weight_setters!([Gru.cell] kernel, recurrent, bias);

setters!(Gru {
    some_into activity_regularizer: Regularizer,
});

units_settings!(Gru, GruCell);
layer_of_cell!(
    Gru, "GRU", omits [],
    trainable_with_layer: true,
    samples: Sample::each([
        json!({"units": 3}),
        json!({"units": 3, "return_sequences": true}),
        json!({"units": 3, "return_sequences": true, "go_backwards": true}),
        json!({"units": 3, "reset_after": false, "return_sequences": true}),
    ])
);
