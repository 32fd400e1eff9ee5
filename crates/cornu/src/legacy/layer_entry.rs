//! A layer in a config that is being translated, and the walk over all of them.

use crate::{Error, Result};
use serde_json::{Map, Value};

/// A layer of a config: `{"class_name": …, "config": {…}, "inbound_nodes": […]}`.
pub(super) struct LayerEntry<'a>(&'a mut Map<String, Value>);

impl LayerEntry<'_> {
    /// Keras's name of the class, without the package it was registered in.
    pub(super) fn class(&self) -> &str {
        let class = self.0.get("class_name").and_then(Value::as_str).unwrap_or("");
        class.strip_prefix("Custom>").unwrap_or(class)
    }

    pub(super) fn set_class(&mut self, class: &str) {
        self.0.insert("class_name".into(), class.into());
    }

    /// The layer's name, for messages.
    pub(super) fn name(&self) -> String {
        let own = || self.0.get("config").and_then(|c| c.get("name"));
        let name = self.0.get("name").or_else(own).and_then(Value::as_str);
        name.map_or_else(|| self.class().to_string(), str::to_string)
    }

    /// The settings; none for a bare list of layers.
    pub(super) fn config(&mut self) -> Option<&mut Map<String, Value>> {
        self.0.get_mut("config").and_then(Value::as_object_mut)
    }

    /// A setting.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get("config").and_then(|c| c.get(key))
    }

    /// True if a setting is there and neither null nor false.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.get(key).is_some_and(|v| !v.is_null() && *v != Value::Bool(false))
    }

    /// Sets a setting.
    pub(super) fn set(&mut self, key: &str, value: impl Into<Value>) {
        if let Some(config) = self.config() {
            config.insert(key.into(), value.into());
        }
    }

    /// Removes a setting.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.config().and_then(|c| c.shift_remove(key))
    }

    /// Renames a setting. True if it was there.
    pub(super) fn rename(&mut self, old: &str, new: &str) -> bool {
        let Some(value) = self.take(old) else { return false };
        self.set(new, value);
        true
    }

    /// The calls of the layer, in a functional model.
    pub(super) fn nodes(&mut self) -> Option<&mut Vec<Value>> {
        self.0.get_mut("inbound_nodes").and_then(Value::as_array_mut)
    }

    /// The error of a layer that cannot be read.
    pub(super) fn refused(&self, why: impl std::fmt::Display) -> Error {
        Error::Unsupported(format!("{} `{}`: {why}", self.class(), self.name()))
    }
}

/// Attributes of a config that hold a layer, or a list of layers.
const INNER: [&str; 7] =
    ["layer", "forward_layer", "backward_layer", "cell", "cells", "layers", "activation"];

/// Calls `f` for every layer of a config, models inside and wrapped layers included, the outer ones
/// first.
pub(super) fn each_layer(
    v: &mut Value,
    f: &mut dyn FnMut(&mut LayerEntry<'_>) -> Result<()>,
) -> Result<()> {
    match v {
        Value::Array(items) => items.iter_mut().try_for_each(|item| each_layer(item, f)),
        Value::Object(object) if object.get("class_name").is_some_and(Value::is_string) => {
            f(&mut LayerEntry(object))?;
            match object.get_mut("config") {
                Some(list @ Value::Array(_)) => each_layer(list, f),
                Some(Value::Object(config)) => INNER.iter().try_for_each(|key| {
                    config.get_mut(*key).map_or(Ok(()), |inner| each_layer(inner, f))
                }),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}
