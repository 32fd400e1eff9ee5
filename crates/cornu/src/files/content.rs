//! What a model file holds, in the words of Keras 3.

use super::kind::Kind;
use super::legacy_compile::compile_config;
use crate::legacy::{Notes, Origin, translated};
use crate::saving::{Archive, H5File, Legacy, atomic, json};
use crate::{Error, Result};
use serde_json::Value;
use std::path::Path;

/// What a model file holds, in the words of Keras 3, and the Keras that wrote it.
pub(super) enum Content {
    Archive(Archive),
    Legacy(Legacy, Origin),
    Config(Value),
}

/// Reads a model file and makes a model of what it holds. Errors name the file.
pub(super) fn read<M>(path: &Path, make: impl FnOnce(Content) -> Result<M>) -> Result<M> {
    let here = |e: Error| match e {
        Error::Config(m) => Error::Config(format!("{}: {m}", path.display())),
        Error::Unsupported(m) => Error::Unsupported(format!("{}: {m}", path.display())),
        other => other,
    };
    let made = content(path).and_then(|content| {
        let written_by = content.written_by();
        make(content).map_err(|e| with_writer(e, written_by.as_deref()))
    });
    made.map_err(here)
}

impl Content {
    /// The Keras that wrote it, if it is an older one.
    fn written_by(&self) -> Option<String> {
        let origin = match self {
            Content::Archive(archive) => origin_of(archive),
            Content::Legacy(_, origin) => origin.clone(),
            Content::Config(config) => Origin::of_config(config),
        };
        origin.is_before_keras_3().then(|| origin.text())
    }
}

/// An error of what cornu does not support, with the older Keras that wrote the file.
fn with_writer(e: Error, writer: Option<&str>) -> Error {
    match (e, writer) {
        (Error::Unsupported(m), Some(writer)) => {
            Error::Unsupported(format!("written by {writer}: {m}"))
        }
        (other, _) => other,
    }
}

fn content(path: &Path) -> Result<Content> {
    Ok(match Kind::of_file(path)? {
        Kind::Keras => Content::Archive(of_today(Archive::read(path)?)?),
        Kind::H5 | Kind::Weights => match H5File::read(path)? {
            H5File::Legacy(legacy) => {
                let (legacy, origin) = legacy_of_today(legacy)?;
                Content::Legacy(legacy, origin)
            }
            H5File::Weights(_) => {
                let message = "the file holds weights alone; give the model too (--weights)";
                return Err(Error::Config(message.into()));
            }
        },
        Kind::Json => {
            let config = json::read(&atomic::read(path)?)?;
            Content::Config(in_words_of_keras_3(&config, &Origin::of_config(&config))?)
        }
        Kind::Shards | Kind::Safetensors => {
            let message = "the file holds weights alone; a model is a .keras file, a legacy .h5 or \
                a config.json";
            return Err(Error::Config(message.into()));
        }
    })
}

/// The Keras that wrote an archive.
pub(crate) fn origin_of(archive: &Archive) -> Origin {
    let version = archive.metadata.get("keras_version").and_then(Value::as_str);
    Origin::of(version, None, Some(&archive.config))
}

/// An archive with its config as Keras 3 writes it.
pub(super) fn of_today(archive: Archive) -> Result<Archive> {
    let origin = origin_of(&archive);
    let mut config = in_words_of_keras_3(&archive.config, &origin)?;
    if let Some(training) = config.get("compile_config").filter(|_| origin.is_before_keras_3()) {
        let mut notes = Notes::default();
        // Settings that cannot be read are reported where the model is compiled.
        if let Ok(today) = compile_config(training, &origin, &mut notes) {
            config["compile_config"] = today;
        }
        notes.warn();
    }
    Ok(Archive { config, ..archive })
}

/// A legacy file with its config as Keras 3 writes it, and the Keras that wrote it.
pub(super) fn legacy_of_today(mut legacy: Legacy) -> Result<(Legacy, Origin)> {
    let origin = Origin::of_legacy(&legacy);
    if let Some(config) = &legacy.model_config {
        legacy.model_config = Some(in_words_of_keras_3(config, &origin)?);
    }
    Ok((legacy, origin))
}

/// A model's config as Keras 3 writes it; what is in it and nothing heeds is warned of.
fn in_words_of_keras_3(config: &Value, origin: &Origin) -> Result<Value> {
    let by = |e: Error| with_writer(e, Some(&origin.text()));
    let (config, notes) = translated(config, origin).map_err(by)?;
    notes.warn();
    Ok(config.into_owned())
}
