//! The simple recurrent layer.

use super::settings::{layer_of_cell, units_settings, walk_settings};
use super::simple_rnn_cell::SimpleRnnCell;
use crate::activations::Activation;
use crate::config::setters;
use crate::lowering::{Sample, Walk};
use crate::regularizers::Regularizer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::json;

/// Simple recurrent layer (Elman 1990): [`SimpleRnnCell`] over the timesteps.
///
/// # Shapes
/// x (B, T, F), W (F, U), R (U, U), b (U); out (B, U), or (B, T, U) with `return_sequences`; with
/// `return_state` also h (B, U). `initial_state` is h.
///
/// # Source
/// keras/src/layers/rnn/simple_rnn.py, Keras 3.15.1. As in Keras, the config holds no seed.
/// Differs: Keras takes an `activity_regularizer` but neither applies nor saves it.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, SimpleRnn};
/// use ndarray::arr3;
/// let sums = SimpleRnn::new(1).activation("linear").return_sequences(true);
/// let sums = sums.kernel_initializer("ones").recurrent_initializer("ones"); // h = x + h₋
/// let y = LayerRef::new(sums).apply(&arr3(&[[[1.0f32], [2.0], [3.0]]]))?;
/// assert_eq!(y, Array::from(arr3(&[[[1.0f32], [3.0], [6.0]]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SimpleRnn {
    /// Direction, outputs and state of the layer.
    #[serde(flatten)]
    pub walk: Walk,
    /// The cell: weights and formula of one timestep.
    #[serde(flatten)]
    pub cell: SimpleRnnCell,
    /// Regularizer of the output.
    pub activity_regularizer: Option<Regularizer>,
}

setters!(SimpleRnn.cell {
    into activation: Activation,
    plain use_bias: bool,
    plain dropout: f64,
    plain recurrent_dropout: f64,
    some_into seed: Value,
});

weight_setters!([SimpleRnn.cell] kernel, recurrent, bias);

setters!(SimpleRnn {
    some_into activity_regularizer: Regularizer,
});

units_settings!(SimpleRnn, SimpleRnnCell);
layer_of_cell!(
    SimpleRnn, "SimpleRNN", omits["seed"],
    trainable_with_layer: true,
    samples: Sample::each([
        json!({"units": 3}),
        json!({"units": 3, "return_sequences": true}),
        json!({"units": 3, "return_sequences": true, "go_backwards": true}),
    ])
);
