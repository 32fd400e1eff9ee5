//! `cornu convert`: a model file as one of another kind.

use crate::console::Console;
use crate::failure::Failure;
use crate::files::{self, Columns};
use crate::own_classes::OwnClasses;
use cornu::bench::Bench;
use cornu::files::{convert_with, quantize_int8_with};
use std::path::PathBuf;

/// Write a model file as one of another kind, by the endings.
///
/// With `--quantize int8` the weights of Dense, Embedding and LSTM take eight bits, for prediction;
/// what predictions lose is printed.
///
/// A .keras, a legacy .h5 or a config.json becomes a .keras, its weights (.weights.h5,
/// .safetensors) or its .json.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cornu convert old.h5 new.keras\n  \
    cornu convert model.keras model.safetensors\n  \
    cornu convert weights.safetensors model.keras --model config.json\n  \
    cornu convert model.keras small.keras --quantize int8 --input x.npy")]
pub struct Args {
    /// What is read: .keras, .h5, .json, .weights.h5, .weights.json or .safetensors.
    from: PathBuf,
    /// What is written: .keras, .weights.h5, .safetensors or .json.
    to: PathBuf,
    #[command(flatten)]
    own: OwnClasses,
    /// The model that weights alone belong to.
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Weights in fewer bits, for prediction.
    #[arg(long, value_name = "TYPE", value_parser = ["int8"], conflicts_with = "model")]
    quantize: Option<String>,
    /// Data to tell the loss of accuracy on, for an input; repeat it for several. Random numbers
    /// unless given.
    #[arg(long = "input", value_name = "X", requires = "quantize")]
    inputs: Vec<PathBuf>,
}

/// Samples of random numbers on which the loss is told.
const RANDOM_SAMPLES: usize = 64;
/// Their timesteps where the model leaves them open.
const RANDOM_TIMESTEPS: usize = 20;

pub fn run(args: Args, console: &Console) -> Result<(), Failure> {
    let registry = args.own.registry()?;
    if args.quantize.is_none() {
        return Ok(convert_with(&args.from, &args.to, args.model.as_deref(), &registry)?);
    }
    let given = if args.inputs.is_empty() {
        None
    } else {
        let model = cornu::Model::open_with(&args.from, &registry)?;
        Some(files::inputs(&model, &args.inputs, &Columns::default())?)
    };
    let what = if given.is_some() { "the data given" } else { "random numbers" };
    let x = |model: &cornu::Model| {
        given.map_or_else(
            || Bench::new(RANDOM_SAMPLES, 1).timesteps(RANDOM_TIMESTEPS).inputs(model),
            Ok,
        )
    };
    let loss = quantize_int8_with(&args.from, &args.to, x, &registry)?;
    let cornu::files::QuantizationLoss { largest, mean, magnitude, n_layers } = loss;
    console.line(&format!("{n_layers} layers with weights of eight bits"));
    console.line(&format!(
        "predictions for {what} differ by {largest:.2e} at most and {mean:.2e} in the mean, of \
            magnitudes up to {magnitude:.2e}"
    ));
    Ok(())
}
