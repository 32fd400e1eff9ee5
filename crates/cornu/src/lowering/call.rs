//! How a layer is called: positional and keyword arguments, each a value, a list, values by name,
//! or plain JSON.

use crate::config::did_you_mean;
use crate::{Error, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Argument of a layer's call.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg<V> {
    /// A single value.
    Value(V),
    /// A list or tuple.
    List(Vec<Arg<V>>),
    /// Values by name.
    Dict(Vec<(String, Arg<V>)>),
    /// Plain JSON, as Keras wrote it.
    Json(Value),
}

/// Arguments of a call of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Call<V> {
    /// Positional arguments; the first holds the inputs.
    pub args: Vec<Arg<V>>,
    /// Keyword arguments.
    pub kwargs: Vec<(String, Arg<V>)>,
    asked: Asked,
}

/// Names of the keyword arguments that a layer asked for, over all calls made from one.
#[derive(Clone, Debug, Default)]
struct Asked(Arc<Mutex<BTreeSet<String>>>);

impl Asked {
    fn names(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for Asked {
    /// Who asked is no part of a call.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Keyword arguments that every layer takes.
const OF_EVERY_LAYER: [&str; 2] = ["mask", "training"];

impl<V> Arg<V> {
    /// The same argument with the constants in it, which Keras writes as `__tensor__` or
    /// `__numpy__`, as values that `make` gives.
    ///
    /// # Errors
    /// As `make`.
    fn with_constants<E>(self, make: &mut impl FnMut(&Value) -> Result<V, E>) -> Result<Self, E> {
        Ok(match self {
            Arg::Json(v) if is_constant(&v) => Arg::Value(make(&v)?),
            Arg::Json(Value::Array(items)) if items.iter().any(holds_constant) => {
                let items = items.into_iter().map(|v| Arg::Json(v).with_constants(make));
                Arg::List(items.collect::<Result<_, E>>()?)
            }
            Arg::Json(Value::Object(items)) if items.values().any(holds_constant) => {
                let items =
                    items.into_iter().map(|(k, v)| Ok((k, Arg::Json(v).with_constants(make)?)));
                Arg::Dict(items.collect::<Result<_, E>>()?)
            }
            Arg::List(items) => {
                let items = items.into_iter().map(|a| a.with_constants(make));
                Arg::List(items.collect::<Result<_, E>>()?)
            }
            Arg::Dict(items) => {
                let items = items.into_iter().map(|(k, a)| Ok((k, a.with_constants(make)?)));
                Arg::Dict(items.collect::<Result<_, E>>()?)
            }
            other => other,
        })
    }

    fn holds_constant(&self) -> bool {
        match self {
            Arg::Value(_) => false,
            Arg::List(items) => items.iter().any(Arg::holds_constant),
            Arg::Dict(items) => items.iter().any(|(_, a)| a.holds_constant()),
            Arg::Json(v) => holds_constant(v),
        }
    }

    /// Returns all values in order; values by name are sorted by name, as in Keras.
    pub fn flatten(&self) -> Vec<&V> {
        self.flatten_all().into_iter().flatten().collect()
    }

    /// Returns all values in order, with `None` for plain JSON.
    pub fn flatten_all(&self) -> Vec<Option<&V>> {
        match self {
            Arg::Value(v) => vec![Some(v)],
            Arg::List(items) => items.iter().flat_map(Arg::flatten_all).collect(),
            Arg::Dict(items) => {
                let mut sorted: Vec<_> = items.iter().collect();
                sorted.sort_by(|a, b| a.0.cmp(&b.0));
                sorted.into_iter().flat_map(|(_, a)| a.flatten_all()).collect()
            }
            Arg::Json(_) => vec![None],
        }
    }

    /// Maps all values and keeps the structure.
    pub fn try_map<W, E>(&self, f: &mut impl FnMut(&V) -> Result<W, E>) -> Result<Arg<W>, E> {
        Ok(match self {
            Arg::Value(v) => Arg::Value(f(v)?),
            Arg::List(items) => {
                Arg::List(items.iter().map(|a| a.try_map(f)).collect::<Result<_, E>>()?)
            }
            Arg::Dict(items) => Arg::Dict(
                items
                    .iter()
                    .map(|(k, a)| Ok((k.clone(), a.try_map(f)?)))
                    .collect::<Result<_, E>>()?,
            ),
            Arg::Json(v) => Arg::Json(v.clone()),
        })
    }
}

/// True for an array as Keras writes a constant of a call.
fn is_constant(v: &Value) -> bool {
    matches!(v.get("class_name").and_then(Value::as_str), Some("__tensor__" | "__numpy__"))
}

/// True if a constant stands somewhere in it. An object of another class is that object's config.
fn holds_constant(v: &Value) -> bool {
    match v {
        _ if is_constant(v) => true,
        Value::Array(items) => items.iter().any(holds_constant),
        Value::Object(items) if !items.contains_key("class_name") => {
            items.values().any(holds_constant)
        }
        _ => false,
    }
}

impl<V> Call<V> {
    /// True if an argument is, or holds, a constant.
    pub(crate) fn holds_constant(&self) -> bool {
        let kwargs = self.kwargs.iter().map(|(_, a)| a);
        self.args.iter().chain(kwargs).any(Arg::holds_constant)
    }

    /// The same call with its constants as values. `make` is told the name of a keyword argument.
    ///
    /// # Errors
    /// As `make`.
    pub(crate) fn with_constants<E>(
        self,
        mut make: impl FnMut(Option<&str>, &Value) -> Result<V, E>,
    ) -> Result<Self, E> {
        let args = self.args.into_iter().map(|a| a.with_constants(&mut |v| make(None, v)));
        let args = args.collect::<Result<_, E>>()?;
        let kwargs = self.kwargs.into_iter().map(|(name, a)| {
            let a = a.with_constants(&mut |v| make(Some(&name), v))?;
            Ok((name, a))
        });
        Ok(Self { args, kwargs: kwargs.collect::<Result<_, E>>()?, asked: self.asked })
    }

    /// Returns a call of positional and keyword arguments.
    pub fn new(args: Vec<Arg<V>>, kwargs: Vec<(String, Arg<V>)>) -> Self {
        Self { args, kwargs, asked: Asked::default() }
    }

    /// Returns a call on one value.
    pub fn one(v: V) -> Self {
        Self::new(vec![Arg::Value(v)], vec![])
    }

    /// Returns a call on a list of values.
    pub fn list(values: impl IntoIterator<Item = V>) -> Self {
        Self::new(vec![Arg::List(values.into_iter().map(Arg::Value).collect())], vec![])
    }

    /// Adds a keyword argument.
    pub fn with(mut self, name: &str, arg: Arg<V>) -> Self {
        self.kwargs.retain(|(n, _)| n != name);
        self.kwargs.push((name.into(), arg));
        self.asked = Asked::default();
        self
    }

    /// Returns the keyword arguments that no one asked for, each with the nearest name that was
    /// asked for. What says "no" (`false`, `null`) needs no one.
    pub(crate) fn unread(&self) -> Vec<(&str, String)> {
        let asked = self.asked.names();
        let known = || asked.iter().map(String::as_str).chain(OF_EVERY_LAYER);
        let says_no = |arg: &Arg<V>| matches!(arg, Arg::Json(Value::Null | Value::Bool(false)));
        let unread = self
            .kwargs
            .iter()
            .filter(|(name, arg)| !says_no(arg) && known().all(|asked| asked != name.as_str()));
        unread.map(|(name, _)| (name.as_str(), did_you_mean(name, known()))).collect()
    }

    /// Returns the argument at a position or with a name; JSON `null` counts as absent.
    pub fn arg(&self, position: usize, name: &str) -> Option<&Arg<V>> {
        let found = self.args.get(position).or_else(|| self.kwarg(name));
        found.filter(|a| !matches!(a, Arg::Json(Value::Null)))
    }

    /// Returns a keyword argument by name.
    pub fn kwarg(&self, name: &str) -> Option<&Arg<V>> {
        self.asked.names().insert(name.into());
        self.kwargs.iter().find(|(n, _)| n == name).map(|(_, a)| a)
    }

    /// Returns the value of a keyword argument.
    pub fn kwarg_value(&self, name: &str) -> Option<&V> {
        self.kwarg(name).and_then(|a| a.flatten().first().copied())
    }

    /// Returns a boolean keyword argument; `None` where it is absent or not a boolean.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.kwarg(name) {
            Some(Arg::Json(Value::Bool(b))) => Some(*b),
            _ => None,
        }
    }

    /// Returns the values of the first argument, flattened.
    pub fn inputs(&self) -> Vec<&V> {
        self.args.first().map_or(vec![], Arg::flatten)
    }

    /// Returns the only value of the first argument.
    pub fn input(&self) -> Result<&V> {
        match self.inputs()[..] {
            [v] => Ok(v),
            ref many => {
                Err(Error::argument("", "expected one input", format!("{} inputs", many.len())))
            }
        }
    }

    /// Returns all values: those of positional, then those of keyword arguments.
    pub fn values(&self) -> Vec<&V> {
        self.args.iter().chain(self.kwargs.iter().map(|(_, a)| a)).flat_map(Arg::flatten).collect()
    }

    /// Maps all values of the call.
    pub fn try_map<W, E>(&self, mut f: impl FnMut(&V) -> Result<W, E>) -> Result<Call<W>, E> {
        let args = self.args.iter().map(|a| a.try_map(&mut f)).collect::<Result<_, E>>()?;
        let kwargs = self
            .kwargs
            .iter()
            .map(|(n, a)| Ok((n.clone(), a.try_map(&mut f)?)))
            .collect::<Result<_, E>>()?;
        Ok(Call { args, kwargs, asked: self.asked.clone() })
    }

    /// Maps all values of the call.
    pub fn map<W>(&self, mut f: impl FnMut(&V) -> W) -> Call<W> {
        self.try_map(|v| Ok::<_, std::convert::Infallible>(f(v))).unwrap_or_else(|e| match e {})
    }
}
