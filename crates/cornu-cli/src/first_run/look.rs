//! What data hold: kinds of inputs, classes or numbers in the target.

use crate::failure::Failure;
use crate::files::{self, Columns};
use cornu::data::{Array, Data, Loaded, ReadOptions, read_with};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// At most so many whole numbers from 0 on are taken for classes.
const MOST_CLASSES: usize = 100;

/// The files that are looked at.
pub struct Files {
    /// Inputs, or inputs and targets together.
    pub from: PathBuf,
    /// Targets of their own.
    pub target: Option<PathBuf>,
    /// The column or key that is the target.
    pub target_column: Option<String>,
}

/// What data hold.
pub struct Seen {
    /// Samples.
    pub n_samples: usize,
    /// The inputs by name.
    pub inputs: Vec<(String, Input)>,
    /// The target.
    pub target: Target,
    /// Whether there is a target for each timestep.
    pub by_timestep: bool,
    /// Whether the last fifth of the samples has all classes: it can validate.
    pub can_split: bool,
    /// The shapes in words.
    pub shapes: Vec<String>,
    /// The column that was taken for the target, where its name does not say so.
    pub guessed_target: Option<String>,
}

/// The kind of an input.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Numbers of a sample (B, F).
    Table(usize),
    /// Numbers by timestep (B, T, F); the timesteps are open where lengths differ.
    Series {
        /// Timesteps, where all samples have as many.
        timesteps: Option<usize>,
        /// Features of a timestep.
        features: usize,
        /// The longest sample.
        longest: usize,
    },
    /// Ids by timestep (B, T) below a number, of unequal length.
    Ids(usize),
    /// Texts; how many words the longest has.
    Text(usize),
}

/// The kind of a target.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Classes by name, or by number where the names are none.
    Classes {
        /// How many.
        n: usize,
        /// Their names in sorted order.
        names: Vec<String>,
    },
    /// So many numbers.
    Numbers(usize),
}

impl Seen {
    /// Looks at data.
    ///
    /// # Errors
    /// Files that cannot be read; no target, or several.
    pub fn new(given: &Files) -> Result<Self, Failure> {
        let (loaded, guessed_target) = read(given)?;
        let targets = match &given.target {
            Some(path) => files::arrays(std::slice::from_ref(path))?,
            None => loaded.targets.into_iter().map(|(_, d)| d).collect(),
        };
        let [target] = &targets[..] else {
            let rule = "a first RUN.toml is for one target; name it with --target-column";
            return Err(Failure::usage(format!("{rule}. Received: {} targets", targets.len())));
        };
        let inputs: Vec<(String, Input)> = loaded
            .inputs
            .iter()
            .map(|(name, d)| Ok((name.clone(), input(name, d)?)))
            .collect::<Result<_, Failure>>()?;
        let n_samples = loaded.inputs.first().map_or(0, |(_, d)| d.n_samples());
        if target.n_samples() != n_samples {
            let n = target.n_samples();
            let rule = format!("the inputs hold {n_samples} samples, so must the targets");
            return Err(Failure::failed(format!("{rule}. Received: {n}")));
        }
        let by_timestep = is_by_timestep(target, inputs.first().map(|(_, i)| i));
        Ok(Self {
            n_samples,
            can_split: can_split(target)?,
            target: kind(target)?,
            by_timestep,
            shapes: loaded.inputs.iter().map(|(_, d)| d.shape_text()).collect(),
            inputs,
            guessed_target,
        })
    }
}

/// The file read, with its last column as target where none is named.
fn read(given: &Files) -> Result<(Loaded, Option<String>), Failure> {
    let path = &given.from;
    let columns =
        Columns { inputs: vec![], targets: given.target_column.iter().cloned().collect() };
    let options = |targets: Vec<String>| ReadOptions { targets, ..ReadOptions::default() };
    let loaded = read_with(path, &options(columns.targets))?;
    if given.target.is_some() || !loaded.targets.is_empty() {
        return Ok((loaded, given.target_column.clone()));
    }
    let last = last_column(path).ok_or_else(|| {
        Failure::usage(format!(
            "{}: no column or key is a target (`label`, `y`, …); name it with --target-column, or \
             a file of targets with --target",
            path.display()
        ))
    })?;
    let loaded = read_with(path, &options(vec![last.clone()]))?;
    Ok((loaded, Some(last)))
}

/// The name of the last of several columns of a table.
fn last_column(path: &Path) -> Option<String> {
    let delimiter = match path.extension()?.to_str()? {
        "csv" => ',',
        "tsv" => '\t',
        _ => return None,
    };
    let text = std::fs::read_to_string(path).ok()?;
    let first = text.lines().next()?.trim_start_matches('\u{feff}');
    let names: Vec<&str> = first.split(delimiter).map(|n| n.trim().trim_matches('"')).collect();
    let numbers = names.iter().any(|n| n.parse::<f64>().is_ok());
    match (names.len(), numbers) {
        (0 | 1, _) => None,
        (n, true) => Some(format!("column {n}")),
        (n, false) => Some(names[n - 1].to_string()),
    }
}

fn input(name: &str, data: &Data) -> Result<Input, Failure> {
    let shape = data.values().shape().to_vec();
    let is_whole = matches!(data.values(), Array::I32(_) | Array::I64(_));
    Ok(match (data, data.values(), &shape[..]) {
        (Data::Dense(_), Array::Str(texts), [_] | [_, 1]) => {
            Input::Text(texts.iter().map(|t| t.split_whitespace().count()).max().unwrap_or(1))
        }
        (Data::Dense(_), Array::Str(_), _) | (Data::Ragged(_), Array::Str(_), _) => {
            return Err(Failure::usage(format!(
                "input `{name}` holds several texts a sample; write its RUN.toml by hand \
                 (docs/RUN.md)"
            )));
        }
        (Data::Dense(_), _, [_]) => Input::Table(1),
        (Data::Dense(_), _, [_, features]) => Input::Table(*features),
        (Data::Dense(_), _, [_, t, features]) => {
            Input::Series { timesteps: Some(*t), features: *features, longest: *t }
        }
        (Data::Ragged(_), values, [_]) if is_whole => {
            let largest = values.to_i64()?.iter().copied().max().unwrap_or(0);
            Input::Ids(usize::try_from(largest).unwrap_or(0) + 1)
        }
        (Data::Ragged(r), _, [_, features]) => Input::Series {
            timesteps: None,
            features: *features,
            longest: r.lengths().into_iter().max().unwrap_or(0),
        },
        _ => {
            return Err(Failure::usage(format!(
                "input `{name}` {}: a first RUN.toml is for tables (samples, features), series \
                 (samples, timesteps, features), ids and texts; write this one by hand \
                 (docs/RUN.md)",
                data.shape_text()
            )));
        }
    })
}

/// Whether a target has the timesteps of the input.
fn is_by_timestep(target: &Data, input: Option<&Input>) -> bool {
    match (target, input) {
        (Data::Ragged(_), _) => true,
        (Data::Dense(a), Some(Input::Series { timesteps: Some(t), .. })) => {
            a.rank() >= 2 && a.shape()[1] == *t && *t > 1
        }
        _ => false,
    }
}

/// The values of a target as whole numbers, where they are.
fn whole(target: &Data) -> Result<Option<Vec<i64>>, Failure> {
    let values = target.values().to_f64()?;
    let is_whole = values.iter().all(|v| v.fract() == 0.0 && v.abs() < 1e15);
    Ok(is_whole.then(|| values.iter().map(|v| *v as i64).collect()))
}

fn kind(target: &Data) -> Result<Target, Failure> {
    if let Array::Str(texts) = target.values() {
        let names: BTreeSet<&String> = texts.iter().collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        return Ok(Target::Classes { n: names.len(), names });
    }
    let shape = target.values().shape();
    let axes = if matches!(target, Data::Ragged(_)) { 2 } else { 1 };
    let width = if shape.len() > axes { shape[shape.len() - 1] } else { 1 };
    if let Some(numbers) = whole(target)?.filter(|_| width == 1) {
        let different: BTreeSet<i64> = numbers.iter().copied().collect();
        let n = different.len();
        let from_0 = different.first() == Some(&0) && different.last() == Some(&(n as i64 - 1));
        if from_0 && (2..=MOST_CLASSES).contains(&n) && n * 2 <= numbers.len() {
            return Ok(Target::Classes { n, names: vec![] });
        }
    }
    Ok(Target::Numbers(width))
}

/// Whether the last fifth of the samples has every class that there is.
fn can_split(target: &Data) -> Result<bool, Failure> {
    let n = target.n_samples();
    if n < 10 {
        return Ok(false);
    }
    let classes = |d: &Data| -> Result<BTreeSet<String>, Failure> {
        Ok(match d.values() {
            Array::Str(texts) => texts.iter().cloned().collect(),
            values => values.to_f64()?.iter().map(f64::to_string).collect(),
        })
    };
    if let Target::Numbers(_) = kind(target)? {
        return Ok(true);
    }
    let at = n * 4 / 5;
    let (head, tail) = (target.slice(0..at)?, target.slice(at..n)?);
    Ok(classes(&head)? == classes(&tail)?)
}
