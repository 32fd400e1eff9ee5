//! Data files of a command line as the model's inputs and targets.

use crate::failure::Failure;
use cornu::data::{Data, read, write};
use std::path::PathBuf;

/// The inputs of files, in their order; a file may bring several.
pub fn inputs(paths: &[PathBuf]) -> Result<Vec<Data>, Failure> {
    let mut all = Vec::new();
    for p in paths {
        all.extend(read(p)?.inputs.into_iter().map(|(_, d)| d));
    }
    Ok(all)
}

/// The arrays of files given as targets or weights.
pub fn targets(paths: &[PathBuf]) -> Result<Vec<Data>, Failure> {
    let mut all = Vec::new();
    for p in paths {
        all.extend(read(p)?.into_targets().into_iter().map(|(_, d)| d));
    }
    Ok(all)
}

/// Writes an array by the ending of the path.
pub fn write_array(path: &PathBuf, name: &str, array: cornu::data::Array) -> Result<(), Failure> {
    Ok(write(path, &[(name.into(), Data::Dense(array))])?)
}
