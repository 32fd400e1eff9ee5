//! `cornu explain`: axes, samples, steps and memory of a model on data.

use crate::failure::Failure;
use cornu::Opened;
use cornu::explain::Explain;
use std::io::Write;
use std::path::PathBuf;

/// Tell what each axis means, how many steps an epoch has, what padding and memory cost.
#[derive(clap::Args)]
pub struct Args {
    /// A .keras file, a legacy .h5 or a config.json.
    model: PathBuf,
    /// Data for an input; repeat it for several inputs, in the model's order.
    #[arg(long = "input", value_name = "X")]
    inputs: Vec<PathBuf>,
    /// Samples of a batch; Keras's 32 unless given.
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Epochs.
    #[arg(long, default_value_t = 1, value_name = "E")]
    epochs: usize,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Result<(), Failure> {
    let model = Opened::read(&args.model)?;
    let mut explain =
        Explain::new().epochs(args.epochs).data(crate::files::inputs(&model, &args.inputs)?);
    if let Some(n) = args.batch_size {
        explain = explain.batch_size(n);
    }
    let found = explain.of(&model)?;
    let text = if args.json {
        serde_json::to_string(&found).map_err(|e| Failure::failed(e.to_string()))? + "\n"
    } else {
        found.to_string()
    };
    // A reader that closes the pipe early has what it wants.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}
