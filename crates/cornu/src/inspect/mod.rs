//! Inspection of model files, also of models that cornu cannot run.

mod older;
mod text;

use crate::files::{Kind, origin_of};
use crate::layers::CLASSES;
use crate::legacy::Origin;
use crate::lowering::Registry;
use crate::saving::{
    Archive, Array, Group, H5File, Legacy, NamedArrays, atomic, json, safetensors, sharded,
};
use crate::{Model, Result};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Report on a model file.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Inspection {
    /// Kind of the file.
    pub kind: &'static str,
    /// Version of Keras that wrote the file.
    pub keras_version: Option<String>,
    /// Backend of Keras that wrote the file.
    pub backend: Option<String>,
    /// Date of saving.
    pub saved: Option<String>,
    /// Architecture of the model.
    pub model: Option<Architecture>,
    /// Optimizer and loss of a compiled model.
    pub compiled: Option<CompiledWith>,
    /// Weights, in the file's order.
    pub weights: Vec<StoredArray>,
    /// Variables of the optimizer.
    pub optimizer: Vec<StoredArray>,
    /// Other arrays: states of metrics.
    pub others: Vec<StoredArray>,
    /// Files of layers, such as vocabularies, with their bytes.
    pub assets: Vec<(String, usize)>,
    /// Legacy settings and how they are read.
    pub legacy: Vec<String>,
    /// Legacy settings that have no effect.
    pub ignored: Vec<String>,
    /// Data sets that hold no numbers: no weights, and passed over.
    pub foreign: Vec<String>,
    /// Reason why cornu does not open the model; `None` if it does.
    pub refused: Option<String>,
}

/// Short description of an architecture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Architecture {
    /// Class of the model: `Functional` or `Sequential`.
    pub class: String,
    /// Name of the model.
    pub name: String,
    /// Number of layers of each class, including inner models and wrapped layers.
    pub classes: Vec<(String, usize)>,
    /// Classes that cornu does not know.
    pub unknown: Vec<String>,
}

/// Optimizer and loss of a compiled model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CompiledWith {
    /// Class of the optimizer.
    pub optimizer: String,
    /// Loss as it is in the file.
    pub loss: Value,
}

/// Array of a model file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredArray {
    /// Path or name of the array.
    pub path: String,
    /// Dims of the array.
    pub shape: Vec<usize>,
    /// Element type of the array.
    pub dtype: &'static str,
    /// Size of the array in bytes.
    pub bytes: usize,
    /// Layer to which the array belongs, or weight as which it is read.
    pub of: Option<String>,
}

impl StoredArray {
    fn new(path: String, a: &Array, of: Option<String>) -> Self {
        Self {
            path,
            shape: a.shape().to_vec(),
            dtype: a.dtype().name(),
            bytes: a.bytes().len(),
            of,
        }
    }
}

/// Inspects a `.keras`, `.h5`, `.weights.h5`, `.weights.json` (shards), `.safetensors` or
/// `config.json` file.
///
/// # Errors
/// The file cannot be read, or it exceeds a safety limit. A model that cornu cannot open is no
/// error: see [`Inspection::refused`].
///
/// ```
/// use cornu::inspect::inspect;
/// use cornu::{Dense, Input, Model};
/// # let dir = tempfile::tempdir().unwrap();
/// let x = Input::new([3]);
/// let model = Model::new(&x, &Dense::new(2).call(&x)?)?;
/// let path = dir.path().join("model.keras");
/// model.save(&path)?;
/// let report = inspect(&path)?;
/// assert_eq!((report.weights.len(), report.weights[0].shape.as_slice()), (2, &[3, 2][..]));
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn inspect(path: impl AsRef<Path>) -> Result<Inspection> {
    inspect_with(path, &Registry::new())
}

/// Inspects as [`inspect`], with the classes of a registry.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_with(path: impl AsRef<Path>, registry: &Registry) -> Result<Inspection> {
    let path = path.as_ref();
    Ok(match Kind::of_file(path)? {
        Kind::Keras => of_archive(Archive::read(path)?, registry),
        Kind::Safetensors => {
            let stored = |(n, a): &(String, Array)| StoredArray::new(n.clone(), a, None);
            let weights = safetensors::read(path)?.iter().map(stored).collect();
            let kind = "weights alone (safetensors)";
            Inspection { kind, weights, ..Inspection::default() }
        }
        Kind::Shards => of_weights("weights alone, in shards", &sharded::read(path)?),
        Kind::Json => {
            let config = json::read(&atomic::read(path)?)?;
            let origin = Origin::of_config(&config);
            let mut found = of_config(&config, &origin);
            found.keras_version = config["keras_version"].as_str().map(str::to_string);
            found.refused = Model::open_with(path, registry).err().map(|e| e.to_string());
            found
        }
        Kind::Weights | Kind::H5 => match H5File::read(path)? {
            H5File::Weights(g) => of_weights("weights alone (.weights.h5 of Keras 3)", &g),
            H5File::Legacy(l) => of_legacy(l, registry),
        },
    })
}

fn of_archive(archive: Archive, registry: &Registry) -> Inspection {
    let mut found = of_config(&archive.config, &origin_of(&archive));
    let text = |key: &str| archive.metadata.get(key).and_then(Value::as_str).map(str::to_string);
    found.kind = "a whole model (.keras)";
    found.keras_version = text("keras_version");
    found.saved = text("date_saved");
    sort_arrays(&archive.weights, &mut found);
    found.assets = archive.assets.iter().map(|(p, b)| (p.clone(), b.len())).collect();
    if found.keras_version.as_deref().is_some_and(|v| v.starts_with("2.")) {
        found.legacy.insert(
            0,
            "a .keras file of Keras 2: its weights have other paths, which are mapped".into(),
        );
    }
    found.refused = Model::from_archive_file(archive, registry).err().map(|e| e.to_string());
    found
}

fn of_config(config: &Value, origin: &Origin) -> Inspection {
    let kind = "an architecture alone (config.json)";
    let (legacy, ignored) = older::legacy_of_config(config, origin);
    Inspection {
        kind,
        model: Some(architecture(config)),
        compiled: config.get("compile_config").and_then(compiled_with),
        legacy,
        ignored,
        ..Inspection::default()
    }
}

fn of_weights(kind: &'static str, root: &Group) -> Inspection {
    let mut found = Inspection { kind, ..Inspection::default() };
    sort_arrays(root, &mut found);
    found
}

fn of_legacy(l: Legacy, registry: &Registry) -> Inspection {
    let arrays = |all: &NamedArrays| {
        all.iter().map(|(n, a)| StoredArray::new(n.clone(), a, None)).collect::<Vec<_>>()
    };
    let origin = Origin::of_legacy(&l);
    let mut found = l.model_config.as_ref().map(|c| of_config(c, &origin)).unwrap_or_default();
    found.kind = if l.model_config.is_some() {
        "a whole model (legacy .h5)"
    } else {
        "weights alone (legacy .h5)"
    };
    found.keras_version = l.keras_version.clone().or_else(|| Some(origin.text()));
    found.backend = l.backend.clone();
    found.compiled = l.training_config.as_ref().and_then(compiled_with);
    let model = l.model_config.as_ref().and_then(|_| {
        let model = Model::from_legacy_file(&l, registry);
        model.map_err(|e| found.refused = Some(e.to_string())).ok()
    });
    let mapped = model.as_ref().map(older::legacy_places).unwrap_or_default();
    for (layer, arrays) in &l.layers {
        let places = mapped
            .iter()
            .find(|(name, _)| name == layer)
            .map(|(_, p)| p.as_slice())
            .unwrap_or_default();
        for (i, (name, a)) in arrays.iter().enumerate() {
            let of =
                places.get(i).map_or_else(|| format!("layer {layer}"), |p| format!("read as {p}"));
            found.weights.push(StoredArray::new(name.clone(), a, Some(of)));
        }
    }
    found.others = arrays(&l.top_level);
    found.foreign = l.foreign.clone();
    found.optimizer = l.optimizer_weights.as_ref().map(arrays).unwrap_or_default();
    found.legacy.insert(
        0,
        "the format itself: .h5 with JSON in attributes and weights listed by \
        name; `cornu convert` makes a .keras of it"
            .into(),
    );
    found
}

/// Puts the arrays of a weights file where they belong: layers, optimizer, others.
fn sort_arrays(root: &Group, found: &mut Inspection) {
    for (path, array) in root.walk() {
        let group = path.rsplit_once('/').map_or("", |(g, _)| g);
        let owner = root.group(group).and_then(|g| g.name.clone());
        let list = match path.split('/').next() {
            Some("optimizer") => &mut found.optimizer,
            Some("metrics" | "loss_tracker" | "compile_metrics") => &mut found.others,
            _ => &mut found.weights,
        };
        list.push(StoredArray::new(path, array, owner));
    }
}

fn architecture(config: &Value) -> Architecture {
    let text = |v: Option<&Value>| v.and_then(Value::as_str).unwrap_or("").to_string();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    older::each_layer(config, &mut |v| {
        *counts.entry(text(v.get("class_name"))).or_default() += 1;
    });
    let known = |class: &str| {
        CLASSES.contains(&class)
            || ["InputLayer", "Functional", "Model", "Sequential"].contains(&class)
    };
    let unknown =
        counts.keys().filter(|c| !known(c) && !older::is_operation(config, c)).cloned().collect();
    Architecture {
        class: text(config.get("class_name")),
        name: text(config.pointer("/config/name")),
        classes: counts.into_iter().collect(),
        unknown,
    }
}

/// Reads a compile config, or the training config of a legacy file.
fn compiled_with(v: &Value) -> Option<CompiledWith> {
    let optimizer =
        v.get("optimizer").or_else(|| v.get("optimizer_config")).filter(|o| !o.is_null())?;
    let class = optimizer
        .as_str()
        .or_else(|| optimizer.get("class_name").and_then(Value::as_str))
        .unwrap_or("?");
    let class = class.rsplit('>').next().unwrap_or(class);
    Some(CompiledWith { optimizer: class.into(), loss: v.get("loss").cloned().unwrap_or_default() })
}

#[cfg(test)]
mod tests;
