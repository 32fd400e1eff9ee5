//! `cornu inspect`: what is inside a model file.

use crate::console::Console;
use crate::failure::Failure;
use crate::own_classes::OwnClasses;
use std::path::PathBuf;

/// Tell what is inside a model file: classes, weights, optimizer, assets, what is legacy.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cornu inspect model.keras\n  \
    cornu inspect model.weights.h5 --json")]
pub struct Args {
    /// A .keras, .h5, .weights.h5, .weights.json, .safetensors or .json file.
    file: PathBuf,
    #[command(flatten)]
    own: OwnClasses,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, console: &Console) -> Result<(), Failure> {
    let found = cornu::inspect::inspect_with(&args.file, &args.own.registry()?)?;
    match args.json {
        true => console.line(&serde_json::to_string(&found)?),
        false => console.result(&found.to_string()),
    }
    Ok(())
}
