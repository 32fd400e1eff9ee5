//! `cornu evaluate`: loss and metrics of a model over data.

use crate::console::Console;
use crate::failure::Failure;
use crate::files::{self, Columns, DataFiles};
use crate::own_classes::OwnClasses;
use crate::streams::{Format, Streams};
use crate::{classes, labels, logs, report};
use cornu::data::{ClassNames, Data};
use cornu::report::ClassificationReport;
use cornu::{CompiledModel, Evaluate, Opened, Predict};
use cornu::{EpochLoss, Unequal};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Loss and metrics of a compiled model over data.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cornu evaluate trained.keras --input test.jsonl\n  \
    cornu evaluate trained.keras --input x.npy --target y.npy --json\n  \
    cornu evaluate speaker.keras --input test.csv --report")]
pub struct Args {
    /// A .keras file, or a config.json.
    model: PathBuf,
    #[command(flatten)]
    own: OwnClasses,
    /// Data for an input, `-` for standard input; repeat it for several inputs, in the model's
    /// order. A file with labels brings the targets along.
    #[arg(long = "input", required = true, value_name = "X")]
    inputs: Vec<PathBuf>,
    /// Targets of an output; repeat it for several outputs, in the model's order.
    #[arg(long = "target", value_name = "Y")]
    targets: Vec<PathBuf>,
    /// Weights of the samples, one file or one for each output.
    #[arg(long, value_name = "W")]
    sample_weight: Vec<PathBuf>,
    /// Form of the data on standard input; csv unless given.
    #[arg(long, value_name = "FORM")]
    format: Option<Format>,
    /// Samples of a batch; 32 unless given.
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Other weights for the model.
    #[arg(long, value_name = "W.weights.h5")]
    weights: Option<PathBuf>,
    /// Fill sequences of unequal length up with this value, for a model that masks it.
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pad: Option<f64>,
    /// How the losses of batches become one: timesteps (exact) or keras.
    #[arg(long, value_name = "BY")]
    epoch_loss: Option<String>,
    /// Also precision, recall and F1 of each class, and the confusion matrix.
    #[arg(long)]
    report: bool,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, console: &Console) -> Result<(), Failure> {
    if args.batch_size == Some(0) {
        return Err(Failure::usage("--batch-size: must be at least 1 sample. Received: 0"));
    }
    let streams = Streams::new(args.format, args.inputs.iter())?;
    evaluate(args, &streams, console).map_err(|f| streams.named(f))
}

fn evaluate(args: Args, streams: &Streams, console: &Console) -> Result<(), Failure> {
    let model = CompiledModel::open_with(&args.model, &args.own.registry()?)?;
    if let Some(w) = &args.weights {
        model.load_weights(w)?;
    }
    let called = args.targets.first().unwrap_or(&args.inputs[0]).display().to_string();
    let data = DataFiles {
        inputs: streams.inputs(&args.inputs)?,
        targets: args.targets,
        weights: args.sample_weight,
        part: None,
    };
    let read = files::samples(&model, &data, &Columns::default())?;
    let y = classes::encode(&model, read.y, &called)?;
    let epoch_loss =
        args.epoch_loss.as_deref().map(EpochLoss::parse).transpose()?.unwrap_or_default();
    let unequal = args.pad.map_or(Unequal::Known, Unequal::Pad);
    let mut options = Evaluate::new().unequal(unequal).epoch_loss(epoch_loss);
    let mut how = Predict::new().unequal(unequal);
    if let Some(n) = args.batch_size {
        (options, how) = (options.batch_size(n), how.batch_size(n));
    }
    if let Some(weights) = read.weights {
        options = options.sample_weight(weights);
    }
    let values = model.evaluate(&read.x[..], &y[..], options)?;
    let mut reports = vec![];
    if args.report {
        let predicted = model.predict(read.x, how)?.into_vec();
        reports = reports_of(Opened::Compiled(Box::new(model)), &y, &predicted)?;
    }
    if args.json {
        let mut object: Map<String, Value> =
            values.iter().map(|(k, v)| (k.clone(), cornu::extend::value_json(v))).collect();
        if args.report {
            let of = reports.iter().map(|(output, r)| (output.clone(), report::json(r)));
            object.insert("report".into(), Value::Object(of.collect()));
        }
        console.json(&Value::Object(object));
        return Ok(());
    }
    console.result(&logs::text(&values, false));
    for (output, found) in reports {
        console.result(&format!("\noutput `{output}`\n{}", report::text(&found)));
    }
    Ok(())
}

/// The report of each output that tells classes apart.
fn reports_of(
    model: Opened,
    targets: &[Data],
    predicted: &[Data],
) -> Result<Vec<(String, ClassificationReport)>, Failure> {
    let mut reports = vec![];
    let outputs = model.output_names();
    let Opened::Compiled(compiled) = &model else { return Ok(reports) };
    for (i, output) in outputs.iter().enumerate() {
        if outputs.len() > 1 && classes::form_of(compiled, i).is_none() {
            continue;
        }
        let found = labels::of_output(&model, i, &predicted[i])?;
        let target = targets.get(i).ok_or_else(|| {
            let why = format!("the model has {} outputs", outputs.len());
            Failure::usage(format!("--report needs the targets of each output; {why}"))
        })?;
        let wanted = labels::of_targets(compiled, i, target)?;
        if wanted.len() != found.ids.len() {
            return Err(Failure::failed(format!(
                "--report: output `{output}` gives {} classes for {} targets",
                found.ids.len(),
                wanted.len()
            )));
        }
        let width = predicted[i].values().shape().last().copied().unwrap_or(1).max(2);
        let largest = wanted.iter().copied().max().unwrap_or(0).max(0) as usize;
        if largest >= width {
            return Err(Failure::failed(format!(
                "--report: output `{output}` tells {width} classes apart. Received: class {largest}"
            )));
        }
        let names = labels::names(&model, i, width);
        // What a loss ignores (a negative class) is no class.
        let pairs = wanted.iter().zip(&found.ids).filter(|(w, _)| **w >= 0);
        let (wanted, found): (Vec<i64>, Vec<i64>) = pairs.map(|(w, p)| (*w, *p as i64)).unzip();
        let names = ClassNames::new(names)?;
        reports.push((output.clone(), ClassificationReport::new(wanted, found, Some(&names))?));
    }
    Ok(reports)
}
