//! `cornu man`: the man pages.

use crate::console::Console;
use crate::failure::Failure;
use std::path::PathBuf;

/// Write the man pages of all commands into a folder.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cornu man --output ~/.local/share/man/man1\n  man cornu-fit")]
pub struct Args {
    /// The folder; it is made where it is not there.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

pub fn run(args: &Args, definition: clap::Command, console: &Console) -> Result<(), Failure> {
    let folder = &args.output;
    let failed = |e: std::io::Error| Failure::failed(format!("--output {}: {e}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(definition, folder).map_err(failed)?;
    console.line(&format!("man pages saved to {}", folder.display()));
    Ok(())
}
