//! Classes of authors' own that are a graph of built-in layers: extension files, and the classes
//! that cornu knows by their settings and weights.

mod expression;
mod tables;
mod members;
mod plan;
mod values;
mod layer;
mod run;
mod tcn;
mod shipped;
mod survey;

pub(crate) use survey::for_file;

use crate::lowering::{Layer, Registry};
use crate::{Error, Result};
use layer::{Definition, ExtensionLayer};
use std::path::Path;
use std::sync::Arc;

/// The most classes of an extension file.
const MAX_CLASSES: usize = 256;

impl Registry {
    /// Adds the classes of an extension file (`.toml` or `.json`): each is a graph of built-in
    /// layers, operations and weights, so a file with classes of its author's own opens without
    /// code. See [`crate::guide::extensions`] for what it holds.
    ///
    /// # Errors
    /// A file that cannot be read; a key that an extension does not have, with its line. Members
    /// and settings are checked when a layer of the class is read.
    ///
    /// ```
    /// use cornu::extend::Registry;
    /// use cornu::{Input, LayerRef};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("my_layers.toml");
    /// std::fs::write(
    ///     &path,
    ///     r#"
    ///     [[classes]]
    ///     class = "my>Twice"
    ///     inputs = "x"
    ///     outputs = "second"
    ///
    ///     [[classes.members]]
    ///     name = "first"
    ///     class = "Dense"
    ///     config = { units = "$units * 2", activation = "relu" }
    ///     inputs = "x"
    ///
    ///     [[classes.members]]
    ///     name = "second"
    ///     class = "Dense"
    ///     config = { units = "$units" }
    ///     inputs = "first"
    ///     "#,
    /// )
    /// .unwrap();
    /// let registry = Registry::new().extension(&path)?;
    /// let config = serde_json::json!({
    ///     "class_name": "Twice", "registered_name": "my>Twice", "config": {"units": 3},
    /// });
    /// let layer = LayerRef::from_json(&config, &registry)?;
    /// assert_eq!(layer.call(&Input::new([5]))?.shape_text(), "(None, 3)");
    /// assert_eq!(layer.to_json()["registered_name"], "my>Twice");
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn extension(mut self, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let tables = tables::read(path)?;
        if tables.len() > MAX_CLASSES {
            let rule = format!("an extension has at most {MAX_CLASSES} classes");
            return Err(Error::Config(format!("{}: {rule}", path.display())));
        }
        let origin: Arc<str> = path.display().to_string().into();
        for table in tables {
            let (names, definition) = (table.class.0.clone(), Definition::Table(Arc::new(table)));
            names.iter().for_each(|name| add(&mut self, name, &definition, &origin));
        }
        Ok(self)
    }

    /// Returns the registry with what files leave open assumed: the classes of the examples of
    /// keras.io and of Chollet's "Deep Learning with Python" are taken for what they are there,
    /// where settings and weights fit. Each assumption is a warning of the `log` facade.
    pub fn assume(self) -> Self {
        self.assuming()
    }

    /// Adds the classes whose config says all that they compute.
    pub(crate) fn with_shipped(mut self) -> Self {
        let make = Arc::new(tcn::table);
        let definition = Definition::Made { settings: tcn::SETTINGS, make };
        let origin: Arc<str> = "keras-tcn".into();
        for name in ["Custom>TCN", "TCN"] {
            add(&mut self, name, &definition, &origin);
        }
        self
    }
}

/// Adds a class under a name.
fn add(registry: &mut Registry, name: &str, definition: &Definition, origin: &Arc<str>) {
    let (definition, origin) = (definition.clone(), origin.clone());
    registry.add_own(name, move |file, config, registry| {
        let layer = ExtensionLayer::read(file, config, registry, &definition, &origin)?;
        Ok(Box::new(layer) as Box<dyn Layer>)
    });
}
