//! Settings of Keras 1 under the names of Keras 2.
//!
//! Source: keras/legacy/interfaces.py, Keras 2.2.4, and the layers' `get_config`, Keras 1.2.2.

use super::layer_entry::LayerEntry;
use super::notes::Notes;
use crate::Result;
use serde_json::{Map, Value, json};

/// Classes that have another name since Keras 2.
const CLASSES: &[(&str, &str)] = &[
    ("Convolution1D", "Conv1D"),
    ("AtrousConvolution1D", "Conv1D"),
    ("TimeDistributedDense", "Dense"),
];

/// Classes that Keras 2 had no more.
const GONE: &[&str] = &["MaxoutDense", "Highway", "ParametricSoftplus", "SReLU"];

/// Settings that have another name since Keras 2, of layers of any class.
const SETTINGS: &[(&str, &str)] = &[
    ("nb_filter", "filters"),
    ("filter_length", "kernel_size"),
    ("subsample_length", "strides"),
    ("atrous_rate", "dilation_rate"),
    ("pool_length", "pool_size"),
    ("stride", "strides"),
    ("border_mode", "padding"),
    ("length", "size"),
    ("p", "rate"),
    ("sigma", "stddev"),
    ("bias", "use_bias"),
    ("inner_init", "recurrent_initializer"),
    ("inner_activation", "recurrent_activation"),
    ("U_regularizer", "recurrent_regularizer"),
    ("b_regularizer", "bias_regularizer"),
    ("b_constraint", "bias_constraint"),
    ("dropout_W", "dropout"),
    ("dropout_U", "recurrent_dropout"),
    ("beta_init", "beta_initializer"),
    ("gamma_init", "gamma_initializer"),
];

/// Names of initializers that Keras 3 does not know.
const INITIALIZERS: &[(&str, &str)] = &[
    ("normal", "random_normal"),
    ("uniform", "random_uniform"),
    ("zero", "zeros"),
    ("one", "ones"),
];

/// Settings without an effect on results.
const HINTS: &[&str] = &["consume_less", "input_dtype"];

/// Rewrites a layer of Keras 1 as Keras 2 wrote it.
pub(super) fn translate(layer: &mut LayerEntry<'_>, notes: &mut Notes) -> Result<()> {
    let name = layer.name();
    let class = layer.class().to_string();
    if GONE.contains(&class.as_str()) {
        return Err(layer.refused("a layer of Keras 1, which Keras has had no more since 2017"));
    }
    if let Some((_, today)) = CLASSES.iter().find(|(old, _)| *old == class) {
        notes.mapped(format!("class `{class}` of Keras 1, read as `{today}`"), &name);
        layer.set_class(today);
    }
    let class = layer.class().to_string();
    let is_embedding = class == "Embedding";
    input_shape(layer, &class);
    HINTS.iter().for_each(|key| drop(layer.take(key)));
    let mut renamed = Vec::new();
    let weights = if is_embedding { "embeddings" } else { "kernel" };
    let own = [
        (!is_embedding).then_some(("output_dim", "units".to_string())),
        Some(("W_regularizer", format!("{weights}_regularizer"))),
        Some(("W_constraint", format!("{weights}_constraint"))),
        Some((
            "init",
            match class.as_str() {
                "PReLU" => "alpha_initializer".to_string(),
                _ => format!("{weights}_initializer"),
            },
        )),
    ];
    let fixed = SETTINGS.iter().map(|(old, today)| (*old, today.to_string()));
    for (old, today) in own.into_iter().flatten().chain(fixed) {
        // `dropout` of an Embedding dropped whole words.
        if layer.rename(old, &today) {
            renamed.push(format!("`{old}` as `{today}`"));
        }
    }
    if !renamed.is_empty() {
        notes.mapped("settings of Keras 1, read by the names of Keras 2", &name);
    }
    if is_embedding && layer.take("dropout").is_some_and(|d| d.as_f64() != Some(0.0)) {
        notes.ignored("`dropout` of an Embedding, which Keras 2 has no more", &name);
    }
    if let Some(mode) = layer.take("mode").filter(|_| class == "BatchNormalization")
        && mode.as_u64() != Some(0)
    {
        return Err(layer.refused(format!("`mode` = {mode} of Keras 1; there is mode 0 alone")));
    }
    if let Some(start) = layer.take("forget_bias_init") {
        layer.set("unit_forget_bias", start == "one");
    }
    objects(layer, &name, notes);
    match layer.get("padding").and_then(Value::as_str) {
        Some("full") => Err(layer.refused("`border_mode` = \"full\", which Keras 2 has no more")),
        _ => Ok(()),
    }
}

/// `input_dim` and `input_length` as the shape of the input.
fn input_shape(layer: &mut LayerEntry<'_>, class: &str) {
    let length = layer.take("input_length").unwrap_or(Value::Null);
    let features = match class {
        "Embedding" => None,
        _ => layer.take("input_dim").filter(|n| !n.is_null()),
    };
    if layer.is_set("batch_input_shape") {
        return;
    }
    let shape = match (class, features) {
        ("Embedding", _) => json!([null, length]),
        ("Dense", Some(n)) => json!([null, n]),
        (_, Some(n)) => json!([null, length, n]),
        (_, None) => return,
    };
    layer.set("batch_input_shape", shape);
}

/// Initializers, regularizers and constraints: names, and objects that say their class as `name`.
fn objects(layer: &mut LayerEntry<'_>, name: &str, notes: &mut Notes) {
    let Some(config) = layer.config() else { return };
    for (key, value) in config.iter_mut() {
        if key.ends_with("_initializer") {
            let today = |old: &str| INITIALIZERS.iter().find(|(o, _)| *o == old).map(|(_, t)| *t);
            if let Some(today) = value.as_str().and_then(today) {
                *value = today.into();
            }
        } else if key.ends_with("_regularizer") || key.ends_with("_constraint") {
            let Some(object) = value.as_object() else { continue };
            match object_of_today(object) {
                Some(today) => *value = today,
                None => {
                    notes.ignored(format!("`{key}` of Keras 1: {value}"), name);
                    *value = Value::Null;
                }
            }
        }
    }
}

fn object_of_today(object: &Map<String, Value>) -> Option<Value> {
    let of = |key: &str| object.get(key).cloned();
    let number = |key: &str| of(key).unwrap_or_else(|| json!(0.0));
    Some(match object.get("name").and_then(Value::as_str) {
        // An object of Keras 2 already.
        None if object.contains_key("class_name") => Value::Object(object.clone()),
        Some("WeightRegularizer" | "ActivityRegularizer" | "L1L2Regularizer") => {
            json!({"class_name": "L1L2", "config": {"l1": number("l1"), "l2": number("l2")}})
        }
        Some("MaxNorm") => json!({"class_name": "MaxNorm", "config": {
            "max_value": of("m").unwrap_or(json!(2)), "axis": of("axis").unwrap_or(json!(0)),
        }}),
        Some("NonNeg") => json!({"class_name": "NonNeg", "config": {}}),
        Some("UnitNorm") => {
            json!({"class_name": "UnitNorm", "config": {"axis": of("axis").unwrap_or(json!(0))}})
        }
        _ => return None,
    })
}
