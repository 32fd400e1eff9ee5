//! The classes of a file that a registry does not have: where they stand, which of them cornu knows
//! by their settings and weights, and what can be done about the others.

use super::add;
use super::layer::Definition;
use super::shipped::{SHIPPED, Seen, Shipped};
use crate::lowering::{FileClass, Registry, ways_out};
use crate::saving::Group;
use crate::{Error, Result};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most layers that a refusal names for a class.
const MAX_PLACES: usize = 4;
/// The deepest that layers stand within each other in what is surveyed.
const MAX_DEPTH: usize = 64;

/// A layer of a class that the registry does not have.
struct Unknown<'a> {
    file: FileClass<'a>,
    config: Option<&'a Map<String, Value>>,
    /// Name of the layer, and the models and wrappers around it.
    place: String,
    n_arguments: Option<usize>,
}

/// The registry for a model's file: where it assumes what files leave open, with the classes that
/// cornu knows by settings and weights; each assumption is told.
///
/// # Errors
/// Classes that nothing is known of: all of them, with their layers, and what can be done.
pub(crate) fn for_file(
    registry: &Registry,
    config: &Value,
    weights: Option<&Group>,
) -> Result<Registry> {
    let mut registry = registry.for_file();
    let mut unknown = Vec::new();
    find(&registry, config, "", 0, &mut unknown);
    if unknown.is_empty() {
        return Ok(registry);
    }
    let beside: Vec<&str> =
        unknown.iter().filter_map(|u| u.config).flat_map(Map::keys).map(String::as_str).collect();
    let predicts_tokens = predicts_tokens(config);
    let mut by_class: BTreeMap<&str, Vec<&Unknown<'_>>> = BTreeMap::new();
    for u in &unknown {
        by_class.entry(u.file.names().next().unwrap_or("")).or_default().push(u);
    }
    let empty = Map::new();
    let fits = |u: &Unknown<'_>| {
        let seen = Seen {
            class: u.file.class.rsplit('>').next().unwrap_or(""),
            config: u.config.unwrap_or(&empty),
            n_arguments: u.n_arguments,
            predicts_tokens,
            weights,
            beside: &beside,
        };
        SHIPPED.iter().find(|s| s.fits(&seen))
    };
    let mut refused = Vec::new();
    let mut has_shipped = false;
    for (name, layers) in &by_class {
        // One class computes one thing: all its layers must fit the same definition.
        let found = fits(layers[0]).filter(|first| {
            layers[1..].iter().all(|u| fits(u).is_some_and(|s| Arc::ptr_eq(s, first)))
        });
        match found {
            Some(shipped) if registry.assumes() => assume(&mut registry, name, shipped),
            found => {
                has_shipped |= found.is_some();
                refused.push(refusal(name, layers, found));
            }
        }
    }
    if refused.is_empty() {
        return Ok(registry);
    }
    let first = by_class.keys().next().copied().unwrap_or("");
    let assume = match has_shipped {
        true => "; --assume (Registry::assume) takes what is named above for granted",
        false => "",
    };
    let one = refused.len() == 1;
    let count = if one { "a class".to_string() } else { format!("{} classes", refused.len()) };
    Err(Error::Unsupported(format!(
        "the file has {count} of {} author's own, which cornu does not know: {}. {}{assume}",
        if one { "its" } else { "their" },
        refused.join("; "),
        sentence(&ways_out(first))
    )))
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |c| c.to_uppercase().chain(letters).collect())
}

/// Adds a shipped class under the name of a file, and tells what is assumed.
fn assume(registry: &mut Registry, name: &str, shipped: &Arc<Shipped>) {
    log::warn!(
        "class `{name}` is taken for that of {}; assumed: {}",
        shipped.of,
        shipped.assumes.join("; ")
    );
    let definition = Definition::Table(Arc::new(shipped.definition.clone()));
    add(registry, name, &definition, &Arc::from(shipped.of.as_str()));
}

/// What a refusal says of a class.
fn refusal(name: &str, layers: &[&Unknown<'_>], found: Option<&Arc<Shipped>>) -> String {
    let mut places: Vec<&str> = layers.iter().map(|u| u.place.as_str()).collect();
    let more = places.len().saturating_sub(MAX_PLACES);
    places.truncate(MAX_PLACES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let module = layers[0].file.module;
    let module = if module.is_empty() { String::new() } else { format!(" of module `{module}`") };
    let would = found.map_or(String::new(), |s| {
        format!(" (would be taken for that of {}, assuming: {})", s.of, s.assumes.join("; "))
    });
    format!("`{name}`{module} in {}{more}{would}", places.join(", "))
}

/// Finds the layers of unknown classes in a layer's config.
fn find<'a>(
    registry: &Registry,
    v: &'a Value,
    around: &str,
    depth: usize,
    found: &mut Vec<Unknown<'a>>,
) {
    let Some(file) = FileClass::of(v).filter(|_| depth < MAX_DEPTH) else { return };
    let config = v.get("config").and_then(Value::as_object);
    let name = v.get("name").or_else(|| config.and_then(|c| c.get("name"))).and_then(Value::as_str);
    let place = match (name, around) {
        (Some(name), "") => format!("layer `{name}`"),
        (Some(name), around) => format!("layer `{name}` of {around}"),
        (None, "") => format!("the layer of class `{}`", file.class),
        (None, around) => format!("a layer of {around}"),
    };
    if file.class != "InputLayer" && !registry.knows(&file) {
        found.push(Unknown { file, config, place, n_arguments: n_arguments(v) });
        return;
    }
    let inside = format!("`{}`", name.unwrap_or(file.class));
    let around = match (depth, around) {
        (0, _) => String::new(),
        (_, "") => inside,
        (_, around) => format!("{inside} in {around}"),
    };
    // Keras 1 and 2 wrote the layers of a Sequential as the config itself.
    let whole = v.get("config").filter(|c| c.is_array());
    let layers = whole.or_else(|| config.and_then(|c| c.get("layers")));
    for key in ["cells", "layer", "backward_layer", "cell"] {
        let inner = config.and_then(|c| c.get(key));
        let items = inner.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        items.iter().chain(inner).for_each(|l| find(registry, l, &around, depth + 1, found));
    }
    for layer in layers.and_then(Value::as_array).into_iter().flatten() {
        find(registry, layer, &around, depth + 1, found);
    }
}

/// Number of positional arguments of a layer's first call; 0 in files of Keras 2, which name them.
fn n_arguments(v: &Value) -> Option<usize> {
    let node = v.get("inbound_nodes")?.as_array()?.first()?;
    Some(node.get("args").and_then(Value::as_array).map_or(0, Vec::len))
}

/// True if an output has as many features as an embedding of the model has tokens.
fn predicts_tokens(config: &Value) -> bool {
    let (mut tokens, mut units) = (Vec::new(), Vec::new());
    gather(config, 0, &mut tokens, &mut units);
    units.iter().any(|u| tokens.contains(u))
}

fn gather(v: &Value, depth: usize, tokens: &mut Vec<u64>, units: &mut Vec<u64>) {
    let layers = v.pointer("/config/layers").or_else(|| v.get("config")).and_then(Value::as_array);
    for layer in layers.into_iter().flatten().filter(|_| depth < MAX_DEPTH) {
        let number = |key: &str| layer.get("config")?.get(key)?.as_u64();
        tokens.extend(number("vocab_size"));
        if layer.get("class_name").and_then(Value::as_str) == Some("Dense") {
            units.extend(number("units"));
        }
        gather(layer, depth + 1, tokens, units);
    }
}
