//! The tables of an extension file, and how it is read.

use crate::saving::atomic;
use crate::{Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::path::Path;

/// The most bytes of an extension file.
const MAX_BYTES: usize = 1 << 20;

/// One text or a list of texts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "Texts")]
pub(super) struct OneOrMany(pub(super) Vec<String>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
enum Texts {
    One(String),
    Many(Vec<String>),
}

impl From<Texts> for OneOrMany {
    fn from(texts: Texts) -> Self {
        Self(match texts {
            Texts::One(text) => vec![text],
            Texts::Many(texts) => texts,
        })
    }
}

/// An extension file: classes by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtensionFile {
    classes: Vec<ClassTable>,
}

/// A class as a graph of layers, operations and weights.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassTable {
    /// Names of the class in files: `package>Class`, or `Class` for any package.
    pub(super) class: OneOrMany,
    /// Names of the arguments of `call`.
    pub(super) inputs: OneOrMany,
    /// Names of the values that `call` returns.
    pub(super) outputs: OneOrMany,
    /// Settings that a file may lack.
    #[serde(default)]
    pub(super) defaults: Map<String, Value>,
    /// Settings of the file that have no effect on what the layer computes.
    #[serde(default)]
    pub(super) ignored: Vec<String>,
    /// The mask of the outputs: `pass` for that of the first input, or the name of a value.
    #[serde(default)]
    pub(super) mask: Option<String>,
    /// Layers, operations and weights, in the order in which `__init__` makes them.
    pub(super) members: Vec<MemberTable>,
}

/// A layer, an operation, a weight or the positions of an input.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MemberTable {
    /// Name of the member, and of the value of its first call.
    pub(super) name: String,
    /// Class of a layer.
    pub(super) class: Option<String>,
    /// Operation of `keras.ops`, as `expand_dims`.
    pub(super) operation: Option<String>,
    /// Shape of a weight of the class itself (`add_weight`).
    pub(super) weight: Option<Vec<Value>>,
    /// Name of an input, whose positions 0, 1, … along `axis` (1 unless given) are the value.
    pub(super) positions: Option<String>,
    /// Axis of `positions`.
    pub(super) axis: Option<isize>,
    /// Settings of the layer or operation.
    pub(super) config: Map<String, Value>,
    /// Initializer of a weight.
    pub(super) initializer: Option<Value>,
    /// False for a weight that is not trained.
    pub(super) trainable: Option<bool>,
    /// Group in weights files, if it is not `name`; a second one for other versions of files.
    pub(super) path: OneOrMany,
    /// Arguments of the only call, in order.
    pub(super) inputs: Option<Value>,
    /// Arguments of the only call by name.
    pub(super) kwargs: Map<String, Value>,
    /// Calls of a layer that is called more than once.
    pub(super) calls: Vec<CallTable>,
    /// Number of layers, each called on what the one before gives.
    pub(super) repeat: Option<Value>,
}

/// One call of a layer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CallTable {
    /// Name of its value; the first call has that of the layer.
    pub(super) name: Option<String>,
    /// Arguments in order.
    pub(super) inputs: Value,
    /// Arguments by name.
    pub(super) kwargs: Map<String, Value>,
}

impl ClassTable {
    /// Calls `f` with each value of the table that may name settings.
    pub(super) fn each_value<'t>(&'t self, f: &mut dyn FnMut(&'t Value)) {
        for member in &self.members {
            member.config.values().for_each(&mut *f);
            member.kwargs.values().for_each(&mut *f);
            member.weight.iter().flatten().for_each(&mut *f);
            [&member.inputs, &member.initializer, &member.repeat]
                .into_iter()
                .flatten()
                .for_each(&mut *f);
            for call in &member.calls {
                f(&call.inputs);
                call.kwargs.values().for_each(&mut *f);
            }
        }
    }
}

/// Reads the classes of an extension file.
///
/// # Errors
/// A file that is too large, or is no TOML or JSON; a key that an extension does not have.
pub(super) fn read(path: &Path) -> Result<Vec<ClassTable>> {
    let wrong = |why: String| Error::Config(format!("{}: {why}", path.display()));
    let is_json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    if !is_json && !path.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml")) {
        return Err(wrong("an extension is a .toml or a .json file".into()));
    }
    let n_bytes = std::fs::metadata(path).map_or(0, |m| m.len());
    if n_bytes > MAX_BYTES as u64 {
        return Err(wrong(format!("an extension has at most {MAX_BYTES} bytes; it has {n_bytes}")));
    }
    let bytes = atomic::read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|e| wrong(e.to_string()))?;
    if is_json {
        let file: std::result::Result<ExtensionFile, _> = serde_json::from_str(text);
        return file.map(|f| f.classes).map_err(|e| wrong(e.to_string()));
    }
    of_toml(text).map(|file: ExtensionFile| file.classes).map_err(|(line, why)| {
        let at = format!("{}, line {line}", path.display());
        Error::Config(format!("{at}: {why}"))
    })
}

/// Reads a text of TOML; needs the feature `toml`.
#[cfg(not(feature = "toml"))]
pub(super) fn of_toml<T: DeserializeOwned>(_: &str) -> std::result::Result<T, (usize, String)> {
    Err((1, "extension files in TOML need cornu built with the feature `toml`".into()))
}

/// Reads a text of TOML; an error has its line.
#[cfg(feature = "toml")]
pub(super) fn of_toml<T: DeserializeOwned>(text: &str) -> std::result::Result<T, (usize, String)> {
    toml::from_str(text).map_err(|e: toml::de::Error| {
        let at = e.span().map_or(0, |s| s.start);
        let line = text.as_bytes().iter().take(at).filter(|b| **b == b'\n').count() + 1;
        (line, e.message().split_whitespace().collect::<Vec<_>>().join(" "))
    })
}
