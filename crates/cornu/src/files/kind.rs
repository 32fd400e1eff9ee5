//! Kinds of model files: by their content, and by the ending that a name gives.

use crate::saving::is_hdf5;
use crate::{Error, Result};
use std::io::Read;
use std::path::Path;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Keras,
    Weights,
    Shards,
    Safetensors,
    H5,
    Json,
}

/// The first bytes of a zip archive with a member.
const ZIP: &[u8] = b"PK\x03\x04";

impl Kind {
    /// The kind that a name's ending says: for a file that is written.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("").to_lowercase();
        let endings = [
            (".keras", Self::Keras),
            (".weights.h5", Self::Weights),
            (".weights.json", Self::Shards),
            (".safetensors", Self::Safetensors),
            (".h5", Self::H5),
            (".hdf5", Self::H5),
            (".json", Self::Json),
        ];
        let found = endings.into_iter().find(|(e, _)| name.ends_with(e)).map(|(_, k)| k);
        found.ok_or_else(|| {
            Error::argument(
                "model file",
                "a file ends in .keras, .weights.h5, .weights.json, .safetensors, .h5 or .json",
                path.display(),
            )
        })
    }

    /// The kind of a file that is read: a zip archive and HDF5 are told by their first bytes,
    /// whatever the name, as tf.keras wrote HDF5 under names in `.keras`.
    pub(crate) fn of_file(path: &Path) -> Result<Self> {
        let by_name = Self::of(path);
        let failed = |source| Error::Io { what: path.display().to_string(), source };
        if path.is_dir() {
            return Err(Error::Unsupported(format!(
                "{}: a folder; cornu reads no SavedModel of TensorFlow. Load it there and save it \
                 as .keras or .h5",
                path.display()
            )));
        }
        let mut start = Vec::with_capacity(8);
        match std::fs::File::open(path) {
            Ok(file) => file.take(8).read_to_end(&mut start).map_err(failed)?,
            Err(source) => return by_name.and(Err(failed(source))),
        };
        match by_name {
            _ if start.starts_with(ZIP) => Ok(Self::Keras),
            Ok(kind @ (Self::Weights | Self::H5)) => Ok(kind),
            _ if is_hdf5(&start) => Ok(Self::H5),
            by_name => by_name,
        }
    }
}
