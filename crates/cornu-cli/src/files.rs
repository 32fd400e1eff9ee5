//! Data files of a command line as the model's inputs and targets.

use crate::failure::Failure;
use cornu::Model;
use cornu::data::{Data, Loaded, ReadOptions, read, read_with, write};
use std::path::{Path, PathBuf};

/// The inputs of files, in their order; a file may bring several.
pub fn inputs(model: &Model, paths: &[PathBuf]) -> Result<Vec<Data>, Failure> {
    let mut all = Vec::new();
    for p in paths {
        all.extend(read_for(model, p)?.inputs.into_iter().map(|(_, d)| d));
    }
    Ok(all)
}

/// A file whose columns, keys or members may be named after the model's inputs: then each is the
/// input of its name.
fn read_for(model: &Model, path: &Path) -> Result<Loaded, Failure> {
    let entries = model.inputs();
    if entries.len() > 1 {
        let by_name = ReadOptions {
            inputs: entries.iter().map(|(name, _)| name.clone()).collect(),
            apart: true,
            ..ReadOptions::default()
        };
        if let Ok(loaded) = read_with(path, &by_name) {
            return Ok(loaded);
        }
    }
    Ok(read(path)?)
}

/// The arrays of files given as targets or weights.
pub fn targets(paths: &[PathBuf]) -> Result<Vec<Data>, Failure> {
    let mut all = Vec::new();
    for p in paths {
        all.extend(read(p)?.into_targets().into_iter().map(|(_, d)| d));
    }
    Ok(all)
}

/// Writes data by the ending of the path.
pub fn write_data(path: &PathBuf, name: &str, data: Data) -> Result<(), Failure> {
    Ok(write(path, &[(name.into(), data)])?)
}

/// Inputs and targets: of their own files, or labels that came with the inputs.
pub fn examples(
    model: &Model,
    inputs_from: &[PathBuf],
    targets_from: &[PathBuf],
) -> Result<(Vec<Data>, Vec<Data>), Failure> {
    if !targets_from.is_empty() {
        return Ok((inputs(model, inputs_from)?, targets(targets_from)?));
    }
    let (mut x, mut y) = (vec![], vec![]);
    for p in inputs_from {
        let loaded = read_for(model, p)?;
        x.extend(loaded.inputs.into_iter().map(|(_, d)| d));
        y.extend(loaded.targets.into_iter().map(|(_, d)| d));
    }
    if y.is_empty() {
        return Err(Failure::usage("targets are needed: --target Y, or an input file with labels"));
    }
    Ok((x, y))
}

/// Writes JSON as Python's json would.
pub fn write_json(path: &std::path::Path, v: &serde_json::Value) -> Result<(), Failure> {
    let text = cornu::saving::json::write(v);
    cornu::saving::atomic::write(path, text.as_bytes()).map_err(cornu::Error::from)?;
    Ok(())
}

/// Whole numbers of a file.
pub fn lengths(path: &PathBuf) -> Result<Vec<usize>, Failure> {
    let data: Vec<Data> = read(path)?.inputs.into_iter().map(|(_, d)| d).collect();
    let array = data.first().ok_or_else(|| Failure::failed("lengths: the file is empty"))?;
    let numbers = array.values().to_i64()?;
    Ok(numbers.iter().map(|n| (*n).max(0) as usize).collect())
}
