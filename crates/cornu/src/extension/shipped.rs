//! Classes that cornu knows by their settings and weights: those of the examples of keras.io and of
//! Chollet's "Deep Learning with Python". What their files leave open is assumed on request.

use super::tables::{self, ClassTable};
use crate::config::snake_case;
use crate::saving::Group;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::{Arc, LazyLock};

/// The definitions, the first that fits before the others.
pub(super) static SHIPPED: LazyLock<Vec<Arc<Shipped>>> = LazyLock::new(|| {
    let texts = [
        include_str!("shipped/keras_io.toml"),
        include_str!("shipped/deep_learning_with_python.toml"),
    ];
    // Without the feature `toml` none can be read, and none is known.
    let texts = texts.into_iter().filter(|_| cfg!(feature = "toml"));
    let read = |text: &str| tables::of_toml::<ShippedFile>(text).expect("shipped with cornu");
    texts.flat_map(|text| read(text).shipped).map(Arc::new).collect()
});

/// Settings that Keras writes of each layer.
const COMMON: [&str; 5] = ["name", "trainable", "dtype", "activity_regularizer", "autocast"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShippedFile {
    shipped: Vec<Shipped>,
}

/// A definition and the files that it fits.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shipped {
    /// The example that the class is of.
    pub(super) of: String,
    /// Settings that the config has; those with defaults may be absent.
    settings: Vec<String>,
    /// Groups of weights that the layer has.
    groups: Vec<String>,
    /// True for a class of models that predict the next token.
    #[serde(default)]
    predicts_tokens: bool,
    /// Number of positional arguments of its calls, where it tells two versions apart.
    #[serde(default)]
    arguments: Option<usize>,
    /// A setting that a class beside it has.
    #[serde(default)]
    beside: Option<String>,
    /// What the file does not say.
    pub(super) assumes: Vec<String>,
    /// The graph of the class.
    pub(super) definition: ClassTable,
}

/// A layer of a class that a registry does not have, as its file shows it.
pub(super) struct Seen<'a> {
    /// Class without its package.
    pub(super) class: &'a str,
    pub(super) config: &'a Map<String, Value>,
    /// Number of positional arguments of its first call.
    pub(super) n_arguments: Option<usize>,
    /// True if the model ends in as many numbers as an embedding has tokens.
    pub(super) predicts_tokens: bool,
    /// The weights of the file.
    pub(super) weights: Option<&'a Group>,
    /// Settings of the authors' classes of the file.
    pub(super) beside: &'a [&'a str],
}

impl Shipped {
    /// True if a layer is of this class.
    pub(super) fn fits(&self, seen: &Seen<'_>) -> bool {
        let own = |key: &&String| !COMMON.contains(&key.as_str());
        let known = |key: &String| {
            self.settings.contains(key) || self.definition.defaults.contains_key(key)
        };
        self.definition.class.0.iter().any(|c| c == seen.class)
            && seen.config.keys().filter(own).all(known)
            && self.settings.iter().all(|key| seen.config.contains_key(key))
            && self.beside.as_ref().is_none_or(|key| seen.beside.contains(&key.as_str()))
            && (!self.predicts_tokens || seen.predicts_tokens)
            && (self.arguments.is_none() || self.arguments == seen.n_arguments)
            && seen.weights.is_none_or(|root| self.has_groups(root, &snake_case(seen.class)))
    }

    /// True if a group of a layer of the class has the groups of its weights.
    fn has_groups(&self, root: &Group, stem: &str) -> bool {
        root.groups.iter().any(|(name, group)| {
            let has = |inside: &String| group.group(inside).is_some();
            let own = name.starts_with(stem) && self.groups.iter().all(has);
            own || self.has_groups(group, stem)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_says_what_it_assumes() {
        for shipped in SHIPPED.iter() {
            assert!(!shipped.assumes.is_empty(), "{}", shipped.of);
        }
    }
}
