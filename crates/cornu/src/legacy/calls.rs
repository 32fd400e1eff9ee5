//! Calls that Keras 3 writes otherwise: initial states, causal attention.

use super::layer_entry::LayerEntry;
use super::notes::Notes;
use crate::Result;
use serde_json::{Map, Value, json};

/// Layers that took initial states in one list with their input.
const RECURRENT: &[&str] =
    &["LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "Bidirectional", "CuDNNLSTM", "CuDNNGRU"];

/// Rewrites a call on `[x, h, c]` as one on x with `initial_state`.
///
/// Source: keras/layers/recurrent.py, Keras 2.2.4 (`RNN.__call__` joins the lists).
pub(super) fn initial_states(layer: &mut LayerEntry<'_>, notes: &mut Notes) -> Result<()> {
    if !RECURRENT.contains(&layer.class()) {
        return Ok(());
    }
    let name = layer.name();
    if layer.is_set("_num_constants") || layer.is_set("num_constants") {
        return Err(layer.refused("`constants` of a recurrent layer, which Keras 3 has no more"));
    }
    let Some(nodes) = layer.nodes() else { return Ok(()) };
    for node in nodes {
        let Some(tensors) = node.as_array_mut() else { continue };
        if tensors.len() < 2 || !tensors.iter().all(is_tensor) {
            continue;
        }
        let states: Vec<Value> = tensors.drain(1..).collect();
        kwargs(&mut tensors[0]).insert("initial_state".into(), Value::Array(states));
        notes.mapped("a call on [x, states …], read as one with `initial_state`", &name);
    }
    Ok(())
}

/// Rewrites `causal` of an attention layer as `use_causal_mask` of its calls.
///
/// Source: keras/layers/dense_attention.py, tf.keras 2.10.
pub(super) fn causal_attention(layer: &mut LayerEntry<'_>, notes: &mut Notes) -> Result<()> {
    if !matches!(layer.class(), "Attention" | "AdditiveAttention") {
        return Ok(());
    }
    let is_causal = layer.take("causal") == Some(Value::Bool(true));
    if !is_causal {
        return Ok(());
    }
    let name = layer.name();
    for node in layer.nodes().into_iter().flatten() {
        let first = node.as_array_mut().and_then(|tensors| tensors.first_mut());
        if let Some(tensor) = first.filter(|t| is_tensor(t)) {
            kwargs(tensor).insert("use_causal_mask".into(), Value::Bool(true));
        }
    }
    notes.mapped("`causal`, read as `use_causal_mask` of the calls", &name);
    Ok(())
}

/// True for `["layer", call, output]`, with keyword arguments or without.
fn is_tensor(v: &Value) -> bool {
    matches!(
        v.as_array().map(Vec::as_slice),
        Some([Value::String(_), Value::Number(_), Value::Number(_), ..])
    )
}

/// The keyword arguments that a tensor of a call carries.
fn kwargs(tensor: &mut Value) -> &mut Map<String, Value> {
    let parts = tensor.as_array_mut().expect("a tensor is an array");
    parts.truncate(4);
    if !parts.get(3).is_some_and(Value::is_object) {
        parts.truncate(3);
        parts.push(json!({}));
    }
    parts[3].as_object_mut().expect("an object stands there")
}
