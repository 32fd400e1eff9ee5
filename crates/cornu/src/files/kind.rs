//! Kinds of model files by their endings.

use crate::{Error, Result};
use std::path::Path;

/// What a file is by its ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Keras,
    Weights,
    Shards,
    Safetensors,
    H5,
    Json,
}

impl Kind {
    pub(super) fn of(path: &Path) -> Result<Self> {
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
                "convert",
                "a file ends in .keras, .weights.h5, .weights.json, .safetensors, .h5 or .json",
                path.display(),
            )
        })
    }
}
