//! `cornu fit`: training, from a model's file or from a RUN.toml.

use crate::failure::Failure;
use crate::files;
use crate::run_file::{Overrides, RunFile};
use cornu::data::{BatchMaker, ClassWeights};
use cornu::{CompiledModel, Fit};
use cornu::{EpochLoss, Unequal};
use std::path::PathBuf;

/// Train a model on data.
#[derive(clap::Args)]
pub struct Args {
    /// A .keras file, a config.json, or a RUN.toml that names data, layers and settings.
    model: PathBuf,
    /// Data for an input; repeat it for several inputs, in the model's order. A file with labels
    /// brings the targets along.
    #[arg(long = "input", value_name = "X")]
    inputs: Vec<PathBuf>,
    /// Targets of an output; repeat it for several outputs, in the model's order.
    #[arg(long = "target", value_name = "Y")]
    targets: Vec<PathBuf>,
    /// Samples of a batch.
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Passes over the data.
    #[arg(long, value_name = "E")]
    epochs: Option<usize>,
    /// Take the samples in their order.
    #[arg(long)]
    no_shuffle: bool,
    /// How batches are made: as-they-come, shuffle, bucket, equal-length, token-budget(N) or
    /// batch-size-1.
    #[arg(long, value_name = "MAKER", conflicts_with = "no_shuffle")]
    batches: Option<String>,
    /// Gradients reach back over at most K timesteps; states pass along whole sequences.
    #[arg(long, value_name = "K")]
    tbptt: Option<usize>,
    /// How the losses of batches become an epoch's: timesteps (exact) or keras.
    #[arg(long, value_name = "BY")]
    epoch_loss: Option<String>,
    /// Fill sequences of unequal length up with this value, for a model that masks it.
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pad: Option<f64>,
    /// Seed of the order of samples and of all that is random.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The last part of the data validates.
    #[arg(long, value_name = "F")]
    validation_split: Option<f64>,
    /// Weights of the samples, one file or one for each output.
    #[arg(long, value_name = "W")]
    sample_weight: Vec<PathBuf>,
    /// Weights of the classes: 0:1.0,1:2.0
    #[arg(long, value_name = "CLASS:WEIGHT,…")]
    class_weight: Option<String>,
    /// Where the values of all epochs go, as JSON.
    #[arg(long, value_name = "H.json")]
    history: Option<PathBuf>,
    /// Where the trained model goes.
    #[arg(long, value_name = "OUT.keras")]
    output: Option<PathBuf>,
    /// 0 silent, 1 a bar, 2 a line an epoch.
    #[arg(long, value_name = "V")]
    verbose: Option<u8>,
    /// Threads; all cores unless given.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

pub fn run(args: Args) -> Result<(), Failure> {
    if args.model.extension().is_some_and(|e| e == "toml") {
        return RunFile::read(&args.model)?.overridden(args.overrides()).run();
    }
    if args.inputs.is_empty() {
        return Err(Failure::usage("data are needed: --input X [--target Y]"));
    }
    let mut model = CompiledModel::open(&args.model)?;
    if let Some(n) = args.threads {
        model.set_threads(n);
    }
    if let Some(s) = args.seed {
        model.set_seed(s);
    }
    let (x, y) = files::examples(&model, &args.inputs, &args.targets)?;
    let mut fit = Fit::new()
        .batch_size(args.batch_size.unwrap_or(32))
        .epochs(args.epochs.unwrap_or(1))
        .shuffle(!args.no_shuffle)
        .seed(args.seed.unwrap_or(0))
        .verbose(args.verbose.unwrap_or(1))
        .validation_split(args.validation_split.unwrap_or(0.0));
    if let Some(name) = &args.batches {
        fit = fit.batches(BatchMaker::parse(name).map_err(cornu::Error::from)?);
    }
    if let Some(k) = args.tbptt {
        fit = fit.tbptt(k);
    }
    if let Some(by) = &args.epoch_loss {
        fit = fit.epoch_loss(EpochLoss::parse(by)?);
    }
    if let Some(v) = args.pad {
        fit = fit.unequal(Unequal::Pad(v));
    }
    if !args.sample_weight.is_empty() {
        fit = fit.sample_weight(files::targets(&args.sample_weight)?);
    }
    if let Some(text) = &args.class_weight {
        fit = fit.class_weight(class_weights(text)?);
    }
    let history = model.fit(x, y, fit)?;
    if let Some(path) = &args.history {
        files::write_json(path, &history.to_json())?;
    }
    if let Some(path) = &args.output {
        model.save(path)?;
    }
    Ok(())
}

fn class_weights(text: &str) -> Result<ClassWeights, Failure> {
    let pair = |p: &str| -> Option<(i64, f32)> {
        let (class, weight) = p.split_once(':')?;
        Some((class.trim().parse().ok()?, weight.trim().parse().ok()?))
    };
    text.split(',')
        .map(|p| {
            pair(p).ok_or_else(|| {
                Failure::usage(format!(
                    "--class-weight: expected CLASS:WEIGHT,… such as 0:1.0,1:2.0. Received: {p}"
                ))
            })
        })
        .collect()
}

impl Args {
    /// The settings that go before those of a RUN.toml.
    fn overrides(self) -> Overrides {
        Overrides {
            batch_size: self.batch_size,
            epochs: self.epochs,
            seed: self.seed,
            history: self.history,
            output: self.output,
            threads: self.threads,
            batches: self.batches,
            tbptt: self.tbptt,
            epoch_loss: self.epoch_loss,
            pad: self.pad,
        }
    }
}
