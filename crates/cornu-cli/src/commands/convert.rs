//! `cornu convert`: a model file as one of another kind.

use crate::failure::Failure;
use std::path::PathBuf;

/// Write a model file as one of another kind, by the endings.
///
/// A .keras, a legacy .h5 or a config.json becomes a .keras, its weights (.weights.h5, .safetensors) or its .json.
#[derive(clap::Args)]
pub struct Args {
    /// What is read: .keras, .h5, .json, .weights.h5, .weights.json or .safetensors.
    from: PathBuf,
    /// What is written: .keras, .weights.h5, .safetensors or .json.
    to: PathBuf,
    /// The model that weights alone belong to.
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
}

pub fn run(args: Args) -> Result<(), Failure> {
    Ok(cornu::model::convert(&args.from, &args.to, args.model.as_deref())?)
}
