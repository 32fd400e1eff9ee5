//! What older versions of Keras wrote otherwise, and what it is read as.

use crate::Model;
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

/// Settings of older versions: key, and what becomes of it.
const SETTINGS: &[(&str, &str)] = &[
    ("batch_input_shape", "`batch_input_shape`, read as `batch_shape`"),
    ("time_major", "`time_major`, which Keras 3 has no more; cornu reads batch-first data alone"),
    ("implementation", "`implementation`, a hint for speed, left out"),
    ("ragged", "`ragged`, left out: data say it themselves"),
    ("input_length", "`input_length`, left out: the input's shape says it"),
];

/// What in a config is legacy.
pub(super) fn legacy_of_config(config: &Value) -> Vec<String> {
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
    let mut settings: Vec<(&str, Vec<String>)> =
        SETTINGS.iter().map(|(key, _)| (*key, vec![])).collect();
    each_layer(config, &mut |v| {
        let name = v
            .pointer("/config/name")
            .or_else(|| v.get("name"))
            .and_then(Value::as_str)
            .unwrap_or("?");
        for (key, layers) in &mut settings {
            let set = v
                .get("config")
                .and_then(|c| c.get(*key))
                .filter(|x| !x.is_null() && **x != Value::Bool(false));
            if set.is_some()
                && !(*key == "ragged"
                    && v.get("class_name").and_then(Value::as_str) != Some("InputLayer"))
            {
                layers.push(name.to_string());
            }
        }
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
    for ((_, what), (_, layers)) in
        SETTINGS.iter().zip(&settings).filter(|(_, (_, l))| !l.is_empty())
    {
        all.push(format!("{what} ({})", listed(layers)));
    }
    all
}

/// Names, the first few of them.
fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(4).map(|n| format!("`{n}`")).collect();
    let more = names.len().saturating_sub(4);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{tail}", shown.join(", "))
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
