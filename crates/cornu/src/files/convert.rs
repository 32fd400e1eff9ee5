//! From one kind of model file to another.

use super::kind::Kind;
use super::open::Opened;
use super::weights::metadata;
use crate::lowering::Registry;
use crate::saving::{Group, H5File, NamedArrays, atomic, hdf5_write, json, safetensors, sharded};
use crate::{Error, Result};
use std::path::Path;

/// Converts a model file to another format; the extensions give the formats.
///
/// A whole model (`.keras`, legacy `.h5`, `config.json`) becomes a `.keras`, its weights
/// (`.weights.h5`, `.safetensors`) or its `.json`. Weights alone become weights of the other kind,
/// or with the architecture of `model` a `.keras`.
///
/// # Errors
/// A file that cannot be read, an extension that cannot be written, weights without the model that
/// they need.
///
/// ```
/// use cornu::files::convert;
/// use cornu::{Dense, Input, Model};
/// # let dir = tempfile::tempdir().unwrap();
/// let x = Input::new([3]);
/// let model = Model::new(&x, &Dense::new(2).call(&x)?)?;
/// let [from, to] = ["model.keras", "model.weights.h5"].map(|name| dir.path().join(name));
/// model.save(&from)?;
/// convert(&from, &to, None)?;
/// model.load_weights(&to)?;
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn convert(from: &Path, to: &Path, model: Option<&Path>) -> Result<()> {
    convert_with(from, to, model, &Registry::new())
}

/// Converts as [`convert`], with the classes of a registry.
///
/// # Errors
/// As [`convert`].
pub fn convert_with(
    from: &Path,
    to: &Path,
    model: Option<&Path>,
    registry: &Registry,
) -> Result<()> {
    let (kind, wanted) = (Kind::of_file(from)?, Kind::of(to)?);
    if matches!(wanted, Kind::H5 | Kind::Shards) {
        let message =
            format!("{}: cornu writes .keras, .weights.h5, .safetensors and .json", to.display());
        return Err(Error::Unsupported(message));
    }
    let holds_weights_alone = match kind {
        Kind::Shards | Kind::Safetensors => true,
        Kind::H5 | Kind::Weights => match H5File::read(from)? {
            H5File::Weights(_) => true,
            H5File::Legacy(legacy) => legacy.model_config.is_none(),
        },
        _ => false,
    };
    let whole = match (holds_weights_alone, model) {
        (false, _) => Opened::read_with(from, registry)?,
        (true, Some(path)) => {
            let opened = Opened::read_with(path, registry)?;
            opened.load_weights(from)?;
            opened
        }
        (true, None) if matches!(wanted, Kind::Weights | Kind::Safetensors) => {
            return convert_weights(from, kind, to, wanted);
        }
        (true, None) => {
            let rule = "weights alone are no model; give the model they belong to (--model)";
            return Err(Error::argument("convert", rule, from.display()));
        }
    };
    match wanted {
        Kind::Keras => whole.save(to),
        Kind::Json => Ok(atomic::write(to, json::write(&whole.to_archive()?.config).as_bytes())?),
        _ => whole.save_weights(to),
    }
}

/// From weights to weights of another kind, under the paths of Keras's weights files.
fn convert_weights(from: &Path, kind: Kind, to: &Path, wanted: Kind) -> Result<()> {
    let root = match kind {
        Kind::Safetensors => {
            let mut root = Group::default();
            for (name, array) in safetensors::read(from)? {
                if !name.starts_with("layers/") || !name.contains("/vars/") {
                    let rule = "its names must be paths of a weights file \
                        (`layers/lstm/cell/vars/0`); give the model (--model) for other names";
                    return Err(Error::argument("convert", rule, format!("`{name}`")));
                }
                root.insert(&name, array)?;
            }
            root
        }
        Kind::Shards => sharded::read(from)?,
        _ => match H5File::read(from)? {
            H5File::Weights(root) => root,
            H5File::Legacy(_) => {
                return Err(Error::argument(
                    "convert",
                    "legacy weights are listed by layer; give the model (--model)",
                    from.display(),
                ));
            }
        },
    };
    match wanted {
        Kind::Safetensors => {
            let arrays: NamedArrays = root
                .walk()
                .into_iter()
                .filter(|(p, _)| p.starts_with("layers/"))
                .map(|(p, a)| (p, a.clone()))
                .collect();
            Ok(safetensors::write(to, &arrays, &metadata())?)
        }
        _ => Ok(hdf5_write::save(to, &root)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dense, Input, Lstm, Model};
    use cornu_ir::Tensor;

    fn small(seed: u64) -> Model {
        let inputs = Input::new([4, 2]);
        let x = Lstm::new(3).call(&inputs).unwrap();
        Model::new(&inputs, &Dense::new(1).call(&x).unwrap()).unwrap().seed(seed).unwrap()
    }

    fn weights(m: &Model) -> Vec<Tensor> {
        m.tensors()
    }

    #[test]
    fn weights_go_around_all_kinds() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let model = small(1);
        model.save(at("a.keras")).unwrap();
        let steps = [
            ("a.keras", "b.safetensors"),
            ("b.safetensors", "c.weights.h5"),
            ("c.weights.h5", "d.safetensors"),
            ("a.keras", "e.json"),
            ("a.keras", "f.keras"),
        ];
        for (from, to) in steps {
            convert(&at(from), &at(to), None).unwrap();
        }
        convert(&at("d.safetensors"), &at("g.keras"), Some(&at("e.json"))).unwrap();
        assert_eq!(weights(&Model::open(at("g.keras")).unwrap()), weights(&model));
        for name in ["b.safetensors", "c.weights.h5", "f.keras"] {
            let other = small(2);
            assert_ne!(weights(&other), weights(&model));
            other.load_weights(at(name)).unwrap();
            assert_eq!(weights(&other), weights(&model), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        small(1).save_weights(at("a.weights.h5")).unwrap();
        let alone = convert(&at("a.weights.h5"), &at("b.keras"), None).unwrap_err().to_string();
        assert!(alone.contains("--model"), "{alone}");
        assert!(convert(&at("a.weights.h5"), &at("b.h5"), None).unwrap_err().is_unsupported());
        assert!(convert(&at("a.txt"), &at("b.keras"), None).is_err());
        assert!(!at("b.keras").exists());
    }
}
