//! How Keras's configs name the values between layers.

use crate::config::short;
use crate::lowering::Arg;
use crate::{Error, Result};
use serde_json::{Value, json};

/// Reference to a value between layers: member of the model, call, output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TensorRef {
    /// Index of the member.
    pub member: usize,
    /// Index of the call.
    pub call: usize,
    /// Index of the output.
    pub output: usize,
}

/// Structure of the inputs or outputs of a model: one, a list, or by name.
#[derive(Clone, Debug, PartialEq)]
pub enum Nest {
    /// One value.
    One(TensorRef),
    /// A list.
    List(Vec<Nest>),
    /// Values by name, sorted as in Keras.
    Dict(Vec<(String, Nest)>),
}

impl Nest {
    /// Returns all values, in the order of Keras's `model.inputs`.
    pub fn flatten(&self) -> Vec<TensorRef> {
        match self {
            Nest::One(t) => vec![*t],
            Nest::List(items) => items.iter().flat_map(Nest::flatten).collect(),
            Nest::Dict(items) => {
                let mut sorted: Vec<_> = items.iter().collect();
                sorted.sort_by(|a, b| a.0.cmp(&b.0));
                sorted.into_iter().flat_map(|(_, n)| n.flatten()).collect()
            }
        }
    }

    /// Returns, for each value, the positions of its lists except the outermost: `1/` for a value
    /// in a list that is the second item.
    pub fn places(&self) -> Vec<String> {
        fn walk(n: &Nest, path: &[usize], places: &mut Vec<String>) {
            match n {
                Nest::One(_) => {
                    places.push(path.split_last().map_or(String::new(), |(_, around)| {
                        around.iter().map(|i| format!("{i}/")).collect()
                    }))
                }
                Nest::List(items) => items
                    .iter()
                    .enumerate()
                    .for_each(|(i, n)| walk(n, &[path, &[i]].concat(), places)),
                // The names of a dict stand in the keys already.
                Nest::Dict(_) => places.extend(n.flatten().iter().map(|_| String::new())),
            }
        }
        let mut places = Vec::new();
        walk(self, &[], &mut places);
        places
    }

    /// Returns the names, in the order of `flatten`, if the structure is by name.
    pub fn keys(&self) -> Option<Vec<&str>> {
        match self {
            Nest::Dict(items) => {
                let mut keys: Vec<&str> = items.iter().map(|(k, _)| k.as_str()).collect();
                keys.sort_unstable();
                Some(keys)
            }
            _ => None,
        }
    }

    /// Reads `["name", 0, 0]`, a list of them, or a dict of them, from Keras's config.
    pub fn from_json(
        v: &Value,
        find: &dyn Fn(&str, usize, usize) -> Result<TensorRef>,
    ) -> Result<Nest> {
        match v {
            Value::Array(items) => match &items[..] {
                [Value::String(name), call, output, ..] => {
                    let number = |v: &Value| {
                        v.as_u64().map(|n| n as usize).ok_or_else(|| {
                            Error::Config(format!(
                                "model: expected [layer, call, output]. Received: {}",
                                short(v)
                            ))
                        })
                    };
                    Ok(Nest::One(find(name, number(call)?, number(output)?)?))
                }
                _ => Ok(Nest::List(
                    items.iter().map(|i| Nest::from_json(i, find)).collect::<Result<_>>()?,
                )),
            },
            Value::Object(map) => Ok(Nest::Dict(
                map.iter()
                    .map(|(k, v)| Ok((k.clone(), Nest::from_json(v, find)?)))
                    .collect::<Result<_>>()?,
            )),
            _ => Err(Error::Config(format!(
                "model: expected [layer, call, output], a list or a dict of them. Received: {}",
                short(v)
            ))),
        }
    }

    /// Returns the structure as Keras writes it; `end` writes one value.
    pub fn to_json(&self, end: &dyn Fn(TensorRef) -> Value) -> Value {
        match self {
            Nest::One(t) => end(*t),
            Nest::List(items) => Value::Array(items.iter().map(|n| n.to_json(end)).collect()),
            Nest::Dict(items) => {
                Value::Object(items.iter().map(|(k, n)| (k.clone(), n.to_json(end))).collect())
            }
        }
    }
}

/// Reads an argument of a call: a value between layers, a list or dict with some in it, or plain
/// JSON.
pub fn arg_from_json(
    v: &Value,
    find: &dyn Fn(&str, usize, usize) -> Result<TensorRef>,
) -> Result<Arg<TensorRef>> {
    if v.get("class_name").and_then(Value::as_str) == Some("__keras_tensor__") {
        let history = v.pointer("/config/keras_history").unwrap_or(&Value::Null);
        return match Nest::from_json(history, find)? {
            Nest::One(t) => Ok(Arg::Value(t)),
            _ => Err(Error::Config(format!(
                "model: a tensor without a history. Received: {}",
                short(v)
            ))),
        };
    }
    if let Value::Array(items) = v {
        let args: Vec<_> = items.iter().map(|i| arg_from_json(i, find)).collect::<Result<_>>()?;
        if args.iter().any(|a| !a.flatten().is_empty()) {
            return Ok(Arg::List(args));
        }
    }
    // A layer or a slice given as an argument is an object with a class, and stays as it is.
    if let Value::Object(items) = v
        && !items.contains_key("class_name")
    {
        let args: Vec<_> = items
            .iter()
            .map(|(k, i)| Ok((k.clone(), arg_from_json(i, find)?)))
            .collect::<Result<_>>()?;
        if args.iter().any(|(_, a)| !a.flatten().is_empty()) {
            return Ok(Arg::Dict(args));
        }
    }
    Ok(Arg::Json(v.clone()))
}

/// Returns a keyword argument as Keras 2 wrote it: `["layer", 0, 1]` is a tensor,
/// `["_CONSTANT_VALUE", -1, x]` a plain value.
pub fn legacy_arg(
    v: &Value,
    find: &dyn Fn(&str, usize, usize) -> Result<TensorRef>,
) -> Result<Arg<TensorRef>> {
    match v.as_array().map(Vec::as_slice) {
        Some([Value::String(s), _, value, ..]) if s == "_CONSTANT_VALUE" => {
            Ok(Arg::Json(value.clone()))
        }
        Some([Value::String(_), Value::Number(_), Value::Number(_), ..]) => {
            match Nest::from_json(v, find)? {
                Nest::One(t) => Ok(Arg::Value(t)),
                _ => Ok(Arg::Json(v.clone())),
            }
        }
        Some(items) if items.iter().any(Value::is_array) => {
            Ok(Arg::List(items.iter().map(|i| legacy_arg(i, find)).collect::<Result<_>>()?))
        }
        _ => Ok(Arg::Json(v.clone())),
    }
}

/// Writes an argument of a call as Keras does. `tensor` gives the config of a value.
pub fn arg_to_json(a: &Arg<TensorRef>, tensor: &dyn Fn(TensorRef) -> Value) -> Value {
    match a {
        Arg::Value(t) => json!({"class_name": "__keras_tensor__", "config": tensor(*t)}),
        Arg::List(items) => Value::Array(items.iter().map(|i| arg_to_json(i, tensor)).collect()),
        Arg::Dict(items) => {
            Value::Object(items.iter().map(|(k, i)| (k.clone(), arg_to_json(i, tensor))).collect())
        }
        Arg::Json(v) => v.clone(),
    }
}
