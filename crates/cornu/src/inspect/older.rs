//! What older versions of Keras wrote otherwise, and what it is read as.

use crate::Model;
use crate::legacy::{Origin, translated};
use serde_json::Value;
use std::collections::BTreeSet;

/// Calls `f` for each layer of a config, models inside and wrapped layers included.
pub(super) fn each_layer(v: &Value, f: &mut impl FnMut(&Value)) {
    let config = v.get("config").unwrap_or(&Value::Null);
    let list = config.get("layers").unwrap_or(config).as_array();
    for layer in list.into_iter().flatten().filter(|l| l.get("class_name").is_some()) {
        f(layer);
        each_layer(layer, f);
    }
    if let Value::Object(settings) = config {
        for inner in ["layer", "forward_layer", "backward_layer", "cell"]
            .iter()
            .filter_map(|k| settings.get(*k))
        {
            if inner.get("class_name").is_some() {
                f(inner);
                each_layer(inner, f);
            }
        }
        for cell in settings.get("cells").and_then(Value::as_array).into_iter().flatten() {
            f(cell);
            each_layer(cell, f);
        }
    }
}

/// Whether all members of a class are operations of `keras.ops`.
pub(super) fn is_operation(config: &Value, class: &str) -> bool {
    let mut found = false;
    each_layer(config, &mut |v| {
        let module = v.get("module").and_then(Value::as_str).unwrap_or("");
        found |= v.get("class_name").and_then(Value::as_str) == Some(class)
            && module.starts_with("keras.src.ops");
    });
    found
}

/// What in a config is legacy: what is read under other words, and what nothing heeds.
pub(super) fn legacy_of_config(config: &Value, origin: &Origin) -> (Vec<String>, Vec<String>) {
    let mut notes: BTreeSet<String> = BTreeSet::new();
    let class = config.get("class_name").and_then(Value::as_str).unwrap_or("");
    if class == "Model" {
        notes.insert("class `Model`, read as `Functional`".into());
    }
    if config.get("module").is_none() && !class.is_empty() {
        notes.insert("classes without a module, found by their name".into());
    }
    if class == "Sequential" && config.get("config").is_some_and(Value::is_array) {
        notes.insert("a Sequential that is a bare list of layers, named `sequential`".into());
    }
    each_layer(config, &mut |v| {
        let nodes = v.get("inbound_nodes").and_then(Value::as_array);
        if nodes.is_some_and(|n| n.iter().any(Value::is_array)) {
            notes.insert("inbound nodes as lists of [layer, call, output], read as calls".into());
        }
        let dtype =
            v.pointer("/config/dtype").and_then(|d| d.get("class_name")).and_then(Value::as_str);
        if dtype == Some("Policy") {
            notes.insert("dtype policies of class `Policy`, read by their name".into());
        }
    });
    let mut all: Vec<String> = notes.into_iter().collect();
    match translated(config, origin) {
        Ok((_, notes)) => {
            all.extend(notes.mapped_lines());
            (all, notes.ignored_lines())
        }
        // Why it cannot be read stands elsewhere in the report.
        Err(_) => (all, vec![]),
    }
}

/// For each layer, in a legacy file's order, where its weights stand in the files of Keras 3.
pub(super) fn legacy_places(model: &Model) -> Vec<(String, Vec<String>)> {
    let graph = model.graph();
    let place = |i: &usize| model.variables()[*i].file_path();
    model
        .legacy_order()
        .into_iter()
        .map(|(m, own)| (graph.members[m].name.clone(), own.iter().map(place).collect()))
        .collect()
}
