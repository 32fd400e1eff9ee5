//! Objects that files hold by class and config, and the classes of users' own.

use crate::Result;
use serde_json::Value;
use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::Arc;

/// An object that files hold by its class and its config: a loss, a metric, an initializer …
///
/// Built-in classes implement it by the list of their family. For your own class the macro `class!`
/// implements it, from serde's derives.
pub trait Configured: Any + Debug + Send + Sync {
    /// Returns Keras's name of the class; for your own class the part after `>`.
    fn class(&self) -> &'static str;

    /// Returns the settings under Keras's keys.
    fn config(&self) -> Value;

    /// Returns Keras's module of the class; empty for your own class.
    fn module(&self) -> &'static str {
        ""
    }

    /// Keras's registered name, `package>Class`, for a class of your own.
    fn registered_name(&self) -> Option<&'static str> {
        None
    }
}

/// A class in the list of a family.
pub trait Listed {
    /// Keras's name of the class.
    const CLASS: &'static str;
    /// Keras's module of the class.
    const MODULE: &'static str;
}

impl<T: Listed + serde::Serialize + Debug + Send + Sync + 'static> Configured for T {
    fn class(&self) -> &'static str {
        T::CLASS
    }

    fn config(&self) -> Value {
        super::to_value(self).expect("plain settings serialize")
    }

    fn module(&self) -> &'static str {
        T::MODULE
    }
}

/// Writes an object as Keras serializes it.
pub(crate) fn serialized(object: &(impl Configured + ?Sized)) -> Value {
    let mut v = super::object(object.module(), object.class(), object.config());
    if let Some(registered) = object.registered_name() {
        v["module"] = Value::Null;
        v["registered_name"] = registered.into();
    }
    v
}

/// Makes an object of a family from a config.
type Reader<T> = Arc<dyn Fn(&Value) -> Result<Arc<T>> + Send + Sync>;

/// Classes of users' own, by family and name, from which configs are read.
#[derive(Clone, Default)]
pub struct Classes(Vec<Class>);

#[derive(Clone)]
struct Class {
    /// The type of the family's trait.
    family: TypeId,
    name: String,
    /// The one config that it reads, where it stands for one object.
    config: Option<Value>,
    /// A [`Reader`] of the family.
    reader: Arc<dyn Any + Send + Sync>,
}

impl Debug for Classes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|c| &c.name)).finish()
    }
}

thread_local! {
    /// The classes that configs are read with on this thread; see [`Classes::scope`].
    static SCOPES: RefCell<Vec<Classes>> = const { RefCell::new(Vec::new()) };
}

/// Ends a scope, also where what ran in it panics.
struct Scope;

impl Drop for Scope {
    fn drop(&mut self) {
        SCOPES.with_borrow_mut(|scopes| drop(scopes.pop()));
    }
}

impl Classes {
    /// Adds a class of the family of `T` under the name that files hold. It takes the place of one
    /// of that name.
    pub(crate) fn add<T: ?Sized + 'static>(
        &mut self,
        name: &str,
        read: impl Fn(&Value) -> Result<Arc<T>> + Send + Sync + 'static,
    ) {
        self.push::<T>(name, None, Arc::new(read));
    }

    /// Adds an object of the family of `T`: what reads its class and config.
    pub(crate) fn add_object<T: ?Sized + Send + Sync + 'static>(
        &mut self,
        name: &str,
        config: Value,
        object: Arc<T>,
    ) {
        self.push::<T>(name, Some(config), Arc::new(move |_| Ok(object.clone())));
    }

    fn push<T: ?Sized + 'static>(&mut self, name: &str, config: Option<Value>, reader: Reader<T>) {
        let (family, name) = (TypeId::of::<T>(), name.to_string());
        self.add_class(Class { family, name, config, reader: Arc::new(reader) });
    }

    fn add_class(&mut self, class: Class) {
        let same = |c: &Class| {
            c.family == class.family && c.name == class.name && c.config == class.config
        };
        self.0.retain(|c| !same(c));
        self.0.push(class);
    }

    fn find<T: ?Sized + 'static>(&self, name: &str, config: &Value) -> Option<Reader<T>> {
        let family = TypeId::of::<T>();
        let of_name = |c: &&Class| c.family == family && c.name == name;
        let object = |c: &&Class| c.config.as_ref() == Some(config);
        let class = self.0.iter().filter(of_name).find(object);
        let class = class.or_else(|| self.0.iter().filter(of_name).find(|c| c.config.is_none()))?;
        class.reader.downcast_ref::<Reader<T>>().cloned()
    }

    /// Runs `read` with these classes known to every config that it reads. serde hands no arguments
    /// on to what it reads, so they stand in a scope of the thread meanwhile.
    pub(crate) fn scope<R>(&self, read: impl FnOnce() -> R) -> R {
        if self.0.is_empty() {
            return read();
        }
        SCOPES.with_borrow_mut(|scopes| scopes.push(self.clone()));
        let _scope = Scope;
        read()
    }
}

/// Reads an object of the family of `T` by a class of a user's own that is in scope; `None` where
/// there is none of that name.
pub(crate) fn read_own<T: ?Sized + 'static>(name: &str, config: &Value) -> Option<Result<Arc<T>>> {
    let found = SCOPES.with_borrow(|scopes| scopes.iter().rev().find_map(|c| c.find(name, config)));
    found.map(|read: Reader<T>| read(config))
}
