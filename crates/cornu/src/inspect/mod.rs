//! Inspection of model files, also of models that cornu cannot run.

mod older;
mod text;

use crate::config::DTypePolicy;
use crate::layers::CLASSES;
use crate::lowering::Registry;
use crate::saving::{
    Archive, Array, FileError, Group, H5File, Legacy, NamedArrays, atomic, json, safetensors,
    sharded,
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
    /// Dtype policies of the file that cornu computes in float32.
    pub float32_for: Vec<String>,
    /// Legacy settings and how they are read.
    pub legacy: Vec<String>,
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
    let path = path.as_ref();
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("").to_lowercase();
    if name.ends_with(".keras") {
        return Ok(of_archive(Archive::read(path)?));
    }
    if name.ends_with(".safetensors") {
        let weights = safetensors::read(path)?
            .iter()
            .map(|(n, a)| StoredArray::new(n.clone(), a, None))
            .collect();
        return Ok(Inspection {
            kind: "weights alone (safetensors)",
            weights,
            ..Inspection::default()
        });
    }
    if name.ends_with(".weights.json") {
        return Ok(of_weights("weights alone, in shards", &sharded::read(path)?));
    }
    if name.ends_with(".json") {
        return Ok(of_config(&json::read(&atomic::read(path)?)?));
    }
    if name.ends_with(".h5") || name.ends_with(".hdf5") {
        return Ok(match H5File::read(path)? {
            H5File::Weights(g) => of_weights("weights alone (.weights.h5 of Keras 3)", &g),
            H5File::Legacy(l) => of_legacy(l),
        });
    }
    let rule =
        "a model file ends in .keras, .h5, .weights.h5, .weights.json, .safetensors or .json";
    Err(FileError::refused(rule, path.display().to_string(), "Rename it after what it holds.")
        .into())
}

fn of_archive(archive: Archive) -> Inspection {
    let mut found = of_config(&archive.config);
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
    found.refused = Model::from_archive(archive).err().map(|e| e.to_string());
    found
}

fn of_config(config: &Value) -> Inspection {
    let mut found =
        Inspection { kind: "an architecture alone (config.json)", ..Inspection::default() };
    found.model = Some(architecture(config));
    found.compiled = config.get("compile_config").and_then(compiled_with);
    policies(config, &mut found.float32_for);
    found.legacy = older::legacy_of_config(config);
    found.refused = Model::from_json(config).err().map(|e| e.to_string());
    found
}

/// Collects the dtype policies that cornu computes in float32, each once.
fn policies(config: &Value, found: &mut Vec<String>) {
    match config {
        Value::Object(members) => {
            let dtype = members.get("dtype").and_then(|d| DTypePolicy::from_json(d).ok());
            let name = dtype.as_ref().map_or("", DTypePolicy::name);
            if ["float16", "bfloat16"].iter().any(|reduced| name.ends_with(reduced))
                && !found.iter().any(|n| n == name)
            {
                found.push(name.into());
            }
            members.values().for_each(|v| policies(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| policies(v, found)),
        _ => {}
    }
}

fn of_weights(kind: &'static str, root: &Group) -> Inspection {
    let mut found = Inspection { kind, ..Inspection::default() };
    sort_arrays(root, &mut found);
    found
}

fn of_legacy(l: Legacy) -> Inspection {
    let arrays = |all: &NamedArrays| {
        all.iter().map(|(n, a)| StoredArray::new(n.clone(), a, None)).collect::<Vec<_>>()
    };
    let mut found = l.model_config.as_ref().map(of_config).unwrap_or_default();
    found.kind = if l.model_config.is_some() {
        "a whole model (legacy .h5)"
    } else {
        "weights alone (legacy .h5)"
    };
    found.keras_version = l.keras_version.clone();
    found.backend = l.backend.clone();
    found.compiled = l.training_config.as_ref().and_then(compiled_with);
    let model = l.model_config.as_ref().and_then(|_| {
        let model = Model::from_legacy(&l, &Registry::new());
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
