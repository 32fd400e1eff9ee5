//! The outputs that losses and metrics are assigned to.

use crate::config::short;
use crate::{Error, Result};
use cornu_ir::Spec;
use serde_json::Value;

/// Outputs of a model for losses and metrics, in the order of Keras's `model.outputs`.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelOutputs {
    /// Names of the output layers.
    pub names: Vec<String>,
    /// Keys of the outputs, if the model returns a dict.
    pub keys: Option<Vec<String>>,
    /// Types and dims of the outputs.
    pub specs: Vec<Spec>,
    /// Positions of nested lists for outputs inside them, as `1/` for the second item; otherwise
    /// empty.
    pub within: Vec<String>,
}

impl ModelOutputs {
    /// Returns one output or a list of them.
    pub fn list<'a>(outputs: impl IntoIterator<Item = (&'a str, Spec)>) -> Self {
        let (names, specs): (Vec<String>, Vec<Spec>) =
            outputs.into_iter().map(|(name, spec)| (name.to_string(), spec)).unzip();
        let within = vec![String::new(); names.len()];
        Self { names, keys: None, specs, within }
    }

    /// Returns the number of outputs.
    pub fn len(&self) -> usize {
        self.specs.len()
    }

    /// True if there is no output.
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// Returns the name of an output for users: its key, or the name of its layer.
    pub fn called(&self, i: usize) -> &str {
        match &self.keys {
            Some(keys) => &keys[i],
            None => &self.names[i],
        }
    }

    /// The output of a key or name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        (0..self.len()).find(|i| self.called(*i) == name)
    }

    /// The order in which lists of metrics are taken: that of the outputs, or that of the layers'
    /// names where the keys of a dict are these names.
    pub(super) fn metric_order(&self) -> Vec<usize> {
        let by_name: Option<Vec<usize>> =
            self.keys.as_ref().and_then(|_| self.names.iter().map(|n| self.find(n)).collect());
        match by_name {
            Some(order) if (0..self.len()).all(|i| order.contains(&i)) => order,
            _ => (0..self.len()).collect(),
        }
    }

    /// The names, for messages.
    pub(super) fn listed(&self) -> String {
        (0..self.len()).map(|i| format!("`{}`", self.called(i))).collect::<Vec<_>>().join(", ")
    }
}

/// Tuples as lists, at every level.
pub(super) fn plain(v: &Value) -> Value {
    match v {
        Value::Object(map)
            if map.get("class_name").and_then(Value::as_str) == Some("__tuple__") =>
        {
            plain(map.get("items").unwrap_or(&Value::Null))
        }
        Value::Array(items) => Value::Array(items.iter().map(plain).collect()),
        Value::Object(map) if !is_object(v) => {
            Value::Object(map.iter().map(|(k, v)| (k.clone(), plain(v))).collect())
        }
        _ => v.clone(),
    }
}

/// Whether a value is a serialized object (or function) rather than a dict by output.
pub(super) fn is_object(v: &Value) -> bool {
    v.get("class_name").is_some_and(Value::is_string)
}

/// The leaves of a structure; dicts by sorted keys.
pub(super) fn leaves(v: &Value) -> Vec<&Value> {
    match v {
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        Value::Object(map) if !is_object(v) => {
            let mut items: Vec<_> = map.iter().collect();
            items.sort_by_key(|(k, _)| k.as_str());
            items.into_iter().flat_map(|(_, v)| leaves(v)).collect()
        }
        _ => vec![v],
    }
}

/// The name of a string, or of a serialized function.
pub(super) fn function_name(v: &Value) -> Option<&str> {
    match v {
        Value::String(name) => Some(name),
        _ if v.get("class_name").and_then(Value::as_str) == Some("function") => {
            let config = v.get("config")?;
            config.as_str().or_else(|| config.get("name").and_then(Value::as_str))
        }
        _ => None,
    }
}

/// How a target and a prediction of these specs stand to each other.
pub(super) enum Task {
    Binary,
    SparseCategorical,
    Categorical,
}

impl Task {
    pub(super) fn of(y_true: &Spec, y_pred: &Spec) -> Self {
        let last = |s: &Spec| s.dims.last().copied().flatten();
        match last(y_pred) {
            Some(1) => Task::Binary,
            p if y_true.rank() < y_pred.rank() || (last(y_true) == Some(1) && p > Some(1)) => {
                Task::SparseCategorical
            }
            _ => Task::Categorical,
        }
    }
}

/// Targets for the outputs that have losses (rising): one each, or one for every output.
pub(super) fn pair_targets(
    outputs: &ModelOutputs,
    targets: &[Spec],
    with_loss: &[usize],
) -> Result<Vec<usize>> {
    if targets.len() == outputs.len() {
        return Ok(with_loss.to_vec());
    }
    if targets.len() == with_loss.len() {
        return Ok((0..with_loss.len()).collect());
    }
    let rule = match with_loss.len() == outputs.len() {
        true => format!(
            "the model has {} outputs ({}) and needs a target for each",
            outputs.len(),
            outputs.listed()
        ),
        false => format!(
            "a target is needed for each output ({}) or for each of the {} with a loss",
            outputs.listed(),
            with_loss.len()
        ),
    };
    Err(Error::Data(format!("{rule}. Received: {} targets", targets.len())))
}

/// An error in an argument of `compile`.
pub(super) fn wrong(argument: &str, rule: impl Into<String>, received: &Value) -> Error {
    Error::argument(format!("compile, `{argument}`"), rule, short(received))
}

/// An error of a loss or metric that an argument of `compile` holds.
pub(super) fn in_argument(argument: &str, e: Error) -> Error {
    match e {
        Error::Unsupported(m) => Error::Config(format!("compile, `{argument}`: {m}")),
        Error::Config(m) => Error::Config(format!("compile, `{argument}`: {m}")),
        other => other,
    }
}
