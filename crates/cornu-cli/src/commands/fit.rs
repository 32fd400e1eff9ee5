//! `cornu fit`: training, from a model's file or from a RUN.toml.

use crate::classes::Listed;
use crate::console::Console;
use crate::failure::Failure;
use crate::files::{Columns, DataFiles};
use crate::options::FitOptions;
use crate::own_classes::OwnClasses;
use crate::run_file::{Given, RunOf, Source, is_run_file};
use crate::training::{Ask, Blame, Job, Results};
use cornu::CompiledModel;
use std::path::PathBuf;

/// Train a model on data.
///
/// With a RUN.toml each flag goes before what the file says. Ctrl-C and SIGTERM end training after
/// the batch and save what was trained beside the output; a second one ends at once.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cornu fit RUN.toml\n  \
    cornu fit RUN.toml --epochs 5 --output short.keras\n  \
    cornu fit RUN.toml --dry-run\n  \
    cornu fit model.keras --input x.npy --target y.npy --epochs 10 --output trained.keras\n  \
    cornu fit RUN.toml --json > events.jsonl")]
pub struct Args {
    /// A .keras file, a config.json, or a RUN.toml that names data, layers and settings.
    model: PathBuf,
    #[command(flatten)]
    own: OwnClasses,
    /// Data for an input; repeat it for several inputs, in the model's order. A file with labels
    /// brings the targets along.
    #[arg(long = "input", value_name = "X")]
    inputs: Vec<PathBuf>,
    /// Targets of an output; repeat it for several outputs, in the model's order.
    #[arg(long = "target", value_name = "Y")]
    targets: Vec<PathBuf>,
    /// Weights of the samples, one file or one for each output.
    #[arg(long, value_name = "W")]
    sample_weight: Vec<PathBuf>,
    /// Names of the classes in the order of their ids; sorted unless given.
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    classes: Vec<String>,
    /// Fill sequences of unequal length up with this value, for a model that masks it.
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pad: Option<f64>,
    #[command(flatten)]
    options: FitOptions,
    /// Take the samples in their order.
    #[arg(long, conflicts_with = "batches")]
    no_shuffle: bool,
    /// Where the trained model goes.
    #[arg(long, value_name = "OUT.keras")]
    output: Option<PathBuf>,
    /// Where the values of all epochs go, as JSON.
    #[arg(long, value_name = "H.json")]
    history: Option<PathBuf>,
    /// Where the curves of all epochs go.
    #[arg(long, value_name = "H.svg")]
    plot: Option<PathBuf>,
    /// Check everything, print the summary and what would be written, and train nothing.
    #[arg(long)]
    dry_run: bool,
    /// Events as lines of JSON on standard output: start, epoch, test, saved, end.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, console: &Console) -> Result<(), Failure> {
    let ask = Ask { json: args.json, dry_run: args.dry_run, summary: !args.json };
    args.options.check().map_err(|e| Failure::usage(e.message(&e.flag())))?;
    let model = args.model.clone();
    let given = args.given();
    if is_run_file(&model) {
        let source = Source::read(&model)?;
        return RunOf::new(&source, given)?.job()?.run(ask, console);
    }
    if given.train.inputs.is_empty() {
        return Err(Failure::usage("data are needed: --input X [--target Y]"));
    }
    let quiet = Ask { summary: ask.dry_run && ask.summary, ..ask };
    job(model, given)?.run(quiet, console)
}

/// The run of a model's file.
fn job(path: PathBuf, given: Given) -> Result<Job<'static>, Failure> {
    let model = CompiledModel::open_with(&path, &given.own.registry()?)?;
    if let Some(n) = given.options.threads {
        model.set_threads(n);
    }
    if let Some(s) = given.options.seed {
        model.set_seed(s);
    }
    Ok(Job {
        model,
        options: given.options,
        train: given.train,
        test: None,
        columns: Columns::default(),
        pad: given.pad,
        classes: given.classes,
        callbacks: vec![],
        results: given.results,
        reads: vec![],
        called: Box::new(|key| match key {
            "model" => "--output".into(),
            key => format!("--{key}"),
        }),
        blame: Box::new(|_: Blame, f| f),
    })
}

impl Args {
    /// What the flags say.
    fn given(self) -> Given {
        let mut options = self.options;
        if self.no_shuffle {
            options.batches = Some("as-they-come".into());
        }
        let mut classes = Listed::new();
        if !self.classes.is_empty() {
            classes.insert(String::new(), self.classes);
        }
        Given {
            options,
            train: DataFiles {
                inputs: self.inputs,
                targets: self.targets,
                weights: self.sample_weight,
                part: None,
            },
            pad: self.pad,
            own: self.own,
            classes,
            results: Results { model: self.output, history: self.history, plot: self.plot },
        }
    }
}
