//! The `hard_sigmoid` of Keras 1 and 2 in files of Keras 3.
//!
//! Before Keras 3 it was clip(0.2 x + 0.5, 0, 1); Keras 3 has relu6(x + 3) / 6. The old one of x is
//! the new one of 1.2 x, so weights times 1.2 give the same numbers.

use super::layer_entry::{LayerEntry, each_layer};
use crate::Result;
use serde_json::{Value, json};

/// cornu's name of the activation that Keras before 3 called `hard_sigmoid`.
pub(crate) const KERAS_2: &str = "hard_sigmoid_keras2";

/// What the new activation takes of what the old one takes.
pub(crate) const SCALE: f64 = 1.2;

/// Keras 3's name of its activation.
const KERAS_3: &str = "hard_sigmoid";

/// The columns (from, to) of a weight that feed the old activation, of `n` along its last axis, in
/// a layer of this class and config.
pub(crate) fn columns(class: &str, config: &Value, weight: &str, n: usize) -> Vec<(usize, usize)> {
    let is_old = |key: &str| config.get(key).is_some_and(|v| v == KERAS_2);
    let (main, gates) = (is_old("activation"), is_old("recurrent_activation"));
    if !main && !gates {
        return vec![];
    }
    match class {
        "LSTM" | "LSTMCell" | "ConvLSTM1D" if gates => {
            let u = n / 4;
            vec![(0, 2 * u), (3 * u, 4 * u)]
        }
        "GRU" | "GRUCell" => {
            let u = n / 3;
            let gates = gates.then_some((0, 2 * u));
            gates.into_iter().chain(main.then_some((2 * u, 3 * u))).collect()
        }
        "SimpleRNN" | "SimpleRNNCell" | "Dense" | "EinsumDense" | "Conv1D" | "Conv1DTranspose"
        | "DepthwiseConv1D"
            if main =>
        {
            vec![(0, n)]
        }
        "SeparableConv1D" if main && weight != "depthwise_kernel" => vec![(0, n)],
        _ => vec![],
    }
}

/// True if a layer of the config has the old activation.
pub(crate) fn is_in(config: &Value) -> bool {
    match config {
        Value::String(text) => text == KERAS_2,
        Value::Array(items) => items.iter().any(is_in),
        Value::Object(members) => members.values().any(is_in),
        _ => false,
    }
}

/// Rewrites a config for Keras 3: the weights hold the factor, and before an Activation stands a
/// Rescaling.
///
/// # Errors
/// A layer whose activation takes what no weight of its own gives: the state of an LSTM, the input
/// of an Activation inside a wrapper.
pub(crate) fn rewrite(config: &mut Value) -> Result<()> {
    rescale_before_activations(config);
    each_layer(config, &mut |layer| {
        for key in ["activation", "recurrent_activation"] {
            if layer.get(key).is_some_and(|v| v == KERAS_2) {
                check(layer, key)?;
                layer.set(key, KERAS_3);
            }
        }
        Ok(())
    })
}

fn check(layer: &LayerEntry<'_>, key: &str) -> Result<()> {
    let class = layer.class();
    let config = json!({key: KERAS_2});
    if !columns(class, &config, "kernel", 12).is_empty() {
        return Ok(());
    }
    Err(layer.refused(format!(
        "its {key} is the hard_sigmoid of Keras 2, clip(0.2 x + 0.5, 0, 1), of a value that no \
         weight of the layer scales, so no file of Keras 3 can hold it; save the weights alone, or \
         build the model anew with another {key}"
    )))
}

/// Puts a Rescaling before each Activation of the old kind in a Sequential or a functional model.
fn rescale_before_activations(model: &mut Value) {
    match model {
        Value::Array(items) => items.iter_mut().for_each(rescale_before_activations),
        Value::Object(object) => {
            object.values_mut().for_each(rescale_before_activations);
            if let Some(Value::Array(layers)) = object.get_mut("layers") {
                *layers = layers.drain(..).flat_map(rescaled).collect();
            }
        }
        _ => {}
    }
}

/// A layer of a model, after the Rescaling it needs.
fn rescaled(mut layer: Value) -> Vec<Value> {
    let is_old = layer["class_name"] == "Activation" && layer["config"]["activation"] == KERAS_2;
    let Some(name) = layer["config"]["name"].as_str().filter(|_| is_old).map(str::to_string) else {
        return vec![layer];
    };
    layer["config"]["activation"] = KERAS_3.into();
    let before = format!("{name}_scale");
    let mut scale = json!({
        "module": "keras.layers", "class_name": "Rescaling", "registered_name": null,
        "config": {
            "name": before, "trainable": true, "dtype": layer["config"]["dtype"],
            "scale": SCALE, "offset": 0.0,
        },
    });
    if let Some(nodes) = layer.get_mut("inbound_nodes").and_then(Value::as_array_mut) {
        scale["name"] = before.clone().into();
        scale["inbound_nodes"] = Value::Array(nodes.clone());
        for (i, node) in nodes.iter_mut().enumerate() {
            if let Some(history) = node.pointer_mut("/args/0/config/keras_history") {
                *history = json!([before, i, 0]);
            }
        }
    }
    vec![scale, layer]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_scaled_and_candidates_are_not() {
        let gates = json!({"activation": "tanh", "recurrent_activation": KERAS_2});
        assert_eq!(columns("LSTM", &gates, "kernel", 8), [(0, 4), (6, 8)]);
        assert_eq!(columns("GRU", &gates, "bias", 9), [(0, 6)]);
        assert_eq!(columns("Dense", &json!({"activation": KERAS_2}), "bias", 3), [(0, 3)]);
        assert!(columns("Dense", &json!({"activation": "relu"}), "bias", 3).is_empty());
    }

    #[test]
    fn an_activation_gets_a_rescaling_before_it() {
        let old =
            json!({"class_name": "Activation", "config": {"name": "a", "activation": KERAS_2}});
        let mut model = json!({"class_name": "Sequential", "config": {"layers": [old]}});
        rewrite(&mut model).unwrap();
        let layers = model["config"]["layers"].as_array().unwrap();
        assert_eq!(
            (&layers[0]["class_name"], &layers[1]["config"]["activation"]),
            (&json!("Rescaling"), &json!("hard_sigmoid"))
        );
        let lstm = json!({"class_name": "LSTM", "config": {"activation": KERAS_2}});
        let mut model = json!({"class_name": "Sequential", "config": {"layers": [lstm]}});
        assert!(rewrite(&mut model).unwrap_err().to_string().contains("its activation is"));
    }
}
