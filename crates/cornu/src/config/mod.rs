//! How Keras writes objects: `{"module": …, "class_name": …, "config": {…}, "registered_name": …}`.

mod classes;
mod family;
mod nearest;
mod numbers;
mod policy;
mod setters;
mod values;

pub use classes::{Classes, Configured};
pub(crate) use classes::{Listed, read_own, serialized};
pub(crate) use family::family;
pub use nearest::{did_you_mean, nearest};
pub(crate) use numbers::whole;
pub use policy::DTypePolicy;
pub(crate) use setters::setters;
pub(crate) use values::from_value;
pub use values::to_value;

use crate::{Error, Result};
use serde_json::{Map, Value, json};

/// Returns an object as Keras serializes it.
pub fn object(module: &str, class: &str, config: Value) -> Value {
    json!({"module": module, "class_name": class, "config": config, "registered_name": null})
}

/// Parts of a serialized object.
pub struct ObjectParts<'a> {
    /// Keras's name of the class.
    pub class: &'a str,
    /// Settings of the object.
    pub config: Value,
    /// Keras's module of the class; empty in legacy files.
    pub module: &'a str,
}

/// Reads `{"class_name": …, "config": …}`; the module and registered name may be absent, as in
/// legacy files.
pub fn parts<'a>(what: &str, v: &'a Value) -> Result<ObjectParts<'a>> {
    let class = v.get("class_name").and_then(Value::as_str);
    let class = class.ok_or_else(|| {
        Error::Config(format!(
            "{what}: expected an object with `class_name` and `config`. Received: {}",
            short(v)
        ))
    })?;
    let config = v.get("config").cloned().unwrap_or(Value::Object(Map::new()));
    Ok(ObjectParts { class, config, module: v.get("module").and_then(Value::as_str).unwrap_or("") })
}

/// Returns a value's text, cut to a readable length.
pub fn short(v: &Value) -> String {
    let s = v.to_string();
    match s.char_indices().nth(120) {
        Some((i, _)) => format!("{}…", &s[..i]),
        None => s,
    }
}

/// Returns a class name as Keras writes it in names of layers and groups of weights: `LSTM` is
/// `lstm`, `SimpleRNN` is `simple_rnn`, `ReLU` is `re_lu`.
///
/// ```
/// use cornu::extend::snake_case;
/// assert_eq!(snake_case("SimpleRNN"), "simple_rnn");
/// assert_eq!(snake_case("Conv1DTranspose"), "conv1d_transpose");
/// assert_eq!(snake_case("PReLU"), "p_re_lu");
/// ```
pub fn snake_case(class: &str) -> String {
    // Keras 3.15.1, utils/naming.py: drop what is no word, then `(.)([A-Z][a-z]+)` and
    // `([a-z])([A-Z])` get an underscore between.
    let chars: Vec<char> = class.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
    let mut first = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let starts = i + 2 < chars.len()
            && chars[i + 1].is_ascii_uppercase()
            && chars[i + 2].is_ascii_lowercase();
        first.push(chars[i]);
        if starts {
            first.push('_');
            first.push(chars[i + 1]);
            i += 2;
            while i < chars.len() && chars[i].is_ascii_lowercase() {
                first.push(chars[i]);
                i += 1;
            }
        } else {
            i += 1;
        }
    }
    let mut out = String::new();
    for (i, c) in first.iter().enumerate() {
        if i > 0 && c.is_ascii_uppercase() && first[i - 1].is_ascii_lowercase() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}
