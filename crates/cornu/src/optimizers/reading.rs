//! Optimizers from and to Keras's configs.

use super::{LossScaleOptimizer, MultiOptimizer, Optimizer, Rule, UpdateRule};
use crate::config::{Classes, Listed, from_value, parts, serialized};
use crate::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

impl Listed for LossScaleOptimizer {
    const CLASS: &'static str = "LossScaleOptimizer";
    const MODULE: &'static str = "keras.optimizers";
}

impl Listed for MultiOptimizer {
    const CLASS: &'static str = "MultiOptimizer";
    const MODULE: &'static str = "keras.optimizers";
}

/// Reads the settings of an optimizer around others.
fn outer<T: Listed + DeserializeOwned + Into<Optimizer>>(config: Value) -> Result<Optimizer> {
    let read: Result<T, _> = from_value(config);
    read.map(Into::into).map_err(|e| Error::Config(format!("optimizer {}: {e}", T::CLASS)))
}

impl Optimizer {
    /// Keras's names of the built-in classes.
    pub const CLASSES: &'static [&'static str] = &{
        let mut all = [""; Rule::CLASSES.len() + 2];
        let mut i = 0;
        while i < Rule::CLASSES.len() {
            all[i] = Rule::CLASSES[i];
            i += 1;
        }
        all[i] = LossScaleOptimizer::CLASS;
        all[i + 1] = MultiOptimizer::CLASS;
        all
    };

    /// Returns the optimizer of a class with a config.
    ///
    /// # Errors
    /// An unknown class, an unknown setting, or an invalid value.
    pub fn from_class(class: &str, config: Value) -> Result<Self> {
        match class {
            "LossScaleOptimizer" | "lossscaleoptimizer" => outer::<LossScaleOptimizer>(config),
            "MultiOptimizer" | "multioptimizer" => outer::<MultiOptimizer>(config),
            _ => Rule::from_class(class, config).map(Self::Rule),
        }
    }

    /// Returns the optimizer of a class or an alias, with Keras's defaults.
    ///
    /// # Errors
    /// An unknown name; the message names the nearest known one.
    pub fn by_name(name: &str) -> Result<Self> {
        match name {
            "loss_scale_optimizer" | "multi_optimizer" => {
                Self::from_class(&name.replace('_', ""), json!({}))
            }
            _ if Self::CLASSES[Rule::CLASSES.len()..].contains(&name) => {
                Self::from_class(name, json!({}))
            }
            _ => Rule::by_name(name).map(Self::Rule),
        }
    }

    /// Reads an optimizer as Keras writes it: an object, or a name.
    ///
    /// # Errors
    /// As [`Optimizer::from_class`].
    pub fn from_json(v: &Value) -> Result<Self> {
        if let Value::String(name) = v {
            return Self::by_name(name);
        }
        let parts = parts("optimizer", v)?;
        let is_own =
            v.get("registered_name").and_then(Value::as_str).is_some_and(|n| n.contains('>'));
        match parts.class {
            LossScaleOptimizer::CLASS | MultiOptimizer::CLASS if !is_own => {
                Self::from_class(parts.class, parts.config)
            }
            _ => Rule::from_json(v).map(Self::Rule),
        }
    }

    /// Returns Keras's name of the class.
    pub fn class(&self) -> &str {
        match self {
            Self::Rule(rule) => rule.class(),
            Self::LossScale(_) => LossScaleOptimizer::CLASS,
            Self::Multi(_) => MultiOptimizer::CLASS,
        }
    }

    /// Returns the optimizer as Keras serializes it.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Rule(rule) => rule.to_json(),
            Self::LossScale(outer) => serialized(outer),
            Self::Multi(outer) => serialized(outer),
        }
    }

    /// Returns the optimizer as a `T`, if it is one.
    pub fn downcast_ref<T: 'static>(&self) -> Option<&T> {
        match self {
            Self::Rule(rule) => rule.downcast_ref(),
            Self::LossScale(outer) => (outer as &dyn std::any::Any).downcast_ref(),
            Self::Multi(outer) => (outer as &dyn std::any::Any).downcast_ref(),
        }
    }

    /// Adds a class of update rules to a list of users' own classes.
    pub(crate) fn add_class<T: UpdateRule + DeserializeOwned>(classes: &mut Classes, name: &str) {
        Rule::add_class::<T>(classes, name);
    }
}

impl<T: UpdateRule> From<T> for Optimizer {
    fn from(rule: T) -> Self {
        Self::Rule(rule.into())
    }
}

impl From<LossScaleOptimizer> for Optimizer {
    fn from(outer: LossScaleOptimizer) -> Self {
        Self::LossScale(outer)
    }
}

impl From<MultiOptimizer> for Optimizer {
    fn from(outer: MultiOptimizer) -> Self {
        Self::Multi(outer)
    }
}

impl serde::Serialize for Optimizer {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        self.to_json().serialize(s)
    }
}

impl<'de> serde::Deserialize<'de> for Optimizer {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        Self::from_json(&Value::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}
