//! The command `cornu`: Keras's sequence models from the shell.
#![forbid(unsafe_code)]

mod failure;
mod files;
mod logs;
mod run_file;
mod commands;

use clap::{Parser, Subcommand};
use failure::Failure;
use std::process::ExitCode;

/// Build, train, save and run Keras models of sequences.
#[derive(Parser)]
#[command(name = "cornu", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

macro_rules! commands {
    ($($Name:ident $module:ident;)*) => {
        #[derive(Subcommand)]
        enum Command { $($Name(commands::$module::Args)),* }

        fn run(cli: Cli) -> Result<(), Failure> {
            match cli.command { $(Command::$Name(args) => commands::$module::run(args)),* }
        }
    };
}

commands! {
    Summary summary;
    Explain explain;
    Fit fit;
    Evaluate evaluate;
    Predict predict;
    Bench bench;
    Inspect inspect;
    Convert convert;
}

/// Prints the warnings of the library.
struct Warnings;

impl log::Log for Warnings {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.level() <= log::Level::Warn && metadata.target().starts_with("cornu")
    }

    fn log(&self, record: &log::Record) {
        if self.enabled(record.metadata()) {
            eprintln!("warning: {}", record.args());
        }
    }

    fn flush(&self) {}
}

fn main() -> ExitCode {
    if log::set_logger(&Warnings).is_ok() {
        log::set_max_level(log::LevelFilter::Warn);
    }
    // A broken invariant is cornu's own fault: it is told in one line, without a trace.
    std::panic::set_hook(Box::new(|_| {}));
    match std::panic::catch_unwind(|| run(Cli::parse())) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(f)) => {
            eprintln!("error: {}", f.message);
            ExitCode::from(f.code)
        }
        Err(cause) => {
            let what = cause
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| cause.downcast_ref::<&str>().copied())
                .unwrap_or("unknown");
            eprintln!("error: cornu broke one of its own rules, please report it: {what}");
            ExitCode::from(1)
        }
    }
}
