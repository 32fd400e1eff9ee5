//! `cornu completions`: what a shell completes.

use crate::console::Console;
use crate::failure::Failure;

/// Print what a shell needs to complete the command's words.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    cornu completions bash > ~/.local/share/bash-completion/completions/cornu\n  \
    cornu completions fish > ~/.config/fish/completions/cornu.fish")]
pub struct Args {
    /// The shell.
    shell: clap_complete::Shell,
}

pub fn run(args: &Args, definition: &mut clap::Command, console: &Console) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, definition, "cornu", &mut text);
    console.result(&String::from_utf8_lossy(&text));
    Ok(())
}
