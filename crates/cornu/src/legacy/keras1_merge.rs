//! The layer Merge of Keras 1, as the layers that took its place; and a Sequential that begins with
//! one, as a functional model.
//!
//! Source: keras/engine/topology.py and keras/models.py, Keras 1.2.2.

use super::layer_entry::LayerEntry;
use super::notes::Notes;
use crate::{Error, Result};
use serde_json::{Map, Value, json};

/// Rewrites a Merge as the layer of its mode.
pub(super) fn translate(layer: &mut LayerEntry<'_>, notes: &mut Notes) -> Result<()> {
    if layer.class() != "Merge" {
        return Ok(());
    }
    let mode = layer.get("mode").and_then(Value::as_str).unwrap_or("sum").to_string();
    if layer.get("mode_type").is_some_and(|t| t != "raw") {
        return Err(layer.refused("Merge by a function, which a file must not bring along"));
    }
    let axes = |key: &str| layer.get(key).cloned().unwrap_or_else(|| json!(-1));
    let (class, settings) = match mode.as_str() {
        "sum" => ("Add", json!({})),
        "mul" => ("Multiply", json!({})),
        "ave" => ("Average", json!({})),
        "max" => ("Maximum", json!({})),
        "concat" => ("Concatenate", json!({"axis": axes("concat_axis")})),
        "dot" => ("Dot", json!({"axes": axes("dot_axes"), "normalize": false})),
        _ => return Err(layer.refused(format!("Merge with mode = \"{mode}\""))),
    };
    let name = layer.name();
    notes.mapped(format!("Merge with mode = \"{mode}\", read as `{class}`"), &name);
    layer.set_class(class);
    let mut config = settings.as_object().cloned().unwrap_or_default();
    config.insert("name".into(), name.into());
    if let Some(old) = layer.config() {
        *old = config;
    }
    Ok(())
}

/// A Sequential whose first layer is a Merge of models, as the functional model of all their
/// layers; any other model as it is.
pub(super) fn sequential_of_merge(model: &Value) -> Result<Option<Value>> {
    let layers = model.get("config").and_then(Value::as_array);
    let Some([first, rest @ ..]) = layers.map(Vec::as_slice) else { return Ok(None) };
    let branches = first.pointer("/config/layers").and_then(Value::as_array);
    let (Some("Merge"), Some(branches)) = (first["class_name"].as_str(), branches) else {
        return Ok(None);
    };
    let mut graph = Graph::default();
    let mut ends = Vec::new();
    for branch in branches {
        ends.push(graph.branch(branch)?);
    }
    let mut merge = first.clone();
    if let Some(config) = merge["config"].as_object_mut() {
        config.shift_remove("layers");
    }
    let mut end = graph.add(&merge, &ends)?;
    for layer in rest {
        end = graph.add(layer, &[end])?;
    }
    let node = |name: &String| json!([name, 0, 0]);
    let inputs: Vec<Value> = graph.inputs.iter().map(node).collect();
    Ok(Some(json!({"class_name": "Model", "config": {
        "name": "sequential", "layers": graph.layers, "input_layers": inputs,
        "output_layers": [node(&end)],
    }})))
}

/// A functional model while it is written.
#[derive(Default)]
struct Graph {
    layers: Vec<Value>,
    inputs: Vec<String>,
}

impl Graph {
    /// Adds the layers of a Sequential, and an input before them. Returns the name of the last.
    fn branch(&mut self, branch: &Value) -> Result<String> {
        let list = branch.get("config").and_then(Value::as_array);
        let list = list.filter(|_| branch["class_name"] == "Sequential").ok_or_else(|| {
            Error::Unsupported("Merge of Keras 1 over what is no Sequential".into())
        })?;
        let shape = list.first().and_then(|l| l.pointer("/config/batch_input_shape")).cloned();
        let shape = shape.ok_or_else(|| {
            Error::Unsupported("Merge of Keras 1: a branch without the shape of its input".into())
        })?;
        let input = format!("merge_input_{}", self.inputs.len() + 1);
        let is_ids = list[0]["class_name"] == "Embedding";
        let dtype = if is_ids { "int32" } else { "float32" };
        self.layers.push(json!({"class_name": "InputLayer", "name": input, "inbound_nodes": [],
            "config": {"name": input, "batch_input_shape": shape, "dtype": dtype}}));
        self.inputs.push(input.clone());
        list.iter().try_fold(input, |end, layer| self.add(layer, &[end]))
    }

    fn add(&mut self, layer: &Value, before: &[String]) -> Result<String> {
        let name = layer.pointer("/config/name").and_then(Value::as_str).map(str::to_string);
        let name = name.ok_or_else(|| Error::Config("a layer of Keras 1 without a name".into()))?;
        let node: Vec<Value> = before.iter().map(|b| json!([b, 0, 0])).collect();
        let mut layer = layer.as_object().cloned().unwrap_or_else(Map::new);
        layer.insert("name".into(), name.clone().into());
        layer.insert("inbound_nodes".into(), json!([node]));
        self.layers.push(Value::Object(layer));
        Ok(name)
    }
}
