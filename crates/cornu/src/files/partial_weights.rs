//! Weights of a file for some of a model's layers.

use super::keras3_form::of_keras_3;
use super::kind::Kind;
use crate::legacy::Origin;
use crate::model::older_path;
use crate::saving::{Archive, Array, Group, H5File, NamedArrays, safetensors, sharded};
use crate::{Error, Model, Result};
use cornu_cpu::SlotId;
use cornu_ir::Tensor;
use std::path::Path;

/// How [`Model::load_weights_with`] takes weights from a file.
///
/// Source: `load_weights` of keras/src/models/model.py, Keras 3.15.1. Differs: `by_name` works for
/// every kind of file, not for legacy `.h5` alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadWeights {
    by_name: bool,
    skip_mismatch: bool,
}

impl LoadWeights {
    /// Returns options by which every layer must find its weights.
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds layers by their names; layers that the file does not have keep their weights.
    pub fn by_name(mut self, on: bool) -> Self {
        self.by_name = on;
        self
    }

    /// Leaves layers as they are whose weights in the file have other shapes or are missing.
    pub fn skip_mismatch(mut self, on: bool) -> Self {
        self.skip_mismatch = on;
        self
    }
}

/// The layers that took weights from a file, and those that did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadedWeights {
    /// Names of the layers that took their weights.
    pub loaded: Vec<String>,
    /// Names of the layers that kept their weights, with the reason.
    pub kept: Vec<(String, String)>,
}

/// The weights of a file.
enum Source {
    /// By groups, as `.keras` and `.weights.h5` hold them.
    Groups(Group),
    /// By paths.
    Named(NamedArrays),
    /// By layers, as legacy files list them.
    Layers(Vec<(String, NamedArrays)>, Origin),
}

/// Why a layer did not get its weights.
enum Misfit {
    /// The file has no such layer.
    Absent(String),
    /// The file has other weights for it.
    Other(String),
}

impl Source {
    fn read(path: &Path) -> Result<Self> {
        Ok(match Kind::of_file(path)? {
            Kind::Keras => Self::Groups(Archive::read(path)?.weights),
            Kind::Safetensors => Self::Named(safetensors::read(path)?),
            Kind::Shards => Self::Groups(sharded::read(path)?),
            Kind::Weights | Kind::H5 => match H5File::read(path)? {
                H5File::Weights(group) => Self::Groups(group),
                H5File::Legacy(legacy) => {
                    let origin = Origin::of_legacy(&legacy);
                    Self::Layers(legacy.layers, origin)
                }
            },
            Kind::Json => {
                let rule = "an architecture holds no weights";
                return Err(Error::argument("load_weights", rule, path.display()));
            }
        })
    }

    /// The group in which a file keeps the layer of a name: by what the group notes.
    fn group_named(root: &Group, name: &str) -> Option<String> {
        let layers = root.group("layers")?;
        let noted = |g: &Group| g.group("vars").and_then(|v| v.name.as_deref()) == Some(name);
        layers.groups.iter().find(|(_, g)| noted(g)).map(|(group, _)| format!("layers/{group}"))
    }
}

impl Model {
    /// Takes the weights of a file for the layers that find theirs, and tells which did.
    ///
    /// # Errors
    /// A file that cannot be read; a layer that does not find its weights, unless the options
    /// leave such layers as they are. No weight is changed then.
    ///
    /// ```
    /// use cornu::files::LoadWeights;
    /// use cornu::{Dense, Input, Model};
    /// let of = |units: usize, head: &str| -> cornu::Result<Model> {
    ///     let x = Input::new([3]);
    ///     let body = Dense::new(4).name("body").call(&x)?;
    ///     Model::new(&x, &Dense::new(units).name(head).call(&body)?)
    /// };
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("trained.weights.h5");
    /// of(2, "head")?.seed(7)?.save_weights(&path)?;
    /// let model = of(5, "new_head")?;
    /// let loaded = model.load_weights_with(&path, LoadWeights::new().by_name(true))?;
    /// assert_eq!(loaded.loaded, ["body"]);
    /// assert_eq!(loaded.kept[0].0, "new_head");
    /// assert!(model.load_weights(&path).is_err());
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn load_weights_with(
        &self,
        path: impl AsRef<Path>,
        options: LoadWeights,
    ) -> Result<LoadedWeights> {
        let source = Source::read(path.as_ref())?;
        if let (true, Source::Named(arrays)) = (options.by_name, &source)
            && arrays.iter().any(|(name, _)| name.starts_with("layers/"))
        {
            let rule = "by_name needs the names of layers, and this file holds paths of groups; \
                take the .keras or the .weights.h5";
            return Err(Error::argument("load_weights", rule, path.as_ref().display()));
        }
        let mut values: Vec<(SlotId, Tensor)> = Vec::new();
        let mut told = LoadedWeights::default();
        for (member, own) in self.legacy_order() {
            let name = self.graph().members[member].name.clone();
            match self.find_layer(&source, &name, member, &own, options.by_name)? {
                Ok(found) => {
                    values.extend(own.into_iter().map(SlotId).zip(found));
                    told.loaded.push(name);
                }
                Err(Misfit::Absent(why)) if options.by_name || options.skip_mismatch => {
                    told.kept.push((name, why));
                }
                Err(Misfit::Other(why)) if options.skip_mismatch => told.kept.push((name, why)),
                Err(Misfit::Absent(why) | Misfit::Other(why)) => {
                    return Err(Error::Config(format!("weights: layer `{name}`: {why}")));
                }
            }
        }
        let mut store = self.store().write();
        values.iter().for_each(|(slot, value)| store.replace(*slot, value));
        drop(store);
        Ok(told)
    }

    /// Number of weights that a file holds for a layer beyond those that the layer has.
    fn surplus(&self, source: &Source, name: &str, member: usize, by_name: bool) -> usize {
        let mine = self.graph().groups().into_iter().find(|(m, _)| *m == member);
        let mine = mine.map(|(_, group)| format!("layers/{group}")).unwrap_or_default();
        match source {
            Source::Layers(..) => 0,
            Source::Named(arrays) => {
                let within = [format!("{name}/"), format!("{mine}/")];
                let own = |n: &str| {
                    let variables = self.variables();
                    variables.iter().any(|v| {
                        v.path == n || v.places().any(|(g, i)| format!("{g}/vars/{i}") == n)
                    })
                };
                let of_layer = |n: &&(String, Array)| {
                    within.iter().any(|w| n.0.starts_with(w.as_str())) && !own(&n.0)
                };
                arrays.iter().filter(of_layer).count()
            }
            Source::Groups(root) => {
                let theirs = match by_name {
                    true => Source::group_named(root, name),
                    false => Some(mine.clone()),
                };
                let group = theirs.as_deref().and_then(|g| root.group(g));
                let held = group.map_or(0, |g| g.walk().len());
                let own = |v: &crate::model::Variable| {
                    let within = format!("{mine}/");
                    v.places().filter(|(g, _)| *g == mine || g.starts_with(&within)).count()
                };
                let known: usize =
                    self.variables().iter().filter(|v| v.spec.lora.is_none()).map(own).sum();
                held.saturating_sub(known)
            }
        }
    }

    /// The values that a file holds for a layer, whose weights have these numbers in the model.
    fn find_layer(
        &self,
        source: &Source,
        name: &str,
        member: usize,
        own: &[usize],
        by_name: bool,
    ) -> Result<Result<Vec<Tensor>, Misfit>> {
        let converted: Option<NamedArrays>;
        let found: Option<Vec<Option<&Array>>> = match source {
            Source::Layers(layers, origin) => {
                let listed = layers.iter().find(|(n, _)| n == name);
                converted = listed.map(|(_, arrays)| {
                    self.legacy_arrays(origin, name, own, arrays).unwrap_or_else(|_| arrays.clone())
                });
                converted.as_ref().map(|arrays| {
                    let mut all: Vec<_> = arrays.iter().map(|(_, a)| Some(a)).collect();
                    all.resize(own.len().max(all.len()), None);
                    all
                })
            }
            Source::Named(arrays) => {
                let of = |i: &usize| {
                    let (v, path) = (&self.variables()[*i], self.variables()[*i].file_path());
                    let by_path = |n: &str| n == v.path || (!by_name && n == path);
                    arrays.iter().find(|(n, _)| by_path(n)).map(|(_, a)| a)
                };
                let all: Vec<_> = own.iter().map(of).collect();
                all.iter().any(Option::is_some).then_some(all)
            }
            Source::Groups(root) => {
                let graph = self.graph();
                let mine = graph.groups().into_iter().find(|(m, _)| *m == member);
                let mine = mine.map(|(_, group)| format!("layers/{group}")).unwrap_or_default();
                let theirs = match by_name {
                    true => Source::group_named(root, name),
                    false => root.group(&mine).map(|_| mine.clone()),
                };
                theirs.map(|theirs| {
                    let of = |i: &usize| {
                        let path = self.variables()[*i].file_path();
                        let path = format!("{theirs}{}", path.strip_prefix(&mine).unwrap_or(""));
                        root.get(&path).or_else(|| root.get(&older_path(&path)))
                    };
                    own.iter().map(of).collect()
                })
            }
        };
        let Some(found) = found else {
            return Ok(Err(Misfit::Absent("the file has no weights for it".into())));
        };
        let arrays = found.iter().flatten().count() + self.surplus(source, name, member, by_name);
        let needed = own.iter().filter(|i| self.variables()[**i].spec.lora.is_none()).count();
        if arrays != needed || found.len() != own.len() {
            let why = format!("it has {needed} weights, the file {arrays}");
            return Ok(Err(Misfit::Other(why)));
        }
        let mut values = Vec::new();
        for (i, array) in own.iter().zip(found) {
            let v = &self.variables()[*i];
            match array {
                None => values.push(Tensor::zeros(v.spec.dtype(), &v.spec.shape)),
                Some(array) if array.shape() == v.spec.shape => {
                    let value = self.checked(v, &v.path, array)?;
                    let is_old = matches!(source, Source::Layers(_, o) if o.is_before_keras_3());
                    values.push(if is_old { value } else { of_keras_3(v, value) });
                }
                Some(array) => {
                    let (want, got) = (&v.spec.shape, array.shape());
                    let why = format!("`{}` has shape {want:?}, in the file {got:?}", v.path);
                    return Ok(Err(Misfit::Other(why)));
                }
            }
        }
        Ok(Ok(values))
    }
}
