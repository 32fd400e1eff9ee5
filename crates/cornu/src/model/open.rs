//! Models from files and into files.

use super::model::Model;
use crate::layers::{LayerRef, Registry};
use crate::saving::{Archive, H5File, atomic};
use crate::{Error, Result};
use serde_json::Value;
use std::path::Path;

impl Model {
    /// Opens a `.keras` file, a legacy `.h5` or a `config.json`; the last has first weights from
    /// seed 0.
    ///
    /// # Errors
    /// The file is not a model cornu reads, or breaks a limit kept for safety; the message says
    /// which.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let here = |e: Error| match e {
            Error::Config(m) => Error::Config(format!("{}: {m}", path.display())),
            Error::Unsupported(m) => Error::Unsupported(format!("{}: {m}", path.display())),
            other => other,
        };
        match path.extension().and_then(|e| e.to_str()) {
            Some("keras") => Self::from_archive(Archive::read(path)?).map_err(here),
            Some("h5" | "hdf5") => match H5File::read(path)? {
                H5File::Legacy(l) => Self::from_legacy(&l).map_err(here),
                H5File::Weights(_) => Err(Error::Config(format!(
                    "{}: the file holds weights alone; give the model too (--weights)",
                    path.display()
                ))),
            },
            Some("json") => {
                let bytes = atomic::read(path)?;
                let v: Value = serde_json::from_slice(&bytes)
                    .map_err(|e| Error::Config(format!("{}: {e}", path.display())))?;
                let mut model = Self::from_json(&v).map_err(here)?;
                model.compile_from_json(&v).map_err(here)?;
                Ok(model)
            }
            other => Err(Error::Config(format!(
                "{}: a model is a .keras file, a legacy .h5 or a config.json. Received: {}",
                path.display(),
                other.unwrap_or("no ending")
            ))),
        }
    }

    /// The model of an archive: architecture, weights, compile settings, state of the optimizer.
    pub fn from_archive(archive: Archive) -> Result<Self> {
        let mut model = Self::blank(LayerRef::from_json(&archive.config, &Registry::builtin())?)?;
        model.assets = archive.assets;
        model.adopt_vocabularies(&archive.weights)?;
        model.read_weights(&archive.weights)?;
        model.compile_from_json(&archive.config)?;
        if let Some(state) = archive.weights.group("optimizer") {
            model.read_optimizer_state(state)?;
        }
        Ok(model)
    }

    pub(crate) fn from_legacy(l: &crate::saving::Legacy) -> Result<Self> {
        let config = l.model_config.as_ref().ok_or_else(|| {
            Error::Config("the file holds weights alone; give the model too (--weights)".into())
        })?;
        let mut model = Self::blank(LayerRef::from_json(config, &Registry::builtin())?)?;
        model.read_legacy_weights(&l.layers)?;
        model.compile_from_legacy(l);
        Ok(model)
    }

    /// The model as an archive, as Keras writes it.
    pub fn to_archive(&self) -> Result<Archive> {
        let mut config = self.to_json();
        if let Some(c) = self.compile_config() {
            config["compile_config"] = c;
        }
        let mut weights = self.write_weights()?;
        self.write_optimizer_state(&mut weights)?;
        let mut archive = Archive::new(config, weights);
        archive.assets = self.assets()?;
        Ok(archive)
    }

    /// Saves the model as a `.keras` file, written beside and renamed: an old file stays whole
    /// until the new one is.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if path.extension().is_none_or(|e| e != "keras") {
            return Err(Error::argument(
                "save",
                "a model is saved as a .keras file",
                path.display(),
            ));
        }
        Ok(self.to_archive()?.write(path)?)
    }
}
