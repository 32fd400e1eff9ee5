//! Settings of Keras 2 as Keras 3 has them, and classes that Keras 3 has no more.
//!
//! Source: the layers' `get_config` of Keras 2.2.4 and tf.keras 2.15 beside those of Keras 3.15.1.

use super::hard_sigmoid::KERAS_2;
use super::keras2_masks::MARK;
use super::layer_entry::LayerEntry;
use super::notes::Notes;
use crate::Result;
use serde_json::{Value, json};

/// Layers that join their inputs' masks.
const MERGING: &[&str] =
    &["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"];

/// Layers that gave no mask on before Keras 3.
const MASKLESS: &[&str] = &["Rescaling", "Normalization", "Identity"];

/// Settings without an effect on results, with the reason.
const HINTS: &[(&str, &str)] = &[
    ("implementation", "a hint for speed, left out"),
    ("input_length", "left out: the input's shape says it"),
    ("ragged", "left out: data say it themselves"),
    ("sparse", "left out: data say it themselves"),
    ("time_major", "left out"),
    ("batch_input_shape", "read as `batch_shape`"),
];

/// Rewrites a layer of Keras 2 as Keras 3 writes it.
pub(super) fn translate(layer: &mut LayerEntry<'_>, notes: &mut Notes) -> Result<()> {
    plain_numbers(layer);
    cudnn(layer, notes);
    reset_after(layer, notes);
    hard_sigmoid(layer, notes);
    rectifiers(layer, notes);
    dtypes(layer, notes);
    batch_normalization(layer)?;
    masks(layer);
    single_ends(layer);
    if layer.is_set("time_major") {
        return Err(layer.refused("`time_major`: cornu and Keras 3 read batch-first data alone"));
    }
    let name = layer.name();
    let redundant: &[&str] = match layer.class() {
        "MultiHeadAttention" => &["query_shape", "key_shape", "value_shape"],
        "SeparableConv1D" => &["kernel_initializer", "kernel_regularizer", "kernel_constraint"],
        _ => &[],
    };
    redundant.iter().for_each(|key| drop(layer.take(key)));
    if layer.class() != "Conv1D" && layer.get("groups").is_some_and(|n| *n == 1) {
        layer.take("groups");
    }
    for (key, why) in HINTS {
        if layer.is_set(key) {
            notes.mapped(format!("`{key}`, {why}"), &name);
        }
        if *key != "batch_input_shape" && (*key != "sparse" || layer.class() == "InputLayer") {
            layer.take(key);
        }
    }
    layer.take("_num_constants");
    layer.take("num_constants");
    Ok(())
}

/// Numbers that Keras 2 wrote as arrays of one value.
fn plain_numbers(layer: &mut LayerEntry<'_>) {
    for value in layer.config().into_iter().flat_map(|c| c.values_mut()) {
        if value.get("type").and_then(Value::as_str) == Some("ndarray")
            && let Some(number) = value.get("value").filter(|v| v.is_number()).cloned()
        {
            *value = number;
        }
    }
}

/// The layers of NVIDIA's library as the layers whose numbers they give.
fn cudnn(layer: &mut LayerEntry<'_>, notes: &mut Notes) {
    let today = match layer.class() {
        "CuDNNLSTM" => "LSTM",
        "CuDNNGRU" => "GRU",
        _ => return,
    };
    let what = format!("class `{}`, read as `{today}`", layer.class());
    notes.mapped(what, &layer.name());
    layer.set_class(today);
    layer.set("activation", "tanh");
    layer.set("recurrent_activation", "sigmoid");
    layer.set("use_bias", true);
    if today == "GRU" {
        layer.set("reset_after", true);
    }
}

/// Keras up to 2.1 knew the GRU that resets before the product alone.
fn reset_after(layer: &mut LayerEntry<'_>, notes: &mut Notes) {
    if matches!(layer.class(), "GRU" | "GRUCell") && layer.get("reset_after").is_none() {
        notes.mapped("no `reset_after`, read as false", &layer.name());
        layer.set("reset_after", false);
    }
}

/// `hard_sigmoid` had another slope before Keras 3.
fn hard_sigmoid(layer: &mut LayerEntry<'_>, notes: &mut Notes) {
    let name = layer.name();
    for key in ["activation", "recurrent_activation"] {
        let of_function =
            |v: &Value| v.get("config").and_then(Value::as_str) == Some("hard_sigmoid");
        if layer.get(key).is_some_and(|v| v == "hard_sigmoid" || of_function(v)) {
            layer.set(key, KERAS_2);
            notes.mapped("`hard_sigmoid`, read as that of Keras 2: clip(0.2 x + 0.5, 0, 1)", &name);
        }
    }
}

fn rectifiers(layer: &mut LayerEntry<'_>, notes: &mut Notes) {
    if layer.class() == "LeakyReLU" && layer.rename("alpha", "negative_slope") {
        notes.mapped("`alpha` of LeakyReLU, read as `negative_slope`", &layer.name());
    }
    if layer.class() == "ThresholdedReLU" {
        notes.mapped("class `ThresholdedReLU`, read as `ReLU`", &layer.name());
        layer.set_class("ReLU");
        let theta = layer.take("theta").unwrap_or_else(|| json!(1.0));
        layer.set("threshold", theta);
    }
}

/// An Embedding noted the type of its ids, a layer of Keras 3 notes that of its weights.
fn dtypes(layer: &mut LayerEntry<'_>, notes: &mut Notes) {
    let is_whole = |v: &Value| v.as_str().is_some_and(|d| d.contains("int"));
    if layer.class() == "Embedding" && layer.get("dtype").is_some_and(is_whole) {
        notes.mapped(
            "the dtype of an Embedding's ids, which is not that of its weights",
            &layer.name(),
        );
        layer.take("dtype");
    }
}

fn batch_normalization(layer: &mut LayerEntry<'_>) -> Result<()> {
    if layer.class() != "BatchNormalization" {
        return Ok(());
    }
    if let Some([axis]) = layer.get("axis").and_then(Value::as_array).map(Vec::as_slice) {
        let axis = axis.clone();
        layer.set("axis", axis);
    }
    for key in ["renorm", "virtual_batch_size", "adjustment"] {
        if layer.is_set(key) {
            return Err(layer.refused(format!("`{key}`, which Keras 3 has no more")));
        }
    }
    ["fused", "renorm", "virtual_batch_size", "adjustment"]
        .iter()
        .for_each(|key| drop(layer.take(key)));
    Ok(())
}

/// A model of one input or output wrote a list of one, and took and gave a single array.
fn single_ends(layer: &mut LayerEntry<'_>) {
    if !matches!(layer.class(), "Model" | "Functional") {
        return;
    }
    for key in ["input_layers", "output_layers"] {
        let one = match layer.get(key).and_then(Value::as_array).map(Vec::as_slice) {
            Some([one]) if one.is_array() => one.clone(),
            _ => continue,
        };
        layer.set(key, one);
    }
}

/// Before Keras 3 a merging layer's mask was true where all masks that there are were, and some
/// layers gave no mask on.
fn masks(layer: &mut LayerEntry<'_>) {
    if MERGING.contains(&layer.class()) {
        layer.set(MARK, true);
    } else if MASKLESS.contains(&layer.class()) {
        layer.mark(MARK);
    }
}
