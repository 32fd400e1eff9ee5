//! Models from files and into files.

use super::content::{Content, legacy_of_today, of_today, origin_of, read};
use crate::extension::for_file;
use crate::legacy::Origin;
use crate::lowering::{LayerRef, Registry};
use crate::model::CLASS_NAMES;
use crate::saving::{Archive, Group, Legacy};
use crate::training::{CompiledModel, ModelRef};
use crate::{Error, Model, Result};
use serde_json::Value;
use std::ops::Deref;
use std::path::Path;

/// Model from a file, compiled if the file holds compile settings. It derefs to the model.
pub enum Opened {
    /// A model, from a file without compile settings.
    Model(Model),
    /// A compiled model, from a file with compile settings.
    Compiled(Box<CompiledModel>),
}

/// What a file is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// A model, compiled where its settings can be read.
    Model,
    /// A compiled model.
    Compiled,
}

impl Deref for Opened {
    type Target = Model;

    fn deref(&self) -> &Model {
        match self {
            Opened::Model(model) => model,
            Opened::Compiled(compiled) => compiled,
        }
    }
}

impl<'a> From<&'a Opened> for ModelRef<'a> {
    fn from(opened: &'a Opened) -> Self {
        match opened {
            Opened::Model(model) => model.into(),
            Opened::Compiled(compiled) => (&**compiled).into(),
        }
    }
}

impl Opened {
    /// Opens a `.keras` file, a legacy `.h5` or a `config.json`. For the last, weights are
    /// initialized from seed 0.
    ///
    /// # Errors
    /// The file is not a model that cornu can read, or it exceeds a safety limit; the message says
    /// which.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Self::read_with(path, &Registry::new())
    }

    /// Opens a model file with the classes of a registry. Compile settings of classes that it does
    /// not have leave the model uncompiled, with a warning.
    ///
    /// # Errors
    /// As [`Opened::read`].
    pub fn read_with(path: impl AsRef<Path>, registry: &Registry) -> Result<Self> {
        Self::read_for(path.as_ref(), registry, Need::Model)
    }

    fn read_for(path: &Path, registry: &Registry, need: Need) -> Result<Self> {
        read(path, |content| match content {
            Content::Archive(archive) => Self::from_archive_for(archive, registry, need),
            Content::Legacy(legacy, origin) => Self::from_legacy(&legacy, &origin, registry),
            Content::Config(config) => {
                Self::compiled(Model::from_json_with(&config, registry)?, &config, registry, need)
            }
        })
    }

    /// Returns the model of an archive: architecture, weights, compile settings, state of the
    /// optimizer.
    ///
    /// # Errors
    /// As [`Opened::read`].
    pub fn from_archive(archive: Archive) -> Result<Self> {
        Self::from_archive_for(of_today(archive)?, &Registry::new(), Need::Model)
    }

    fn from_archive_for(archive: Archive, registry: &Registry, need: Need) -> Result<Self> {
        let state = archive.weights.group("optimizer").cloned();
        let (config, origin) = (archive.config.clone(), origin_of(&archive));
        let model = Model::from_archive_with(archive, registry)?;
        let opened = Self::compiled(model, &config, registry, need)?;
        if let (Opened::Compiled(compiled), Some(state)) = (&opened, state) {
            if !origin.is_before_keras_3() {
                compiled.read_optimizer_state(&state)?;
            } else if !compiled.read_optimizer_of_keras_2(&state)? {
                log::warn!(
                    "the state of the optimizer is not taken from the file, for it is of another \
                     form: the optimizer starts anew"
                );
            }
        }
        Ok(opened)
    }

    fn from_legacy(legacy: &Legacy, origin: &Origin, registry: &Registry) -> Result<Self> {
        let model = Model::from_legacy(legacy, origin, registry)?;
        Ok(match CompiledModel::from_legacy(&model, legacy, origin, registry) {
            Some(compiled) => Opened::Compiled(Box::new(compiled)),
            None => Opened::Model(model),
        })
    }

    /// The model compiled with the settings beside its config, if there are some.
    fn compiled(model: Model, config: &Value, registry: &Registry, need: Need) -> Result<Self> {
        let settings = config
            .get("compile_config")
            .filter(|c| c.as_object().is_some_and(|c| !c.is_empty()))
            .filter(|c| c.get("optimizer").is_none_or(|o| !o.is_null()));
        Ok(match settings {
            Some(c) => match CompiledModel::from_config(model.clone(), c, registry.classes()) {
                Ok(compiled) => Opened::Compiled(Box::new(compiled)),
                Err(e) if e.is_unsupported() && need == Need::Model => {
                    log::warn!(
                        "the model's compile settings are not taken, so it predicts but must be \
                         compiled anew to be trained or evaluated: {e}"
                    );
                    Opened::Model(model)
                }
                Err(e) => return Err(e),
            },
            None => Opened::Model(model),
        })
    }

    /// Returns the model as a Keras archive; see [`CompiledModel::to_archive`].
    ///
    /// # Errors
    /// Weights of a type that files cannot hold.
    pub fn to_archive(&self) -> Result<Archive> {
        match self {
            Opened::Model(model) => model.to_archive(),
            Opened::Compiled(compiled) => compiled.to_archive(),
        }
    }

    /// Saves the model as a `.keras` file; see [`Model::save`].
    ///
    /// # Errors
    /// As [`Model::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save(path.as_ref(), || self.to_archive())
    }

    /// Returns the compiled model.
    ///
    /// # Errors
    /// The file held no compile settings.
    pub fn into_compiled(self) -> Result<CompiledModel> {
        match self {
            Opened::Compiled(compiled) => Ok(*compiled),
            Opened::Model(model) => Err(Error::argument(
                format!("model `{}`", model.as_layer().shown_name()),
                "it must be compiled (optimizer, loss) before it is trained or evaluated",
                "a model that is not compiled",
            )),
        }
    }
}

impl Model {
    /// Opens the model of a `.keras` file, a legacy `.h5` or a `config.json`, without its compile
    /// settings; see [`CompiledModel::open`] for those.
    ///
    /// # Errors
    /// The file is not a model that cornu can read, or it exceeds a safety limit; the message says
    /// which.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &Registry::new())
    }

    /// Opens a model file with the classes of a registry, which may include your own layers and
    /// other classes.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn open_with(path: impl AsRef<Path>, registry: &Registry) -> Result<Self> {
        read(path.as_ref(), |content| match content {
            Content::Archive(archive) => Self::from_archive_with(archive, registry),
            Content::Legacy(legacy, origin) => Self::from_legacy(&legacy, &origin, registry),
            Content::Config(config) => Self::from_json_with(&config, registry),
        })
    }

    /// Returns the model of an archive: architecture and weights.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn from_archive(archive: Archive) -> Result<Self> {
        Self::from_archive_with(of_today(archive)?, &Registry::new())
    }

    pub(crate) fn from_archive_with(archive: Archive, registry: &Registry) -> Result<Self> {
        let registry = for_file(registry, &archive.config, Some(&archive.weights))?;
        let layer = LayerRef::from_json(&archive.config, &registry)?;
        let model = Self::blank(layer, archive.assets)?;
        model.adopt_vocabularies(&archive.weights)?;
        model.read_weights(&archive.weights)?;
        if let Some(names) = archive.metadata.get(CLASS_NAMES) {
            model.read_class_names(names)?;
        }
        Ok(model)
    }

    /// The model of a legacy file as it was read.
    pub(crate) fn from_legacy_file(legacy: &Legacy, registry: &Registry) -> Result<Self> {
        let (legacy, origin) = legacy_of_today(legacy.clone())?;
        Self::from_legacy(&legacy, &origin, registry)
    }

    /// The model of an archive as it was read.
    pub(crate) fn from_archive_file(archive: Archive, registry: &Registry) -> Result<Self> {
        Self::from_archive_with(of_today(archive)?, registry)
    }

    pub(crate) fn from_legacy(
        legacy: &Legacy,
        origin: &Origin,
        registry: &Registry,
    ) -> Result<Self> {
        let config = legacy.model_config.as_ref().ok_or_else(|| {
            Error::Config("the file holds weights alone; give the model too (--weights)".into())
        })?;
        let registry = for_file(registry, config, None)?;
        let model = Self::blank(LayerRef::from_json(config, &registry)?, vec![])?;
        model.read_legacy_weights(origin, &legacy.layers)?;
        if let Some(names) = &legacy.class_names {
            model.read_class_names(names)?;
        }
        Ok(model)
    }

    /// Returns the model as a Keras archive.
    ///
    /// # Errors
    /// Weights of a type that files cannot hold.
    pub fn to_archive(&self) -> Result<Archive> {
        self.archive_of(self.write_weights()?)
    }

    /// An archive of the architecture and what stands beside it, with these weights.
    fn archive_of(&self, weights: Group) -> Result<Archive> {
        let (mut config, mut weights) = (self.to_json(), weights);
        self.rewrite_for_keras_3(&mut config, &mut weights)?;
        let mut archive = Archive::new(config, weights);
        archive.assets = self.assets()?;
        if let Some(names) = self.class_names_json() {
            archive.metadata[CLASS_NAMES] = names;
        }
        Ok(archive)
    }

    /// Saves the model as a `.keras` file. It is written to a temporary name and renamed, so an old
    /// file is kept until the new one is complete.
    ///
    /// # Errors
    /// An extension other than `.keras`; a file that cannot be written.
    ///
    /// ```
    /// use cornu::{Dense, Input, Model};
    /// # let dir = tempfile::tempdir().unwrap();
    /// let x = Input::new([3]);
    /// let model = Model::new(&x, &Dense::new(2).call(&x)?)?;
    /// let path = dir.path().join("model.keras");
    /// model.save(&path)?;
    /// assert_eq!(Model::open(&path)?.weights(), model.weights());
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save(path.as_ref(), || self.to_archive())
    }
}

impl CompiledModel {
    /// Opens the compiled model of a `.keras` file, a legacy `.h5` or a `config.json`, with the
    /// state of its optimizer.
    ///
    /// # Errors
    /// As [`Model::open`]; a file without compile settings.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &Registry::new())
    }

    /// Opens a compiled model with the classes of a registry; see [`Model::open_with`].
    ///
    /// # Errors
    /// As [`CompiledModel::open`].
    pub fn open_with(path: impl AsRef<Path>, registry: &Registry) -> Result<Self> {
        Opened::read_for(path.as_ref(), registry, Need::Compiled)?.into_compiled()
    }

    /// Returns the model as a Keras archive, with compile settings and the state of the optimizer.
    ///
    /// # Errors
    /// Weights of a type that files cannot hold.
    pub fn to_archive(&self) -> Result<Archive> {
        let (weights, state) = self.values();
        let mut archive = self.archive_of(self.write_values(&weights)?)?;
        archive.config["compile_config"] = self.compile_config(&state);
        self.write_optimizer_state(&state, &mut archive.weights)?;
        Ok(archive)
    }

    /// Saves the model as a `.keras` file with compile settings and the state of the optimizer; see
    /// [`Model::save`].
    ///
    /// # Errors
    /// As [`Model::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save(path.as_ref(), || self.to_archive())
    }
}

fn save(path: &Path, archive: impl FnOnce() -> Result<Archive>) -> Result<()> {
    if path.extension().is_none_or(|e| e != "keras") {
        let rule = "a model is saved as a .keras file";
        return Err(Error::argument("save", rule, path.display()));
    }
    Ok(archive()?.write(path)?)
}
