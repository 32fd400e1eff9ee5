//! Legacy `.h5`: the whole model of Keras 2, tf.keras and Keras 3, or its weights alone.
//!
//! The config is JSON in an attribute; weights are listed by name for each layer, in the order
//! trainable, then the others.
//!
//! Source: `keras/src/legacy/saving/legacy_h5_format.py`, Keras 3.15.1.

use std::path::Path;

use serde_json::Value;

use super::{Array, Attribute, FileError, Group, atomic, hdf5_read, hdf5_write};

const CLASS_NAMES: &str = "class_names";
const TOP_LEVEL: &str = "top_level_model_weights";

/// Names an attribute of texts may hold: 16 bytes each, and an attribute ends at 64 kB.
const MAX_NAMES: usize = 3_000;

/// Arrays with the names the file lists them by, in its order.
pub type NamedArrays = Vec<(String, Array)>;

/// Content of a legacy `.h5` file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Legacy {
    /// The model's class and config; none in a file of weights alone.
    pub model_config: Option<Value>,
    /// Loss, metrics and optimizer of a compiled model.
    pub training_config: Option<Value>,
    /// The version of Keras that wrote it.
    pub keras_version: Option<String>,
    /// The backend that wrote it.
    pub backend: Option<String>,
    /// Names of the classes by output, which cornu writes and Keras passes over.
    pub class_names: Option<Box<Value>>,
    /// For each layer, in the model's order, its weights.
    pub layers: Vec<(String, NamedArrays)>,
    /// Weights of the model itself, outside its layers.
    pub top_level: NamedArrays,
    /// Paths of data sets that hold no numbers, with what they hold: no weights, passed over.
    pub foreign: Vec<String>,
    /// The optimizer's variables, iteration first.
    pub optimizer_weights: Option<NamedArrays>,
}

/// Content of an `.h5` file: weights of Keras 3, or a legacy file.
#[derive(Debug, Clone, PartialEq)]
pub enum H5File {
    /// `.weights.h5` of Keras 3.
    Weights(Group),
    /// A legacy file.
    Legacy(Legacy),
}

impl H5File {
    /// Reads an `.h5` file: weights of Keras 3, or a legacy file.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let bytes = atomic::read(path)?;
        Self::from_bytes(bytes).map_err(|error| error.within(path.display().to_string()))
    }

    /// Reads the bytes of an `.h5` file: weights of Keras 3, or a legacy file.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, FileError> {
        let root = hdf5_read::read(bytes)?;
        if is_legacy(&root) {
            Legacy::from_group(root).map(H5File::Legacy)
        } else {
            Ok(H5File::Weights(root))
        }
    }
}

/// Whether the tree has the marks of a legacy file.
fn is_legacy(root: &Group) -> bool {
    root.group("model_weights").is_some()
        || root.attribute("model_config").is_some()
        || root.attribute("layer_names").is_some()
        || root.attribute("layer_names0").is_some()
}

impl Legacy {
    /// Returns the content of a legacy file from the tree of its groups.
    pub fn from_group(mut root: Group) -> Result<Self, FileError> {
        let mut weights = root.take_group("model_weights");
        let optimizer = root.take_group("optimizer_weights");
        let mut legacy = Legacy {
            model_config: json_attribute(&root, "model_config")?,
            training_config: json_attribute(&root, "training_config")?,
            keras_version: text_attribute(&root, "keras_version"),
            backend: text_attribute(&root, "backend"),
            class_names: json_attribute(&root, CLASS_NAMES)?.map(Box::new),
            foreign: root.foreign(),
            ..Legacy::default()
        };
        legacy.foreign.extend(weights.iter().flat_map(Group::foreign));
        if weights.is_none() && legacy.model_config.is_none() {
            weights = Some(root);
        }
        let mut weights = weights.ok_or_else(|| {
            FileError::refused(
                "a whole model in .h5 has a group `model_weights`",
                "none",
                "Save the model again.",
            )
        })?;
        legacy.keras_version =
            legacy.keras_version.or_else(|| text_attribute(&weights, "keras_version"));
        legacy.backend = legacy.backend.or_else(|| text_attribute(&weights, "backend"));
        let layer_names = names(&weights, "layer_names")?;
        let mut layers = Vec::with_capacity(layer_names.len());
        for name in layer_names {
            let group = take_path(&mut weights, &name).ok_or_else(|| missing("layer", &name))?;
            let arrays = listed(group).map_err(|error| error.within(format!("layer `{name}`")))?;
            layers.push((name, arrays));
        }
        legacy.layers = layers;
        if let Some(group) = weights.take_group(TOP_LEVEL) {
            legacy.top_level = listed(group)?;
        }
        legacy.optimizer_weights = optimizer.map(listed).transpose()?;
        Ok(legacy)
    }

    /// Returns the bytes of a legacy file that Keras opens.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FileError> {
        let mut weights = Group::default();
        set_names(&mut weights, "layer_names", self.layers.iter().map(|(name, _)| name));
        set_text(&mut weights, "backend", self.backend.as_ref());
        set_text(&mut weights, "keras_version", self.keras_version.as_ref());
        for (name, arrays) in &self.layers {
            list(weights.group_mut(name), arrays)?;
        }
        list(weights.group_mut(TOP_LEVEL), &self.top_level)?;
        let Some(model_config) = &self.model_config else {
            return hdf5_write::write(&weights);
        };
        let mut root = Group::default();
        set_text(&mut root, "keras_version", self.keras_version.as_ref());
        set_text(&mut root, "backend", self.backend.as_ref());
        set_text(&mut root, "model_config", Some(&super::json::write(model_config)));
        let training_config = self.training_config.as_ref().map(super::json::write);
        set_text(&mut root, "training_config", training_config.as_ref());
        let class_names = self.class_names.as_deref().map(super::json::write);
        set_text(&mut root, CLASS_NAMES, class_names.as_ref());
        root.groups.push(("model_weights".to_owned(), weights));
        if let Some(arrays) = &self.optimizer_weights {
            list(root.group_mut("optimizer_weights"), arrays)?;
        }
        hdf5_write::write(&root)
    }

    /// Writes the file to `path`; it is never left incomplete.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let bytes = self.to_bytes().map_err(|error| error.within(path.display().to_string()))?;
        atomic::write(path, &bytes)
    }
}

/// Takes the group at a path; a layer's name may hold slashes.
fn take_path(root: &mut Group, path: &str) -> Option<Group> {
    match path.rsplit_once('/') {
        None => root.take_group(path),
        Some((parent, name)) => {
            root.group(parent)?;
            root.group_mut(parent).take_group(name)
        }
    }
}

/// The arrays that a group lists in its `weight_names`.
fn listed(mut group: Group) -> Result<NamedArrays, FileError> {
    names(&group, "weight_names")?
        .into_iter()
        .map(|name| {
            let array = group.take(&name).ok_or_else(|| not_there(&group, &name))?;
            Ok((name, array))
        })
        .collect()
}

/// The error of a weight that is listed and not there, or that is no array of numbers.
fn not_there(group: &Group, name: &str) -> FileError {
    let (parent, last) = name.rsplit_once('/').unwrap_or(("", name));
    let held = group.group(parent).and_then(|g| g.foreign.iter().find(|(n, _)| n == last));
    match held {
        Some((_, what)) => FileError::unsupported(
            format!("weight `{name}` as a data set of {what}"),
            "Weights are numbers: bool, int8 to uint64, float16, bfloat16, float32, float64.",
        ),
        None => missing("weight", name),
    }
}

fn list(group: &mut Group, arrays: &NamedArrays) -> Result<(), FileError> {
    set_names(group, "weight_names", arrays.iter().map(|(name, _)| name));
    for (name, array) in arrays {
        group.insert(name, array.clone())?;
    }
    Ok(())
}

fn missing(kind: &str, name: &str) -> FileError {
    FileError::refused(
        format!("each {kind} listed is in the file, once"),
        format!("no `{name}`"),
        "Save the model again, or copy it whole from its source.",
    )
}

/// A list of names, in one attribute or in several called `key0`, `key1`, …
fn names(group: &Group, key: &str) -> Result<Vec<String>, FileError> {
    let of = |attribute: &Attribute| match attribute {
        Attribute::Texts(texts) => texts.clone(),
        Attribute::Text(text) => vec![text.clone()],
    };
    if let Some(attribute) = group.attribute(key) {
        return Ok(of(attribute));
    }
    let mut all = Vec::new();
    let mut part = 0;
    while let Some(attribute) = group.attribute(&format!("{key}{part}")) {
        all.extend(of(attribute));
        part += 1;
    }
    if part == 0 {
        return Err(FileError::refused(
            format!("a legacy file lists its weights in `{key}`"),
            "no such attribute",
            "Save the model again.",
        ));
    }
    Ok(all)
}

fn set_names<'a>(group: &mut Group, key: &str, names: impl Iterator<Item = &'a String>) {
    let names: Vec<String> = names.cloned().collect();
    if names.len() <= MAX_NAMES {
        group.attributes.push((key.to_owned(), Attribute::Texts(names)));
        return;
    }
    for (part, chunk) in names.chunks(MAX_NAMES).enumerate() {
        group.attributes.push((format!("{key}{part}"), Attribute::Texts(chunk.to_vec())));
    }
}

fn set_text(group: &mut Group, key: &str, text: Option<&String>) {
    if let Some(text) = text {
        group.attributes.push((key.to_owned(), Attribute::Text(text.clone())));
    }
}

fn text_attribute(group: &Group, key: &str) -> Option<String> {
    match group.attribute(key)? {
        Attribute::Text(text) => Some(text.clone()),
        Attribute::Texts(_) => None,
    }
}

fn json_attribute(group: &Group, key: &str) -> Result<Option<Value>, FileError> {
    text_attribute(group, key)
        .map(|text| super::json::read(text.as_bytes()))
        .transpose()
        .map_err(|error| error.within(format!("`{key}`")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn small() -> Legacy {
        let kernel = Array::from_f32(&[1, 2], &[1.0, 2.0]).unwrap();
        Legacy {
            model_config: Some(json!({"class_name": "Sequential", "config": {"name": "é"}})),
            training_config: None,
            keras_version: Some("2.15.0".to_owned()),
            backend: Some("tensorflow".to_owned()),
            class_names: Some(Box::new(json!({"dense": ["run", "walk"]}))),
            layers: vec![
                ("schicht_ä".to_owned(), vec![("schicht_ä/lstm_cell/kernel:0".to_owned(), kernel)]),
                ("dropout".to_owned(), Vec::new()),
            ],
            top_level: Vec::new(),
            foreign: Vec::new(),
            optimizer_weights: Some(vec![("adam/iter:0".to_owned(), Array::i64_scalar(3))]),
        }
    }

    #[test]
    fn whole_models_come_back() {
        let bytes = small().to_bytes().unwrap();
        assert_eq!(H5File::from_bytes(bytes).unwrap(), H5File::Legacy(small()));
    }

    #[test]
    fn weights_alone_come_back() {
        let weights =
            Legacy { model_config: None, optimizer_weights: None, class_names: None, ..small() };
        let bytes = weights.to_bytes().unwrap();
        assert_eq!(H5File::from_bytes(bytes).unwrap(), H5File::Legacy(weights));
    }

    #[test]
    fn many_names_are_split_over_attributes() {
        let legacy = Legacy {
            layers: (0..7_000).map(|index| (format!("d{index}"), Vec::new())).collect(),
            ..small()
        };
        let bytes = legacy.to_bytes().unwrap();
        assert_eq!(H5File::from_bytes(bytes).unwrap(), H5File::Legacy(legacy));
    }

    #[test]
    fn a_weight_listed_but_missing_is_named() {
        let mut root = Group::default();
        set_names(&mut root, "layer_names", ["d".to_owned()].iter());
        set_names(root.group_mut("d"), "weight_names", ["d/kernel".to_owned()].iter());
        let error = Legacy::from_group(root).unwrap_err().to_string();
        assert!(error.contains("d/kernel"), "{error}");
    }
}
