//! The command `cornu`: Keras's sequence models from the shell.
#![forbid(unsafe_code)]

mod failure;
mod console;
mod signals;
mod logs;
mod options;
mod classes;
mod own_classes;
mod files;
mod outputs;
mod training;
mod run_file;
mod models;
mod labels;
mod report;
mod streams;
mod first_run;
mod commands;

use clap::{CommandFactory, Parser, Subcommand};
use console::Console;
use failure::Failure;
use std::process::ExitCode;

/// Build, train, save and run Keras models of sequences.
///
/// Exit codes: 0 done, 1 failed with one message, 2 wrong usage, 3 understood but not supported,
/// 130 and 143 interrupted by Ctrl-C and SIGTERM with everything saved.
#[derive(Parser)]
#[command(name = "cornu", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

macro_rules! commands {
    ($($Name:ident $module:ident;)*) => {
        #[derive(Subcommand)]
        enum Command {
            $($Name(Box<commands::$module::Args>),)*
            Completions(commands::completions::Args),
            Man(commands::man::Args),
        }

        fn run(cli: Cli, console: &Console) -> Result<(), Failure> {
            match cli.command {
                $(Command::$Name(args) => commands::$module::run(*args, console),)*
                Command::Completions(args) => {
                    commands::completions::run(&args, &mut Cli::command(), console)
                }
                Command::Man(args) => commands::man::run(&args, Cli::command(), console),
            }
        }
    };
}

commands! {
    Init init;
    Fit fit;
    Evaluate evaluate;
    Predict predict;
    Summary summary;
    Explain explain;
    Bench bench;
    Inspect inspect;
    Convert convert;
    Schema schema;
}

/// Prints the warnings of the library.
struct Warnings;

impl log::Log for Warnings {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.level() <= log::Level::Warn && metadata.target().starts_with("cornu")
    }

    fn log(&self, record: &log::Record) {
        if self.enabled(record.metadata()) {
            console::warning(&record.args().to_string());
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
    let done = std::panic::catch_unwind(|| {
        let console = Console::default();
        run(Cli::parse(), &console).and_then(|()| console.finish())
    });
    match done {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(f)) => {
            console::error(&f.message);
            ExitCode::from(f.code)
        }
        Err(cause) => {
            let what = cause
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| cause.downcast_ref::<&str>().copied())
                .unwrap_or("unknown");
            console::error(&format!("cornu broke one of its own rules, please report it: {what}"));
            ExitCode::from(1)
        }
    }
}
