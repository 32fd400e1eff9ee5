//! Data files as the model's inputs, targets and weights of samples.

use crate::failure::Failure;
use cornu::Model;
use cornu::data::{Data, Loaded, ReadOptions, read_with, write};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Names of columns or keys that are inputs and targets, where their names do not say so.
#[derive(Clone, Default)]
pub struct Columns {
    /// Inputs, in the model's order.
    pub inputs: Vec<String>,
    /// Targets, in the order of the outputs.
    pub targets: Vec<String>,
}

/// Files of one set of samples.
#[derive(Clone, Default)]
pub struct DataFiles {
    /// Inputs, or inputs and targets together.
    pub inputs: Vec<PathBuf>,
    /// Targets of their own.
    pub targets: Vec<PathBuf>,
    /// Weights of the samples of their own.
    pub weights: Vec<PathBuf>,
    /// The part of the samples that is taken, where the inputs name parts (`split`).
    pub part: Option<String>,
}

/// One set of samples.
pub struct Samples {
    /// The inputs, in the model's order.
    pub x: Vec<Data>,
    /// The targets, in the order of the outputs.
    pub y: Vec<Data>,
    /// Weights of the samples.
    pub weights: Option<Vec<Data>>,
    /// The parts that the files name where none was asked for: their samples are all here.
    pub parts: BTreeSet<String>,
}

/// The inputs of files, in their order; a file may bring several.
pub fn inputs(model: &Model, paths: &[PathBuf], columns: &Columns) -> Result<Vec<Data>, Failure> {
    inputs_of_part(model, &DataFiles { inputs: paths.to_vec(), ..DataFiles::default() }, columns)
}

/// The inputs of a set of samples.
pub fn inputs_of_part(
    model: &Model,
    files: &DataFiles,
    columns: &Columns,
) -> Result<Vec<Data>, Failure> {
    let mut all = Vec::new();
    for p in &files.inputs {
        let loaded = part_of(read_for(model, p, columns)?, files, p)?;
        all.extend(loaded.inputs.into_iter().map(|(_, d)| d));
    }
    Ok(all)
}

/// The samples of the part that is asked for.
fn part_of(loaded: Loaded, files: &DataFiles, path: &Path) -> Result<Loaded, Failure> {
    match &files.part {
        None => Ok(loaded),
        Some(part) => Ok(loaded.part(part).map_err(|e| e.within(&path.display().to_string()))?),
    }
}

/// A file whose columns, keys or members may be named after the model's inputs: then each is the
/// input of its name.
fn read_for(model: &Model, path: &Path, columns: &Columns) -> Result<Loaded, Failure> {
    let entries = model.inputs();
    let given = ReadOptions {
        inputs: columns.inputs.clone(),
        targets: columns.targets.clone(),
        apart: entries.len() > 1 && !columns.inputs.is_empty(),
        ..ReadOptions::default()
    };
    if entries.len() > 1 && columns.inputs.is_empty() {
        let by_name = ReadOptions {
            inputs: entries.iter().map(|(name, _)| name.clone()).collect(),
            apart: true,
            ..given.clone()
        };
        if let Ok(loaded) = read_with(path, &by_name) {
            return Ok(loaded);
        }
    }
    Ok(read_with(path, &given)?)
}

/// The arrays of files given as targets or weights.
pub fn arrays(paths: &[PathBuf]) -> Result<Vec<Data>, Failure> {
    let mut all = Vec::new();
    for p in paths {
        let loaded = read_with(p, &ReadOptions::default())?;
        all.extend(loaded.into_targets().into_iter().map(|(_, d)| d));
    }
    Ok(all)
}

/// Reads a set of samples: targets of their own files, or labels that came with the inputs.
pub fn samples(model: &Model, files: &DataFiles, columns: &Columns) -> Result<Samples, Failure> {
    let (mut x, mut labels, mut brought) = (vec![], vec![], vec![]);
    let mut parts = BTreeSet::new();
    for p in &files.inputs {
        let loaded = part_of(read_for(model, p, columns)?, files, p)?;
        parts.extend(loaded.split.into_iter().flatten().filter(|_| files.part.is_none()));
        x.extend(loaded.inputs.into_iter().map(|(_, d)| d));
        labels.extend(loaded.targets.into_iter().map(|(_, d)| d));
        brought.extend(loaded.sample_weight);
    }
    let y = if files.targets.is_empty() { labels } else { arrays(&files.targets)? };
    if y.is_empty() {
        return Err(Failure::usage(
            "targets are needed: an input file with a column or key `label` or `y`, files of \
             targets (--target Y, `train_target` of [data]), or the names of target columns \
             (`target_columns` of [data])",
        ));
    }
    let own = if files.weights.is_empty() { brought } else { arrays(&files.weights)? };
    Ok(Samples { x, y, weights: (!own.is_empty()).then_some(own), parts })
}

/// Writes data by the ending of the path.
pub fn write_data(path: &Path, parts: &[(String, Data)]) -> Result<(), Failure> {
    Ok(write(path, parts)?)
}

/// Writes JSON as Python's json would.
pub fn write_json(path: &Path, v: &serde_json::Value) -> Result<(), Failure> {
    let text = cornu::saving::json::write(v);
    cornu::saving::atomic::write(path, text.as_bytes()).map_err(cornu::Error::from)?;
    Ok(())
}

/// Whole numbers of a file.
pub fn lengths(path: &Path) -> Result<Vec<usize>, Failure> {
    let who = path.display();
    let array = arrays(&[path.to_path_buf()])?;
    let array =
        array.first().ok_or_else(|| Failure::failed(format!("{who}: the file is empty")))?;
    let numbers = array.values().to_i64()?;
    if let Some(n) = numbers.iter().find(|n| **n < 0) {
        return Err(Failure::failed(format!("{who}: lengths must be 0 or more. Received: {n}")));
    }
    Ok(numbers.iter().map(|n| *n as usize).collect())
}
