//! Authors' own classes of layers, which an extension defines, in a registry.

use super::file_class::{FileClass, OwnReader};
use super::layer::{Layer, LayerRef};
use super::layer_config::Registry;
use crate::{Error, Result};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The most classes of extensions within each other.
const MAX_DEPTH: usize = 16;
/// The most layers that extensions make for one file.
const MAX_LAYERS: usize = 20_000;

impl Registry {
    /// Adds a class that an extension defines.
    pub(crate) fn add_own(
        &mut self,
        name: &str,
        read: impl Fn(&FileClass<'_>, &Value, &Registry) -> Result<Box<dyn Layer>>
        + Send
        + Sync
        + 'static,
    ) {
        Arc::make_mut(&mut self.own.readers).insert(name.into(), Arc::new(read));
    }

    pub(super) fn own_reader(&self, file: &FileClass<'_>) -> Option<&Arc<OwnReader<Registry>>> {
        let mut names = file.names().filter(|_| !file.is_of_keras());
        names.find_map(|name| self.own.readers.get(name))
    }

    /// True if the registry reads layers of a class.
    pub(crate) fn knows(&self, file: &FileClass<'_>) -> bool {
        let registered = file.registered.filter(|name| name.contains('>'));
        registered.is_some_and(|name| self.layers.contains_key(name))
            || self.own_reader(file).is_some()
            || file.module.starts_with("keras.src.ops")
            || (registered.is_none() && self.layers.contains_key(file.class))
            || (file.module.is_empty() && self.is_operation(file.class))
    }

    /// True if a class of this name is a layer that is built in or in Rust.
    pub(crate) fn is_layer(&self, class: &str) -> bool {
        self.layers.contains_key(class)
    }

    /// Returns the registry with what files leave open assumed.
    pub(crate) fn assuming(mut self) -> Self {
        self.own.assumes = true;
        self
    }

    /// True if what files leave open is assumed.
    pub(crate) fn assumes(&self) -> bool {
        self.own.assumes
    }

    /// The registry for one file: what extensions make is counted anew.
    pub(crate) fn for_file(&self) -> Self {
        let mut registry = self.clone();
        registry.own.n_made = Some(Arc::default());
        registry
    }

    /// The registry for the members of a class of an extension.
    ///
    /// # Errors
    /// Classes that hold each other.
    pub(crate) fn inside(&self) -> Result<Self> {
        let mut inner = self.clone().strict();
        inner.own.n_made.get_or_insert_default();
        inner.own.depth += 1;
        match inner.own.depth {
            0..=MAX_DEPTH => Ok(inner),
            _ => Err(Error::Config(format!(
                "classes of extensions hold each other, or stand more than {MAX_DEPTH} deep"
            ))),
        }
    }

    /// Makes a member of a class of an extension.
    ///
    /// # Errors
    /// As [`LayerRef::from_json`]; more layers than a file may ask for.
    pub(crate) fn member(&self, class: &str, config: Value) -> Result<LayerRef> {
        if let Some(n_made) = &self.own.n_made
            && n_made.fetch_add(1, Ordering::Relaxed) >= MAX_LAYERS
        {
            let rule = format!("extensions make more than {MAX_LAYERS} layers for this file");
            return Err(Error::Config(rule));
        }
        let module = if self.is_layer(class) { "keras.layers" } else { "" };
        LayerRef::from_json(&json!({"module": module, "class_name": class, "config": config}), self)
    }
}
