//! `cornu summary`: the table of a model's layers.

use crate::failure::Failure;
use cornu::Opened;
use cornu::summary::{Style, Summary};
use std::io::Write;
use std::path::PathBuf;

/// Print the table of a model's layers.
#[derive(clap::Args)]
pub struct Args {
    /// A .keras file, a legacy .h5 or a config.json.
    model: PathBuf,
    /// Characters of a line; by default Keras's length, within the terminal (or COLUMNS).
    #[arg(long, value_name = "N")]
    line_length: Option<usize>,
    /// The table of Keras 3, or that of Keras 2.
    #[arg(long, default_value = "keras")]
    style: Look,
    /// Say for each layer whether a mask is made, used, passed or dropped, and warn where a loss
    /// misses one.
    #[arg(long)]
    masks: bool,
    /// Show the layers of models inside.
    #[arg(long)]
    expand_nested: bool,
    /// Say which layers are trainable.
    #[arg(long)]
    show_trainable: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Look {
    Keras,
    Classic,
}

pub fn run(args: Args) -> Result<(), Failure> {
    let model = Opened::read(&args.model)?;
    let style = match args.style {
        Look::Keras => Style::Keras,
        Look::Classic => Style::Classic,
    };
    let summary = Summary::new(&model)
        .style(style)
        .masks(args.masks)
        .expand_nested(args.expand_nested)
        .show_trainable(args.show_trainable);
    let summary = summary.columns(columns());
    let text = args.line_length.map_or(summary, |n| summary.line_length(n)).render()?;
    // A reader that closes the pipe early has what it wants.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// The terminal's columns, as Python's `shutil.get_terminal_size` finds them.
fn columns() -> usize {
    let set = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).filter(|c| *c > 0);
    set.or_else(|| terminal_size::terminal_size().map(|(w, _)| w.0.into())).unwrap_or(80)
}
