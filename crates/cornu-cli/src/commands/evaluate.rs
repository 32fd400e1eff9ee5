//! `cornu evaluate`: loss and metrics of a model over data.

use crate::failure::Failure;
use crate::{files, logs};
use cornu::{CompiledModel, Evaluate};
use cornu::{EpochLoss, Unequal};
use std::path::PathBuf;

/// Loss and metrics of a compiled model over data.
#[derive(clap::Args)]
pub struct Args {
    /// A .keras file, or a config.json.
    model: PathBuf,
    /// Data for an input; repeat it for several inputs, in the model's order. A file with labels
    /// brings the targets along.
    #[arg(long = "input", required = true, value_name = "X")]
    inputs: Vec<PathBuf>,
    /// Targets of an output; repeat it for several outputs, in the model's order.
    #[arg(long = "target", value_name = "Y")]
    targets: Vec<PathBuf>,
    /// Weights of the samples, one file or one for each output.
    #[arg(long, value_name = "W")]
    sample_weight: Vec<PathBuf>,
    /// Samples of a batch.
    #[arg(long, default_value_t = 32, value_name = "N")]
    batch_size: usize,
    /// Other weights for the model.
    #[arg(long, value_name = "W.weights.h5")]
    weights: Option<PathBuf>,
    /// Fill sequences of unequal length up with this value, for a model that masks it.
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pad: Option<f64>,
    /// How the losses of batches become one: timesteps (exact) or keras.
    #[arg(long, value_name = "BY")]
    epoch_loss: Option<String>,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Result<(), Failure> {
    let model = CompiledModel::open(&args.model)?;
    if let Some(w) = &args.weights {
        model.load_weights(w)?;
    }
    let (x, y) = files::examples(&model, &args.inputs, &args.targets)?;
    let epoch_loss =
        args.epoch_loss.as_deref().map(EpochLoss::parse).transpose()?.unwrap_or_default();
    let values = model.evaluate(
        x,
        y,
        Evaluate::new()
            .batch_size(args.batch_size)
            .sample_weight(files::targets(&args.sample_weight)?)
            .unequal(args.pad.map_or(Unequal::Known, Unequal::Pad))
            .epoch_loss(epoch_loss),
    )?;
    print!("{}", logs::text(&values, args.json));
    Ok(())
}
