//! Layers from and to Keras's configs: the registry of classes, reading and writing.

use super::file_class::{FileClass, OwnClasses, ways_out};
use super::layer::{Layer, LayerRef};
use super::unknown_settings;
use super::weight_tree::Trainable;
use crate::config::{
    Classes, DTypePolicy, did_you_mean, from_value, object, parts, short, snake_case,
};
use crate::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Trait of layers that are made from Keras's config. All layers that serde deserializes implement
/// it; a layer with inner layers reads them with the registry.
pub trait FromConfig: Layer + Sized {
    /// Returns the layer of a config.
    ///
    /// # Errors
    /// Settings that are missing or of another kind; layers inside that the registry does not know.
    fn from_config(config: &Value, registry: &Registry) -> Result<Self>;

    /// Returns the settings of `config` that have an effect; a warning names all others.
    fn understood(&self, _config: &Value) -> Value {
        self.config()
    }
}

impl<L: Layer + DeserializeOwned> FromConfig for L {
    fn from_config(config: &Value, _: &Registry) -> Result<Self> {
        read_settings(config)
    }
}

/// Reads settings that serde knows. An error names the setting whose value is at fault.
pub(crate) fn read_settings<T: DeserializeOwned>(config: &Value) -> Result<T> {
    let read = |v: &Value| from_value::<T>(v.clone()).map_err(|e| e.to_string());
    read(config).map_err(|e| {
        // Without the setting at fault, the complaint is another one.
        let at_fault = config.as_object().into_iter().flat_map(Map::keys).find(|key| {
            let mut rest = config.clone();
            rest.as_object_mut().map(|o| o.shift_remove(*key));
            read(&rest).err().is_none_or(|other| other != e)
        });
        Error::Config(match at_fault {
            Some(key) => format!("`{key}`: {e}"),
            None => e,
        })
    })
}

/// Makes a layer of a config; gives it with the settings that have an effect.
pub(super) type Reader = dyn Fn(&Value, &Registry) -> Result<(Box<dyn Layer>, Value)> + Send + Sync;

/// Registry of classes for opening files, by Keras's names: all built-in classes, and your own
/// layers, losses, metrics …
///
/// ```
/// use cornu::extend::Registry;
/// use cornu::{Dense, LayerRef};
/// let registry = Registry::new().layer::<Dense>("my>MyDense");
/// let config = serde_json::json!({
///     "class_name": "MyDense", "registered_name": "my>MyDense", "config": {"units": 3},
/// });
/// assert_eq!(LayerRef::from_json(&config, &registry)?.class(), "Dense");
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone)]
pub struct Registry {
    pub(super) layers: Arc<BTreeMap<String, Arc<Reader>>>,
    operations: Arc<BTreeMap<String, Arc<Reader>>>,
    /// Users' own classes of other families.
    classes: Classes,
    /// True if unknown settings are refused.
    is_strict: bool,
    /// Authors' own classes of layers.
    pub(super) own: OwnClasses<Self>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.layers.keys().chain(self.operations.keys())).finish()
    }
}

impl Registry {
    /// A registry without classes.
    pub(crate) fn empty() -> Self {
        let (layers, operations) = (Arc::default(), Arc::default());
        let (classes, own) = (Classes::default(), OwnClasses::default());
        Self { layers, operations, classes, is_strict: false, own }
    }

    /// Users' own classes of other families than layers.
    pub(crate) fn classes(&self) -> &Classes {
        &self.classes
    }

    pub(crate) fn classes_mut(&mut self) -> &mut Classes {
        &mut self.classes
    }

    /// Returns the registry with unknown settings refused: for configs that a person writes. In a
    /// file of Keras they are warned of.
    ///
    /// ```
    /// use cornu::extend::Registry;
    /// use cornu::LayerRef;
    /// let config = serde_json::json!({"units": 8, "droput": 0.5});
    /// let lstm = serde_json::json!({"class_name": "LSTM", "config": config});
    /// let read = LayerRef::from_json(&lstm, &Registry::new().strict());
    /// assert_eq!(
    ///     read.unwrap_err().to_string(),
    ///     "LSTM `lstm`: unknown setting `droput`; did you mean `dropout`?"
    /// );
    /// ```
    pub fn strict(self) -> Self {
        Self { is_strict: true, ..self }
    }

    /// Adds a class under the name that files hold. It takes the place of one of that name.
    pub(crate) fn add<L: FromConfig>(&mut self, class: &str) {
        Arc::make_mut(&mut self.layers).insert(
            class.into(),
            Arc::new(|config, registry| {
                let layer = L::from_config(config, registry)?;
                let understood = layer.understood(config);
                Ok((Box::new(layer), understood))
            }),
        );
    }

    /// True if `keras.ops` has an operation of this class.
    pub(super) fn is_operation(&self, class: &str) -> bool {
        self.operations.contains_key(class)
    }

    /// Adds another name of a class that the registry holds.
    pub(crate) fn add_alias(&mut self, alias: &str, class: &str) {
        if let Some(reader) = self.layers.get(class).cloned() {
            Arc::make_mut(&mut self.layers).insert(alias.into(), reader);
        }
    }

    /// Adds a class of `keras.ops`.
    pub(crate) fn add_operation<L: Layer>(
        &mut self,
        class: &'static str,
        read: fn(&str, &Value) -> Result<L>,
    ) {
        let reader = move |config: &Value, _: &Registry| {
            read(class, config).map(|o| (Box::new(o) as Box<dyn Layer>, config.clone()))
        };
        Arc::make_mut(&mut self.operations).insert(class.into(), Arc::new(reader));
    }

    /// The layer of a class with a config, and the settings that have an effect.
    fn read(
        &self,
        module: &str,
        class: &str,
        registered: Option<&str>,
        config: &Value,
    ) -> Result<(Box<dyn Layer>, Value)> {
        let own = registered.filter(|name| name.contains('>'));
        if let Some(reader) = own.and_then(|name| self.layers.get(name)) {
            return reader(config, self);
        }
        let file = FileClass { module, class, registered };
        if let Some(reader) = self.own_reader(&file) {
            return Ok((reader(&file, config, self)?, config.clone()));
        }
        if class == "Lambda" {
            return Err(Error::Unsupported(
                "Lambda holds code, which a file must not bring along; \
                build the model in Rust with a layer of your own"
                    .into(),
            ));
        }
        // Legacy files name no modules: what is no layer is an operation, as those that make a
        // graph's masks are.
        let found =
            if module.starts_with("keras.src.ops") {
                let operation = self.operations.get(class);
                Some(operation.ok_or_else(|| {
                    Error::Unsupported(format!("operation `{class}` of keras.ops"))
                })?)
            } else {
                let legacy = || self.operations.get(class).filter(|_| module.is_empty());
                // A class of a package of its own is not the built-in one of the same name.
                let builtin = self.layers.get(class).filter(|_| own.is_none());
                builtin.or_else(legacy)
            };
        let reader = found.ok_or_else(|| {
            let hint = did_you_mean(class, self.layers.keys().map(String::as_str));
            if self.is_strict && !hint.is_empty() {
                return Error::Config(format!("no layer has this class{hint}"));
            }
            Error::Unsupported(match registered.filter(|name| *name != class) {
                Some(name) => format!(
                    "layer class `{class}` (registered as `{name}`){hint}; {}",
                    ways_out(name)
                ),
                None if module.is_empty() => format!("layer class `{class}`{hint}"),
                None => format!("layer class `{class}` (module `{module}`){hint}"),
            })
        })?;
        reader(config, self)
    }

    /// Returns the layer that a setting of a config holds.
    pub fn layer_of(&self, config: &Value, key: &str) -> Result<LayerRef> {
        let v = config.get(key).filter(|v| !v.is_null());
        let v = v.ok_or_else(|| Error::Config(format!("missing field `{key}`")))?;
        if !v.is_object() {
            return Err(Error::Config(format!("expected a layer. Received: {}", short(v))));
        }
        LayerRef::from_json(v, self)
    }
}

/// Key beside the config of a recurrent layer whose products cornu takes with weights of eight
/// bits; Keras passes over it.
pub(crate) const INT8_WEIGHTS: &str = "int8_weights";

/// Whether a layer's config has Keras's policy of weights of eight bits.
fn is_int8(config: &Value) -> bool {
    config.get("dtype").is_some_and(|v| DTypePolicy::from_json(v).is_ok_and(|p| p.is_int8()))
}

impl LayerRef {
    /// Returns the layer as Keras serializes it, with a name.
    pub fn to_json_named(&self, name: &str) -> Value {
        let rule = self.rule();
        let mut config = Map::new();
        for key in rule.common_keys() {
            config.insert(
                key.trim_end_matches("_name").into(),
                match *key {
                    "dtype_name" => json!(self.0.dtype.variable_name()),
                    "name" => json!(name),
                    "trainable" => json!(self.is_trainable()),
                    _ => self.0.dtype.to_json(),
                },
            );
        }
        if let Some(r) = rule.activity_regularizer() {
            config.insert("activity_regularizer".into(), r.to_json());
        }
        if let Value::Object(own) = rule.config() {
            config.extend(own);
        }
        let mut config = Value::Object(config);
        if !self.is_trainable() && !self.0.from_file.load(Ordering::Relaxed) {
            freeze_inside(&mut config);
        }
        let mut v = object(rule.module(), self.class(), config);
        if let Some(registered) = rule.registered_name() {
            v["registered_name"] = json!(registered);
            if rule.module().is_empty() {
                v["module"] = Value::Null;
            }
        }
        for (key, value) in &self.0.beside {
            v[key] = value.clone();
        }
        v
    }

    /// Returns the layer as Keras serializes it.
    pub fn to_json(&self) -> Value {
        self.to_json_named(&self.shown_name())
    }

    /// Returns the layer of a Keras config, with the classes of a registry.
    ///
    /// # Errors
    /// A class that is not in the registry; settings that the class does not take.
    pub fn from_json(v: &Value, registry: &Registry) -> Result<Self> {
        let parts = parts("layer", v)?;
        let name = parts.config.get("name").and_then(Value::as_str).map(str::to_string);
        let shown = name.clone().unwrap_or_else(|| snake_case(parts.class));
        let here = |e: Error| match e {
            Error::Config(m) => Error::Config(format!("{} `{shown}`: {m}", parts.class)),
            other => other.of_layer(parts.class, &shown),
        };
        let mut settings = parts.config.clone();
        if is_int8(&settings) {
            settings["int8"] = json!(true);
        }
        let registered = v.get("registered_name").and_then(Value::as_str);
        let read = || registry.read(parts.module, parts.class, registered, &settings);
        let (rule, read) = registry.classes.scope(read).map_err(here)?;
        let policy = if rule.common_keys().iter().any(|k| k.starts_with("dtype")) {
            parts.config.get("dtype")
        } else {
            None
        };
        let dtype = DTypePolicy::from_json(policy.unwrap_or(&Value::Null)).map_err(here)?;
        // A Sequential read by Keras is trainable whatever its config says; its layers say for
        // themselves.
        let trainable = rule.ignores_trainable_of_file()
            || parts.config.get("trainable").and_then(Value::as_bool).unwrap_or(true);
        if registry.is_strict {
            let is_layer = |class: &str| registry.layers.contains_key(class);
            unknown_settings::refuse(&parts.config, &read, rule.common_keys(), &is_layer)
                .map_err(here)?;
        } else {
            let common = rule.common_keys();
            unknown_settings::warn(parts.class, &shown, &parts.config, &read, common);
        }
        let layer = Self::with(name, rule.into());
        let beside = ["build_config", "compile_config", INT8_WEIGHTS]
            .into_iter()
            .filter_map(|k| Some((k.to_string(), v.get(k)?.clone())))
            .collect();
        Ok(layer.edit(|o| {
            o.trainable = Trainable::new(trainable);
            o.from_file = AtomicBool::new(true);
            o.dtype = dtype;
            o.beside = beside;
        }))
    }
}

/// Marks the layers within a config as frozen, as setting `trainable` in Keras does.
fn freeze_inside(config: &mut Value) {
    match config {
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::Object(own) if key == "config" && own.contains_key("trainable") => {
                        own.insert("trainable".into(), false.into());
                        freeze_inside(value);
                    }
                    _ => freeze_inside(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(freeze_inside),
        _ => {}
    }
}

impl serde::Serialize for LayerRef {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        self.to_json().serialize(s)
    }
}
