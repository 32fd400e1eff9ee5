//! From a RUN.toml and the flags beside it to a run.

use super::building::{self, Shown};
use super::keras_objects::{check_compile, keras_object};
use super::reading::Source;
use super::tables::Classes;
use crate::classes::Listed;
use crate::failure::Failure;
use crate::files::{Columns, DataFiles};
use crate::options::{FitOptions, WrongOption};
use crate::outputs;
use crate::own_classes::OwnClasses;
use crate::training::{Blame, Job, Results};
use cornu::Opened;
use cornu::Unequal;
use cornu::callbacks::{self, Callback};
use cornu::data::FORMATS;
use cornu::extend::did_you_mean;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Arguments of callbacks that are paths.
const PATH_ARGUMENTS: &[&str] = &["filepath", "filename", "backup_dir", "log_dir"];

/// What the command line says beside a RUN.toml; it goes before the file.
#[derive(Default)]
pub struct Given {
    /// Options of `fit`.
    pub options: FitOptions,
    /// Training data.
    pub train: DataFiles,
    /// What fills sequences of unequal length.
    pub pad: Option<f64>,
    /// Classes of the author's own.
    pub own: OwnClasses,
    /// Names of classes.
    pub classes: Listed,
    /// Where results go.
    pub results: Results,
}

/// A run of a RUN.toml.
pub struct RunOf<'a> {
    source: &'a Source,
    options: FitOptions,
    train: DataFiles,
    test: DataFiles,
    columns: Columns,
    pad: Option<f64>,
    given: Given,
}

/// The model of a RUN.toml, for commands that do not train.
pub fn opened(source: &Source, own: OwnClasses) -> Result<Opened, Failure> {
    RunOf::new(source, Given { own, ..Given::default() })?.opened()
}

impl<'a> RunOf<'a> {
    /// The run with what the command line says instead.
    ///
    /// # Errors
    /// Options without a meaning, data files that are not there.
    pub fn new(source: &'a Source, given: Given) -> Result<Self, Failure> {
        let (run, data) = (&source.run, &source.run.data);
        run.fit.check().map_err(|e| wrong_option(source, &e))?;
        let of_file = |list: &super::tables::OneOrMany| -> Vec<PathBuf> {
            list.0.iter().map(|p| source.path(p)).collect()
        };
        let or = |flags: &[PathBuf], list| match flags {
            [] => of_file(list),
            flags => flags.to_vec(),
        };
        let flags = &given.train;
        for (flag, key, replaced) in [
            ("--target", "train_target", !flags.targets.is_empty()),
            ("--sample-weight", "train_weight", !flags.weights.is_empty()),
        ] {
            let kept = if key == "train_target" { &data.train_target } else { &data.train_weight };
            if !flags.inputs.is_empty() && !replaced && !kept.0.is_empty() {
                return Err(source.wrong(
                    &["data", key],
                    &format!(
                        "--input goes before `train`, and `{key}` belongs to the data of the file; \
                         give {flag}, too"
                    ),
                ));
            }
        }
        let train = DataFiles {
            inputs: or(&flags.inputs, &data.train),
            targets: or(&flags.targets, &data.train_target),
            weights: or(&flags.weights, &data.train_weight),
            part: data.train_part.clone().filter(|_| flags.inputs.is_empty()),
        };
        let test = DataFiles {
            inputs: of_file(&data.test),
            targets: of_file(&data.test_target),
            weights: of_file(&data.test_weight),
            part: data.test_part.clone(),
        };
        let lists = [
            ("train", &data.train),
            ("train_target", &data.train_target),
            ("train_weight", &data.train_weight),
            ("test", &data.test),
            ("test_target", &data.test_target),
            ("test_weight", &data.test_weight),
        ];
        for (key, list) in lists {
            list.0.iter().try_for_each(|p| data_file(source, key, p))?;
        }
        for (key, list) in &lists[4..] {
            if !list.0.is_empty() && data.test.0.is_empty() {
                let message = format!("[data] `{key}`: there are no test data; give `test`");
                return Err(source.wrong(&["data", key], &message));
            }
        }
        let columns =
            Columns { inputs: data.input_columns.clone(), targets: data.target_columns.clone() };
        let options = given.options.clone().over(run.fit.clone());
        let pad = given.pad.or(data.pad);
        Ok(Self { source, options, train, test, columns, pad, given })
    }

    /// Options of `fit`.
    pub fn options(&self) -> &FitOptions {
        &self.options
    }

    /// The training data.
    pub fn train(&self) -> &DataFiles {
        &self.train
    }

    /// Columns by name.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The model.
    ///
    /// # Errors
    /// A layer or setting that cannot be.
    pub fn opened(&self) -> Result<Opened, Failure> {
        check_compile(self.source)?;
        let shown = Shown {
            files: self.train.clone(),
            columns: self.columns.clone(),
            unequal: self.pad.map_or(Unequal::Known, Unequal::Pad),
        };
        let own = building::own_classes(self.source, &self.given.own)?;
        let seed = self.options.seed.unwrap_or(0);
        let model = building::model(self.source, seed, &shown, &own)?;
        if let Some(n) = self.options.threads {
            model.set_threads(n);
        }
        Ok(model)
    }

    /// The run, its model built and its callbacks made.
    ///
    /// # Errors
    /// No training data; a model, callback or class that cannot be.
    pub fn job(self) -> Result<Job<'a>, Failure> {
        let source = self.source;
        if self.train.inputs.is_empty() {
            let message = "[data]: there are no training data; give `train`";
            return Err(source.wrong(&["data"], message));
        }
        let model = self.opened()?;
        if source.run.compile.is_none() && matches!(model, Opened::Model(_)) {
            let message = "[compile] is missing: give `optimizer` and `loss`";
            return Err(source.wrong(&["model", "file"], message));
        }
        let model = model.into_compiled()?;
        let callbacks = self.callbacks()?;
        let mut listed = match &source.run.data.classes {
            None => Listed::new(),
            Some(Classes::One(names)) => Listed::from([(String::new(), names.clone())]),
            Some(Classes::ByOutput(lists)) => lists.clone(),
        };
        if !self.given.classes.is_empty() {
            listed = self.given.classes;
        }
        let flags = self.given.results;
        let of_file = |p: &Option<String>| p.as_ref().map(|p| source.path(p));
        let output = &source.run.output;
        let by_flag = [flags.model.is_some(), flags.history.is_some(), flags.plot.is_some()];
        let results = Results {
            model: flags.model.or_else(|| of_file(&output.model)),
            history: flags.history.or_else(|| of_file(&output.history)),
            plot: flags.plot.or_else(|| of_file(&output.plot)),
        };
        let mut reads = vec![source.own_path().to_path_buf()];
        reads.extend(source.run.model.file.iter().map(|f| source.path(f)));
        let is_flag = move |key: &str| match key {
            "model" => by_flag[0],
            "history" => by_flag[1],
            _ => by_flag[2],
        };
        let flag = |key: &'static str| match key {
            "model" => "--output".to_string(),
            key => format!("--{key}"),
        };
        let called = move |key| match is_flag(key) {
            true => flag(key),
            false => format!("[output] `{key}`"),
        };
        let of_flags = self.given.options;
        let blame = move |what: Blame, f: Failure| match what {
            Blame::Output(key) if is_flag(key) => f,
            Blame::Output(key) => source.wrong(&["output", key], &f.message),
            Blame::Option(key) if of_flags.has(key) => f,
            Blame::Option(key) => source.wrong(&["fit", key], &f.message),
            Blame::Train => source.wrong_below(&["data", "train"], f),
            Blame::Test => source.wrong_below(&["data", "test"], f),
            Blame::Classes => source.wrong_below(&["data", "classes"], f),
            Blame::Together => source.wrong_below(&["compile"], f),
        };
        let test = (!self.test.inputs.is_empty()).then_some(self.test);
        Ok(Job {
            model,
            options: self.options,
            train: self.train,
            test,
            columns: self.columns,
            pad: self.pad,
            classes: listed,
            callbacks,
            results,
            reads,
            called: Box::new(called),
            blame: Box::new(blame),
        })
    }

    /// The callbacks; their paths are taken from the file's folder, and what they write is checked.
    fn callbacks(&self) -> Result<Vec<Box<dyn Callback>>, Failure> {
        let mut made = vec![];
        for (i, table) in self.source.run.callbacks.iter().enumerate() {
            let at = i.to_string();
            let way = ["callbacks", at.as_str()];
            let mut config = table.settings.clone();
            for key in PATH_ARGUMENTS {
                let Some(Value::String(path)) = config.get(*key) else { continue };
                let path = self.source.path(path);
                let who = format!("{} `{key}`", table.class);
                let folder = if key.ends_with("_dir") { Some(&*path) } else { path.parent() };
                let folder = folder.filter(|f| !f.as_os_str().is_empty());
                // A name with places for epoch and logs is known up to the first of them.
                let mut known = folder.unwrap_or(Path::new(".")).ancestors();
                let known = known.find(|f| !f.to_string_lossy().contains('{'));
                let known = known.filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
                outputs::folder_is_writable(&who, known, true)
                    .map_err(|f| self.source.wrong(&["callbacks", &at, key], &f.message))?;
                config.insert(key.to_string(), path.display().to_string().into());
            }
            let config = keras_object(&Value::Object(config));
            let callback = callbacks::by_class(&table.class, config)
                .map_err(|e| self.source.wrong_below(&way, named(&table.class, e)))?;
            made.push(callback);
        }
        Ok(made)
    }
}

fn wrong_option(source: &Source, e: &WrongOption) -> Failure {
    source.wrong(&["fit", e.key], &e.message(&format!("[fit] `{}`", e.key)))
}

/// A failure of a callback, with the nearest right name where one is misspelt.
fn named(class: &str, e: cornu::Error) -> Failure {
    let f = Failure::from(e);
    let mut words = f.message.split('`').skip(1).step_by(2);
    let hint = if f.message.contains("unknown field") {
        words.next().map(|unknown| did_you_mean(unknown, words)).unwrap_or_default()
    } else {
        did_you_mean(class, callbacks::CLASSES.iter().copied().filter(|c| *c != class))
    };
    match f.message.contains("unknown field") || !callbacks::CLASSES.contains(&class) {
        true if !hint.is_empty() => Failure { code: 1, message: format!("{}{hint}", f.message) },
        _ => f,
    }
}

/// Fails where a data file is not there, is a folder, or has an ending that is not read.
fn data_file(source: &Source, key: &'static str, path: &str) -> Result<(), Failure> {
    let whole = source.path(path);
    let wrong = |message: String| {
        let message = format!("[data] `{key}`: {message}");
        Err(source.wrong_below(&["data", key], Failure::failed(message)))
    };
    let ending = whole.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    if !FORMATS.iter().any(|f| f.extension == ending) {
        let known: Vec<String> = FORMATS.iter().map(|f| format!(".{}", f.extension)).collect();
        return wrong(format!("the name must end in {}. Received: `{path}`", known.join(", ")));
    }
    match std::fs::metadata(&whole) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => wrong(format!("`{path}` is no file; name a data file")),
        Err(e) => wrong(format!(
            "`{path}` cannot be read: {e}; paths are taken from the folder of the RUN.toml"
        )),
    }
}
