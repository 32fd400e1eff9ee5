//! `cornu predict`: the outputs of a model for data.

use crate::console::Console;
use crate::failure::Failure;
use crate::files::{self, Columns};
use crate::labels;
use crate::outputs::{self, Target};
use crate::own_classes::OwnClasses;
use crate::streams::{Format, Streams, is_stream};
use cornu::Unequal;
use cornu::{Opened, Predict};
use std::path::PathBuf;

/// Write the outputs of a model for data.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cornu predict trained.keras --input x.npy --output p.npy\n  \
    cornu predict speaker.keras --input test.csv --output - --labels\n  \
    cat new.jsonl | cornu predict m.keras --input - --output - --format jsonl")]
pub struct Args {
    /// A .keras file, a legacy .h5 or a config.json.
    model: PathBuf,
    #[command(flatten)]
    own: OwnClasses,
    /// Data for an input, `-` for standard input; repeat it for several inputs, in the model's
    /// order.
    #[arg(long = "input", required = true, value_name = "X")]
    inputs: Vec<PathBuf>,
    /// Where an output goes (.npy, .npz, .csv, .tsv, .jsonl), `-` for standard output; repeat it
    /// for several outputs, in the model's order.
    #[arg(long = "output", required = true, value_name = "P")]
    outputs: Vec<PathBuf>,
    /// Form of the data on standard input and standard output; csv unless given.
    #[arg(long, value_name = "FORM")]
    format: Option<Format>,
    /// The class of each sample by name, and its probability, instead of all numbers.
    #[arg(long)]
    labels: bool,
    /// Samples of a batch; results do not depend on it.
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Fill sequences of unequal length up with this value, for a model that masks it.
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pad: Option<f64>,
    /// Other weights for the model.
    #[arg(long, value_name = "W.weights.h5")]
    weights: Option<PathBuf>,
}

const ENDINGS: &[&str] = &[".npy", ".npz", ".csv", ".tsv", ".jsonl"];

pub fn run(args: Args, console: &Console) -> Result<(), Failure> {
    let streams = Streams::new(args.format, args.inputs.iter().chain(&args.outputs))?;
    predict(&args, &streams, console).map_err(|f| streams.named(f))
}

fn predict(args: &Args, streams: &Streams, console: &Console) -> Result<(), Failure> {
    if args.batch_size == Some(0) {
        return Err(Failure::usage("--batch-size: must be at least 1 sample. Received: 0"));
    }
    let model = Opened::read_with(&args.model, &args.own.registry()?)?;
    if let Some(w) = &args.weights {
        model.load_weights(w)?;
    }
    let names = model.output_names();
    let n = names.len();
    if args.outputs.len() != n {
        return Err(Failure::usage(format!(
            "the model has {n} outputs ({}); give --output for each",
            names.join(", ")
        )));
    }
    let mut places = vec![];
    for path in args.outputs.iter().filter(|p| !is_stream(p)) {
        places.push(("--output".to_string(), path.clone()));
        outputs::are_apart(&places, &args.inputs)?;
        Target { who: "--output".into(), path, endings: ENDINGS }.check(false)?;
    }
    let x = files::inputs(&model, &streams.inputs(&args.inputs)?, &Columns::default())?;
    let mut options = Predict::new().unequal(args.pad.map_or(Unequal::Known, Unequal::Pad));
    if let Some(n) = args.batch_size {
        options = options.batch_size(n);
    }
    let predicted = model.predict(x, options)?.into_vec();
    for (i, (path, data)) in args.outputs.iter().zip(predicted).enumerate() {
        let parts = match args.labels {
            true => labels::parts(&model, i, &data)?,
            false => vec![(names[i].clone(), data)],
        };
        if is_stream(path) {
            files::write_data(&streams.output(), &parts)?;
            streams.deliver(console)?;
        } else {
            files::write_data(path, &parts)?;
        }
    }
    Ok(())
}
