//! `cornu inspect`: what is inside a model file.

use crate::failure::Failure;
use std::io::Write;
use std::path::PathBuf;

/// Tell what is inside a model file: classes, weights, optimizer, assets, what is legacy.
#[derive(clap::Args)]
pub struct Args {
    /// A .keras, .h5, .weights.h5, .weights.json, .safetensors or .json file.
    file: PathBuf,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Result<(), Failure> {
    let found = cornu::inspect::inspect(&args.file)?;
    let text = if args.json {
        serde_json::to_string(&found).map_err(|e| Failure::failed(e.to_string()))? + "\n"
    } else {
        found.to_string()
    };
    // A reader that closes the pipe early has what it wants.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}
