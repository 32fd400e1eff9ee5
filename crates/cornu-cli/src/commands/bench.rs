//! `cornu bench`: how long a training step and a prediction take.

use crate::console::Console;
use crate::failure::Failure;
use crate::own_classes::OwnClasses;
use crate::run_file::{Given, RunOf, Source, is_run_file};
use cornu::Opened;
use cornu::bench::Bench;
use std::path::PathBuf;

/// Time training steps and predictions on random data.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cornu bench model.keras --batch-size 64 --timesteps 100\n  \
    cornu bench RUN.toml --profile")]
pub struct Args {
    /// A .keras file, a config.json or a RUN.toml.
    model: PathBuf,
    #[command(flatten)]
    own: OwnClasses,
    /// Samples of a batch; that of the RUN.toml, or 32 unless given.
    #[arg(long, value_name = "B")]
    batch_size: Option<usize>,
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

pub fn run(args: Args, console: &Console) -> Result<(), Failure> {
    for (flag, n) in [("--batch-size", args.batch_size), ("--steps", Some(args.steps))] {
        if n == Some(0) {
            return Err(Failure::usage(format!("{flag}: must be at least 1. Received: 0")));
        }
    }
    let mut batch_size = 32;
    let model = if is_run_file(&args.model) {
        let source = Source::read(&args.model)?;
        let run = RunOf::new(&source, Given { own: args.own.clone(), ..Given::default() })?;
        batch_size = run.options().batch_size();
        run.opened()?
    } else {
        Opened::read_with(&args.model, &args.own.registry()?)?
    };
    if let Some(n) = args.threads {
        model.set_threads(n);
    }
    let lengths = match &args.lengths {
        Some(p) => Some(crate::files::lengths(p)?),
        None => None,
    };
    let bench = Bench {
        batch_size: args.batch_size.unwrap_or(batch_size),
        steps: args.steps,
        timesteps: args.timesteps,
        lengths,
        profile: args.profile,
    };
    let report = bench.run(&model)?;
    match args.json {
        true => console.line(&serde_json::to_string(&report)?),
        false => console.result(&report.to_string()),
    }
    Ok(())
}
