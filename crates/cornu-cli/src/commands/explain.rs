//! `cornu explain`: axes, samples, steps and memory of a model on data.

use crate::console::Console;
use crate::failure::Failure;
use crate::files::{self, Columns, DataFiles};
use crate::own_classes::OwnClasses;
use crate::run_file::{Given, RunOf, Source, is_run_file};
use cornu::Opened;
use cornu::data::BatchMaker;
use cornu::explain::Explain;
use std::path::PathBuf;

/// Tell what each axis means, how many steps an epoch has, what padding and memory cost.
///
/// For sequences of unequal length it tells what each way to make batches costs.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cornu explain RUN.toml\n  \
    cornu explain model.keras --input x.npy --batch-size 16 --epochs 10")]
pub struct Args {
    /// A .keras file, a legacy .h5, a config.json or a RUN.toml, whose training data and batches
    /// are taken.
    model: PathBuf,
    #[command(flatten)]
    own: OwnClasses,
    /// Data for an input; repeat it for several inputs, in the model's order.
    #[arg(long = "input", value_name = "X")]
    inputs: Vec<PathBuf>,
    /// Samples of a batch; Keras's 32 unless given.
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// How batches are made, shown first: as-they-come, shuffle, bucket, equal-length,
    /// token-budget(N) or batch-size-1.
    #[arg(long, value_name = "MAKER")]
    batches: Option<String>,
    /// Epochs.
    #[arg(long, value_name = "E")]
    epochs: Option<usize>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, console: &Console) -> Result<(), Failure> {
    let mut explain = Explain::new();
    let model = &args.model;
    let mut data = DataFiles { inputs: args.inputs.clone(), ..DataFiles::default() };
    let mut columns = Columns::default();
    let model = if is_run_file(model) {
        let source = Source::read(model)?;
        let run = RunOf::new(&source, Given { own: args.own.clone(), ..Given::default() })?;
        if data.inputs.is_empty() {
            (data, columns) = (run.train().clone(), run.columns().clone());
        }
        let options = run.options();
        explain = explain.batch_size(options.batch_size()).batches(options.batch_maker());
        explain = explain.epochs(options.epochs.unwrap_or(1));
        run.opened()?
    } else {
        Opened::read_with(model, &args.own.registry()?)?
    };
    if let Some(n) = args.batch_size {
        explain = explain.batch_size(n);
    }
    if let Some(name) = &args.batches {
        explain = explain.batches(BatchMaker::parse(name)?);
    }
    if let Some(n) = args.epochs {
        explain = explain.epochs(n);
    }
    let found = explain.data(files::inputs_of_part(&model, &data, &columns)?).of(&model)?;
    match args.json {
        true => console.line(&serde_json::to_string(&found)?),
        false => console.result(&found.to_string()),
    }
    Ok(())
}
