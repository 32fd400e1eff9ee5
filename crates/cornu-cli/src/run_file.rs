//! RUN.toml: data, layers, compile and fit settings of a run, in Keras's words.
//!
//! ```toml
//! [data]
//! train = "train.jsonl"          # beside the file; features and labels together, or x = …, y = …
//! test = "test.jsonl"
//! pad = 0.0                      # fills sequences of unequal length, for a model that masks it
//!
//! [model]
//! name = "speaker"
//! input = [0, 12]                # 0 stands for None: any number of timesteps
//!                                # text has input_dtype = "string"
//! layers = [
//!   { class = "Normalization", adapt = true },   # takes what it needs from the training data
//!   { class = "Masking", mask_value = 0.0 },
//!   { class = "LSTM", units = 100 },
//!   { class = "Dense", units = 9, activation = "softmax" },
//! ]
//!
//! [compile]
//! optimizer = "adam"
//! loss = "sparse_categorical_crossentropy"
//! metrics = ["accuracy"]
//!
//! [fit]
//! batch_size = 32
//! epochs = 40
//! seed = 1
//! batches = "bucket"             # or as-they-come, shuffle, equal-length, token-budget(N),
//!                                # batch-size-1
//! tbptt = 200                    # gradients reach back over at most so many timesteps
//! epoch_loss = "timesteps"       # exact over real timesteps, or keras
//!
//! [output]
//! model = "speaker.keras"
//! history = "history.json"
//! plot = "history.svg"
//! ```

use crate::failure::Failure;
use crate::{files, logs};
use cornu::data::{BatchMaker, Data};
use cornu::extend::Registry;
use cornu::{Compile, CompiledModel, Evaluate, Fit, Input, LayerRef, Model, Opened, Predict};
use cornu::{EpochLoss, Unequal, callbacks};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// A run.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFile {
    data: DataTable,
    model: ModelTable,
    compile: Option<Map<String, Value>>,
    #[serde(default)]
    fit: FitTable,
    #[serde(default)]
    output: OutputTable,
    #[serde(default)]
    callbacks: Vec<Map<String, Value>>,
    #[serde(skip)]
    folder: PathBuf,
    #[serde(skip)]
    threads: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataTable {
    train: OneOrMany,
    #[serde(default)]
    train_target: OneOrMany,
    #[serde(default)]
    test: OneOrMany,
    #[serde(default)]
    test_target: OneOrMany,
    pad: Option<f64>,
}

#[derive(Deserialize, Default)]
#[serde(untagged)]
enum OneOrMany {
    #[default]
    None,
    One(PathBuf),
    Many(Vec<PathBuf>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelTable {
    /// A file to start from, instead of layers.
    file: Option<PathBuf>,
    name: Option<String>,
    #[serde(default)]
    input: Vec<usize>,
    #[serde(default)]
    input_dtype: Option<String>,
    #[serde(default)]
    layers: Vec<Map<String, Value>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct FitTable {
    batch_size: Option<usize>,
    epochs: Option<usize>,
    shuffle: Option<bool>,
    /// A batch maker by name.
    batches: Option<String>,
    /// Timesteps that gradients reach back over at most.
    tbptt: Option<usize>,
    /// `timesteps` or `keras`.
    epoch_loss: Option<String>,
    seed: u64,
    verbose: Option<u8>,
    validation_split: f64,
    validate_on_test: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct OutputTable {
    model: Option<PathBuf>,
    history: Option<PathBuf>,
    plot: Option<PathBuf>,
}

/// Settings of the command line that go before those of a run file; `None` where none is given.
pub struct Overrides {
    /// Samples of a batch.
    pub batch_size: Option<usize>,
    /// Passes over the data.
    pub epochs: Option<usize>,
    /// Seed of all that is random.
    pub seed: Option<u64>,
    /// Where the history goes.
    pub history: Option<PathBuf>,
    /// Where the trained model goes.
    pub output: Option<PathBuf>,
    /// Number of threads.
    pub threads: Option<usize>,
    /// A batch maker by name.
    pub batches: Option<String>,
    /// Timesteps that gradients reach back over at most.
    pub tbptt: Option<usize>,
    /// How the losses of batches become an epoch's.
    pub epoch_loss: Option<String>,
    /// What fills sequences of unequal length.
    pub pad: Option<f64>,
}

impl OneOrMany {
    fn paths(&self, folder: &Path) -> Vec<PathBuf> {
        match self {
            OneOrMany::None => vec![],
            OneOrMany::One(p) => vec![folder.join(p)],
            OneOrMany::Many(v) => v.iter().map(|p| folder.join(p)).collect(),
        }
    }
}

impl RunFile {
    /// Reads a run; paths in it are taken from its folder.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Failure::failed(format!("{}: {e}", path.display())))?;
        let mut run: RunFile = toml::from_str(&text)
            .map_err(|e| Failure::failed(format!("{}: {e}", path.display())))?;
        run.folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Ok(run)
    }

    /// The run with what the command line says instead.
    pub fn overridden(mut self, by: Overrides) -> Self {
        let here = |p: PathBuf| std::path::absolute(&p).unwrap_or(p);
        self.fit.batch_size = by.batch_size.or(self.fit.batch_size);
        self.fit.epochs = by.epochs.or(self.fit.epochs);
        self.fit.seed = by.seed.unwrap_or(self.fit.seed);
        self.output.history = by.history.map(here).or(self.output.history);
        self.output.model = by.output.map(here).or(self.output.model);
        self.threads = by.threads;
        self.fit.batches = by.batches.or(self.fit.batches);
        self.fit.tbptt = by.tbptt.or(self.fit.tbptt);
        self.fit.epoch_loss = by.epoch_loss.or(self.fit.epoch_loss);
        self.data.pad = by.pad.or(self.data.pad);
        self
    }

    fn build(&self) -> Result<CompiledModel, Failure> {
        let opened = match &self.model.file {
            Some(f) => Opened::read(self.folder.join(f))?,
            None => Opened::Model(self.layered()?),
        };
        let model = match &self.compile {
            None => opened.into_compiled()?,
            Some(c) => {
                let mut compile = Compile::new("rmsprop", Value::Null);
                for (k, v) in c {
                    compile = compile.set(k, keras_object(v));
                }
                opened.compile(compile)?
            }
        };
        Ok(match &self.model.name {
            Some(name) => model.name(name),
            None => model,
        })
    }

    /// A model of the layers listed; those with `adapt` are shown the training data as it comes to
    /// them.
    fn layered(&self) -> Result<Model, Failure> {
        let dims = self.model.input.iter().map(|d| if *d == 0 { None } else { Some(*d) });
        let input = match self.model.input_dtype.as_deref() {
            Some(d) if d.starts_with("int") => Input::ids(dims),
            Some("string") => Input::text(dims),
            _ => Input::new(dims),
        };
        let mut layers: Vec<LayerRef> = Vec::new();
        for table in &self.model.layers {
            let mut table = table.clone();
            let adapts = table.remove("adapt") == Some(Value::Bool(true));
            let mut next = layer(&table)?;
            if adapts {
                let before = Model::sequential(&input, layers.clone())?.seed(self.fit.seed)?;
                let x = files::inputs(&before, &self.data.train.paths(&self.folder))?;
                let shown = if layers.is_empty() {
                    x
                } else {
                    before.predict(x, Predict::new().unequal(self.unequal()))?.into_vec()
                };
                let data = shown.first().ok_or_else(|| {
                    Failure::failed("[data] train: there is no input to adapt to")
                })?;
                next = next.adapt(data)?;
            }
            layers.push(next);
        }
        Ok(Model::sequential(&input, layers)?.seed(self.fit.seed)?)
    }

    fn unequal(&self) -> Unequal {
        self.data.pad.map_or(Unequal::Known, Unequal::Pad)
    }

    /// Trains, tells the test's values, saves.
    pub fn run(self) -> Result<(), Failure> {
        let mut model = self.build()?;
        if let Some(n) = self.threads {
            model.set_threads(n);
        }
        println!("{}", model.summary());
        let (x, y) = files::examples(
            &model,
            &self.data.train.paths(&self.folder),
            &self.data.train_target.paths(&self.folder),
        )?;
        let test = self.data.test.paths(&self.folder);
        let test: Option<(Vec<Data>, Vec<Data>)> = if test.is_empty() {
            None
        } else {
            Some(files::examples(&model, &test, &self.data.test_target.paths(&self.folder))?)
        };
        let f = &self.fit;
        let mut fit = Fit::new()
            .batch_size(f.batch_size.unwrap_or(32))
            .epochs(f.epochs.unwrap_or(1))
            .seed(f.seed)
            .verbose(f.verbose.unwrap_or(1))
            .validation_split(f.validation_split);
        if let Some(shuffle) = f.shuffle {
            fit = fit.shuffle(shuffle);
        }
        if let Some(name) = &f.batches {
            fit = fit.batches(BatchMaker::parse(name)?);
        }
        fit = fit.unequal(self.unequal());
        if let Some(k) = f.tbptt {
            fit = fit.tbptt(k);
        }
        let epoch_loss =
            f.epoch_loss.as_deref().map(EpochLoss::parse).transpose()?.unwrap_or_default();
        fit = fit.epoch_loss(epoch_loss);
        if let (true, Some((x, y))) = (f.validate_on_test, &test) {
            fit = fit.validation_data(&x[..], &y[..]);
        }
        for c in &self.callbacks {
            let mut config = c.clone();
            let class = config
                .remove("class")
                .and_then(|v| v.as_str().map(str::to_string))
                .ok_or_else(|| Failure::failed("[[callbacks]]: `class` is missing"))?;
            fit = fit.boxed_callback(callbacks::by_class(&class, Value::Object(config))?);
        }
        let targets = [&self.output.model, &self.output.history, &self.output.plot]
            .map(|p| p.as_ref().map(|p| self.folder.join(p)));
        for folder in targets.iter().flatten().filter_map(|p| p.parent()) {
            std::fs::create_dir_all(folder)
                .map_err(|e| Failure::failed(format!("{}: {e}", folder.display())))?;
        }
        let [to_model, to_history, to_plot] = targets;
        let history = model.fit(x, y, fit)?;
        if let Some((x, y)) = test {
            let values = model.evaluate(
                x,
                y,
                Evaluate::new()
                    .batch_size(f.batch_size.unwrap_or(32))
                    .unequal(self.unequal())
                    .epoch_loss(epoch_loss),
            )?;
            for (k, v) in logs::text(&values, false).lines().filter_map(|l| l.split_once(": ")) {
                println!("test {k}: {v}");
            }
        }
        let saved = |what: &str, p: &Path| println!("{what} saved to {}", p.display());
        if let Some(p) = to_model {
            model.save(&p)?;
            saved("model", &p);
        }
        if let Some(p) = to_history {
            files::write_json(&p, &history.to_json())?;
            saved("history", &p);
        }
        if let Some(p) = to_plot {
            history.plot(&p)?;
            saved("curves", &p);
        }
        Ok(())
    }
}

/// A layer of a RUN.toml: `class`, and Keras's arguments.
fn layer(table: &Map<String, Value>) -> Result<LayerRef, Failure> {
    Ok(LayerRef::from_json(&keras_object(&Value::Object(table.clone())), &Registry::new())?)
}

/// Tables with a `class` become Keras's serialized objects, at every level.
fn keras_object(v: &Value) -> Value {
    match v {
        Value::Object(map) => {
            let mut config: Map<String, Value> =
                map.iter().map(|(k, v)| (k.clone(), keras_object(v))).collect();
            match config.remove("class") {
                Some(class) => json!({"class_name": class, "config": config}),
                None => Value::Object(config),
            }
        }
        Value::Array(items) => items.iter().map(keras_object).collect(),
        _ => v.clone(),
    }
}
