//! `cornu predict`: the outputs of a model for data.

use crate::failure::Failure;
use crate::files;
use cornu::{Model, Predict};
use std::path::PathBuf;

/// Write the outputs of a model for data.
#[derive(clap::Args)]
pub struct Args {
    /// A .keras file, a legacy .h5 or a config.json.
    model: PathBuf,
    /// Data for an input; repeat it for several inputs, in the model's order.
    #[arg(long = "input", required = true, value_name = "X")]
    inputs: Vec<PathBuf>,
    /// Where an output goes (.npy, .npz, .csv, .jsonl); repeat it for several outputs, in the
    /// model's order.
    #[arg(long = "output", required = true, value_name = "P")]
    outputs: Vec<PathBuf>,
    /// Samples of a batch; results do not depend on it.
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Other weights for the model.
    #[arg(long, value_name = "W.weights.h5")]
    weights: Option<PathBuf>,
}

pub fn run(args: Args) -> Result<(), Failure> {
    let model = Model::open(&args.model)?;
    if let Some(w) = &args.weights {
        model.load_weights(w)?;
    }
    let n = model.output_specs().len();
    if args.outputs.len() != n {
        return Err(Failure::usage(format!(
            "the model has {n} outputs ({}); give --output for each",
            model.output_names().join(", ")
        )));
    }
    let x = files::inputs(&model, &args.inputs)?;
    let options = Predict::new().batch_size(args.batch_size.unwrap_or(32));
    let names = model.output_names();
    for ((path, name), data) in
        args.outputs.iter().zip(names).zip(model.predict(x, options)?.into_vec())
    {
        files::write_data(path, &name, data)?;
    }
    Ok(())
}
