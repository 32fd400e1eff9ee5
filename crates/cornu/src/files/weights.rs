//! Weights alone: `.weights.h5`, shards, `.safetensors`.

use super::content::origin_of;
use super::keras3_form::{in_keras_3, of_keras_3};
use super::kind::Kind;
use crate::legacy::Origin;
use crate::model::{to_file_array, to_tensor};
use crate::saving::{Archive, ArrayType, H5File, NamedArrays, hdf5_write, safetensors, sharded};
use crate::{Error, Model, Result};
use cornu_ir::Tensor;
use std::path::Path;

pub(super) fn metadata() -> Vec<(String, String)> {
    vec![("format".into(), "keras".into())]
}

impl Model {
    /// Loads the weights of a file with the same architecture: `.weights.h5`, `.weights.json`
    /// (shards), `.safetensors`, `.keras` or legacy `.h5`.
    ///
    /// In `.safetensors` a weight is named by its path in a weights file
    /// (`layers/lstm/cell/vars/0`) or by its name (`lstm/lstm_cell/kernel`).
    ///
    /// ```
    /// use cornu::{Dense, Input, Model};
    /// # let dir = tempfile::tempdir().unwrap();
    /// let x = Input::new([3]);
    /// let model = Model::new(&x, &Dense::new(2).call(&x)?)?;
    /// let path = dir.path().join("model.weights.h5");
    /// model.save_weights(&path)?;
    /// let other = Model::new(&x, &Dense::new(2).call(&x)?)?;
    /// other.load_weights(&path)?;
    /// assert_eq!(other.weights(), model.weights());
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn load_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        match Kind::of_file(path)? {
            Kind::Keras => {
                let mut archive = Archive::read(path)?;
                let origin = origin_of(&archive);
                self.read_weights_of(&mut archive.weights, &origin)
            }
            Kind::Safetensors => self.read_named_weights(&safetensors::read(path)?),
            Kind::Shards => self.read_weights_of(&mut sharded::read(path)?, &Origin::keras_3()),
            Kind::Weights | Kind::H5 => match H5File::read(path)? {
                H5File::Weights(mut g) => self.read_weights_of(&mut g, &Origin::keras_3()),
                H5File::Legacy(l) => self.read_legacy_weights(&Origin::of_legacy(&l), &l.layers),
            },
            Kind::Json => Err(Error::argument(
                "load_weights",
                "an architecture holds no weights",
                path.display(),
            )),
        }
    }

    /// Saves the weights alone, as `.weights.h5` or `.safetensors`.
    pub fn save_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        match Kind::of(path)? {
            Kind::Weights => {
                let mut weights = self.write_weights()?;
                self.scale_for_keras_3(&mut weights)?;
                Ok(hdf5_write::save(path, &weights)?)
            }
            Kind::Safetensors => Ok(safetensors::write(path, &self.named_weights()?, &metadata())?),
            _ => Err(Error::argument(
                "save_weights",
                "weights are saved as .weights.h5 or .safetensors",
                path.display(),
            )),
        }
    }

    /// The weights under their paths in a weights file.
    fn named_weights(&self) -> Result<NamedArrays> {
        let float = ArrayType::from_name(self.as_layer().policy().variable_name())
            .unwrap_or(ArrayType::F32);
        self.variables()
            .iter()
            .zip(&self.tensors())
            .map(|(v, value)| Ok((v.file_path(), to_file_array(&in_keras_3(v, value), float)?)))
            .collect()
    }

    fn read_named_weights(&self, arrays: &NamedArrays) -> Result<()> {
        let mut values: Vec<Tensor> = Vec::with_capacity(self.variables().len());
        for v in self.variables() {
            let path = v.file_path();
            let found = arrays.iter().find(|(n, _)| *n == path || *n == v.path);
            let (_, array) = found.ok_or_else(|| {
                Error::Config(format!(
                    "weights: `{path}` (or `{}`) is missing; the file belongs to another model",
                    v.path
                ))
            })?;
            if array.shape() != v.spec.shape {
                return Err(Error::Config(format!(
                    "weights: `{path}` must have shape {:?}. Received: {:?}",
                    v.spec.shape,
                    array.shape()
                )));
            }
            values.push(of_keras_3(v, to_tensor(array, v.spec.dtype())?));
        }
        self.replace_weights(&values);
        Ok(())
    }
}
