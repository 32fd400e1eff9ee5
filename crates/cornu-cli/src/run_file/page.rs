//! docs/RUN.md: the reference page of RUN.toml, made from its types.

use super::reading::schema;
use serde_json::Value;

/// The page's first part; the tables follow.
const HEAD: &str = "# RUN.toml\n\n\
<!-- Made from the types of crates/cornu-cli/src/run_file by `cargo xtask run-page`. -->\n\n";

/// A list of layers, shown on the page.
const CHAIN: &str = r#"[data]
train = "train.jsonl"        # {"x": [[f0, …, f11], …], "label": 3} on each line
test = "test.jsonl"

[model]
name = "speaker"
input = [0, 12]              # (timesteps, features); 0 leaves the timesteps open
layers = [
  { class = "Normalization", adapt = true },
  { class = "LSTM", units = 100, kernel_initializer = { class = "HeNormal", seed = 1 } },
  { class = "Dense", units = 9, activation = "softmax" },
]

[compile]
optimizer = { class = "Adam", learning_rate = 0.003 }
loss = "sparse_categorical_crossentropy"
metrics = ["accuracy"]

[fit]
batch_size = 16
epochs = 40
batches = "bucket"
validate_on_test = true

[output]
model = "out/speaker.keras"
history = "out/history.json"
plot = "out/history.svg"

[[callbacks]]
class = "EarlyStopping"
patience = 5
restore_best_weights = true
"#;

/// A graph of two inputs, shown on the page.
const GRAPH: &str = r#"[data]
train = "train.npz"          # members: words, numbers, y

[[model.inputs]]
name = "words"
shape = [0]
dtype = "int32"

[[model.inputs]]
name = "numbers"
shape = [4]

[[model.layers]]
class = "Embedding"
input_dim = 1000
output_dim = 16
inputs = "words"

[[model.layers]]             # called on the layer before
class = "LSTM"
units = 32
name = "text"

[[model.layers]]
class = "Concatenate"
inputs = ["text", "numbers"]

[[model.layers]]
class = "Dense"
units = 1
activation = "sigmoid"

[compile]
optimizer = "adam"
loss = "binary_crossentropy"
"#;

/// The page.
pub fn page() -> String {
    let schema = schema();
    let mut page = HEAD.to_string();
    page.push_str(&text(&schema, "description"));
    page.push_str(
        "\n\nWhat the file says is used or refused: an unknown key, class or setting is an error \
         with its line and the nearest right name, before anything is trained. `cornu init --from \
         DATA` writes a first file, `cornu fit RUN.toml --dry-run` checks one, and `cornu schema` \
         prints the JSON Schema for editors.\n\n",
    );
    page.push_str(&format!("A list of layers:\n\n```toml\n{CHAIN}```\n\n"));
    page.push_str(&format!("A graph of several inputs:\n\n```toml\n{GRAPH}```\n"));
    let tables = schema.get("properties").and_then(Value::as_object);
    for (key, table) in tables.into_iter().flatten() {
        let is_list = table.get("type").is_some_and(|t| t == "array");
        let name = if is_list { format!("[[{key}]]") } else { format!("[{key}]") };
        section(&schema, &mut page, 2, &name, table);
    }
    page
}

/// A table: what it is, its keys, then the tables inside it.
fn section(all: &Value, page: &mut String, depth: usize, name: &str, table: &Value) {
    let inner = resolved(all, item(table));
    let mut about = text(table, "description");
    if about.is_empty() {
        about = text(inner, "description");
    }
    page.push_str(&format!("\n{} `{name}`\n\n{about}\n\n", "#".repeat(depth)));
    page.push_str("| key | type | meaning |\n|---|---|---|\n");
    let keys = inner.get("properties").and_then(Value::as_object);
    let mut inside = vec![];
    for (key, v) in keys.into_iter().flatten() {
        let kind = kind(all, v);
        let about = text(v, "description").replace('|', "\\|");
        page.push_str(&format!("| `{key}` | {kind} | {about} |\n"));
        let deeper = resolved(all, item(v));
        if deeper.get("properties").is_some() {
            inside.push((key, v));
        }
    }
    if inner.get("additionalProperties").is_some_and(|a| a != &Value::Bool(false)) {
        page.push_str("| … | any | Keras's arguments of the class |\n");
    }
    for (key, v) in inside {
        let path = name.trim_matches(['[', ']']);
        section(all, page, depth + 1, &format!("[[{path}.{key}]]"), v);
    }
}

/// The schema of the items of a list, or the schema itself.
fn item(v: &Value) -> &Value {
    v.get("items").unwrap_or(v)
}

/// A schema without references and without the alternative of being absent.
fn resolved<'s>(all: &'s Value, v: &'s Value) -> &'s Value {
    if let Some(reference) = v.get("$ref").and_then(Value::as_str) {
        let target = all.pointer(reference.trim_start_matches('#'));
        return target.map_or(v, |target| resolved(all, target));
    }
    let alternatives = v.get("anyOf").and_then(Value::as_array).map(Vec::as_slice);
    match alternatives.unwrap_or_default() {
        [one, none] if none.get("type").is_some_and(|t| t == "null") => resolved(all, one),
        _ => v,
    }
}

/// The type of a value in words.
fn kind(all: &Value, v: &Value) -> String {
    let v = resolved(all, v);
    if let Some(all_of) = v.get("anyOf").and_then(Value::as_array) {
        return all_of.iter().map(|one| kind(all, one)).collect::<Vec<_>>().join(" or ");
    }
    let named = |t: &str| match t {
        "integer" => "whole number".to_string(),
        "boolean" => "true or false".to_string(),
        "object" if v.get("properties").is_some() => "table".to_string(),
        "object" => "table by name".to_string(),
        "array" => format!("list of {}", plural(&kind(all, item(v)))),
        t => t.to_string(),
    };
    match v.get("type") {
        Some(Value::String(t)) => named(t),
        Some(Value::Array(types)) => {
            let types = types.iter().filter_map(Value::as_str).filter(|t| *t != "null");
            types.map(named).collect::<Vec<_>>().join(" or ")
        }
        _ => "any".to_string(),
    }
}

fn plural(kind: &str) -> String {
    if kind.ends_with('s') { kind.to_string() } else { format!("{kind}s") }
}

/// A text of a schema on one line.
fn text(v: &Value, key: &str) -> String {
    let text = v.get(key).and_then(Value::as_str).unwrap_or("");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Compares docs/RUN.md; `cargo xtask run-page` has it written instead.
    #[test]
    fn run_page_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/RUN.md");
        let page = page();
        if std::env::var_os("CORNU_WRITE_PAGES").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == page, "docs/RUN.md is out of date: `cargo xtask run-page` writes it anew");
    }

    #[test]
    fn every_key_has_a_meaning() {
        let page = page();
        let empty: Vec<&str> = page.lines().filter(|l| l.ends_with("|  |")).collect();
        assert!(empty.is_empty(), "{empty:?}");
    }
}
