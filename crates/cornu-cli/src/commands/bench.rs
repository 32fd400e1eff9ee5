//! `cornu bench`: how long a training step and a prediction take.

use crate::failure::Failure;
use cornu::Opened;
use cornu::bench::Bench;
use std::path::PathBuf;

/// Time training steps and predictions on random data.
#[derive(clap::Args)]
pub struct Args {
    /// A .keras file or a config.json.
    model: PathBuf,
    /// Samples of a batch.
    #[arg(long, default_value_t = 32, value_name = "B")]
    batch_size: usize,
    /// Steps timed.
    #[arg(long, default_value_t = 20, value_name = "S")]
    steps: usize,
    /// Timesteps where the model leaves them open.
    #[arg(long, value_name = "T")]
    timesteps: Option<usize>,
    /// Lengths of the sequences (.npy of integers), taken batch by batch.
    #[arg(long, value_name = "L.npy")]
    lengths: Option<PathBuf>,
    /// Threads; all cores unless given.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Also the time of each operation of a training step.
    #[arg(long)]
    profile: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Result<(), Failure> {
    let model = Opened::read(&args.model)?;
    if let Some(n) = args.threads {
        model.set_threads(n);
    }
    let lengths = match &args.lengths {
        Some(p) => Some(crate::files::lengths(p)?),
        None => None,
    };
    let bench = Bench {
        batch_size: args.batch_size,
        steps: args.steps,
        timesteps: args.timesteps,
        lengths,
        profile: args.profile,
    };
    let report = bench.run(&model)?;
    match args.json {
        true => println!(
            "{}",
            serde_json::to_string(&report).map_err(|e| Failure::failed(e.to_string()))?
        ),
        false => print!("{report}"),
    }
    Ok(())
}
