//! How files name the classes of layers, and what a registry keeps of authors' own classes.

use super::layer::Layer;
use crate::Result;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// A class as a file names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileClass<'a> {
    /// Module; empty where the file names none.
    pub(crate) module: &'a str,
    /// Class, in files of Keras 2 with its package.
    pub(crate) class: &'a str,
    /// Name under which the author registered it.
    pub(crate) registered: Option<&'a str>,
}

impl<'a> FileClass<'a> {
    /// The class of a serialized object.
    pub(crate) fn of(v: &'a Value) -> Option<Self> {
        let text = |key: &str| v.get(key).and_then(Value::as_str);
        let module = text("module").unwrap_or("");
        Some(Self { module, class: text("class_name")?, registered: text("registered_name") })
    }

    /// The names under which a definition may stand, the most exact first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        let bare = self.class.rsplit('>').next();
        self.registered.into_iter().chain([self.class]).chain(bare)
    }

    /// True if Keras itself has the module of the class.
    pub(crate) fn is_of_keras(&self) -> bool {
        let own = self.registered.is_some_and(|name| name.contains('>'));
        !own && (self.module == "keras" || self.module.starts_with("keras."))
    }
}

/// Makes a layer of a class and its config, with a registry of type `R`.
pub(super) type OwnReader<R> =
    dyn Fn(&FileClass<'_>, &Value, &R) -> Result<Box<dyn Layer>> + Send + Sync;

/// Authors' own classes by name, and the limits on what they make.
#[derive(Clone)]
pub(super) struct OwnClasses<R> {
    pub(super) readers: Arc<BTreeMap<String, Arc<OwnReader<R>>>>,
    /// True if what files leave open is assumed.
    pub(super) assumes: bool,
    /// Number of classes around what is read now.
    pub(super) depth: usize,
    /// Number of layers made for the file that is read now.
    pub(super) n_made: Option<Arc<AtomicUsize>>,
}

impl<R> Default for OwnClasses<R> {
    fn default() -> Self {
        Self { readers: Arc::default(), assumes: false, depth: 0, n_made: None }
    }
}

/// What a person can do about a class that the registry does not have.
pub(crate) fn ways_out(name: &str) -> String {
    format!(
        "an extension file that says how it computes opens it (--extension, \
         Registry::extension), or the class in Rust (Registry::new().layer::<T>(\"{name}\"), \
         open_with)"
    )
}
