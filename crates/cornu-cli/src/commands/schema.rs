//! `cornu schema`: the JSON Schema of RUN.toml, and its reference page.

use crate::console::Console;
use crate::failure::Failure;

/// Print the JSON Schema of RUN.toml, for editors that check and complete it, or its reference
/// page.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cornu schema > run.schema.json\n  \
    Even Better TOML (VS Code): begin RUN.toml with `#:schema ./run.schema.json`")]
pub struct Args {
    /// The reference page of RUN.toml in Markdown instead.
    #[arg(long)]
    markdown: bool,
}

pub fn run(args: Args, console: &Console) -> Result<(), Failure> {
    if args.markdown {
        console.result(&crate::run_file::page());
        return Ok(());
    }
    console.line(&serde_json::to_string_pretty(&crate::run_file::schema())?);
    Ok(())
}
