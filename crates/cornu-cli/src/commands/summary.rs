//! `cornu summary`: the table of a model's layers.

use crate::console::Console;
use crate::failure::Failure;
use crate::models;
use crate::own_classes::OwnClasses;
use cornu::summary::{Style, Summary};
use std::path::PathBuf;

/// Print the table of a model's layers.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cornu summary model.keras\n  \
    cornu summary RUN.toml --masks")]
pub struct Args {
    /// A .keras file, a legacy .h5, a config.json or a RUN.toml.
    model: PathBuf,
    #[command(flatten)]
    own: OwnClasses,
    /// Characters of a line; by default Keras's length, within the terminal (or COLUMNS).
    #[arg(long, value_name = "N")]
    line_length: Option<usize>,
    /// The table of Keras 3, or that of Keras 2.
    #[arg(long, default_value = "keras", conflicts_with = "json")]
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
    /// One JSON object: name, parameters, inputs, outputs, layers.
    #[arg(long, conflicts_with_all = ["line_length", "masks", "expand_nested", "show_trainable"])]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Look {
    Keras,
    Classic,
}

pub fn run(args: Args, console: &Console) -> Result<(), Failure> {
    let model = models::open(&args.model, &args.own)?;
    if args.json {
        console.json(&object(&model));
        return Ok(());
    }
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
    console.result(&text);
    Ok(())
}

/// The model in numbers.
fn object(model: &cornu::Model) -> serde_json::Value {
    let shape = |dims: &[Option<usize>]| -> serde_json::Value { dims.iter().copied().collect() };
    let layers: Vec<serde_json::Value> = model
        .graph()
        .members
        .iter()
        .map(|m| match &m.kind {
            cornu::extend::MemberKind::Input(i) => serde_json::json!({
                "name": m.name, "class": "InputLayer", "shape": shape(&i.batch_shape),
            }),
            cornu::extend::MemberKind::Layer(l) => serde_json::json!({
                "name": m.name, "class": l.class(),
                "shapes": m.outputs.iter().flatten().map(|s| shape(&s.dims)).collect::<Vec<_>>(),
            }),
        })
        .collect();
    serde_json::json!({
        "name": model.as_layer().shown_name(), "parameters": model.count_params(),
        "inputs": model.inputs().iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(),
        "outputs": model.output_names(), "layers": layers,
    })
}

/// The terminal's columns, as Python's `shutil.get_terminal_size` finds them.
fn columns() -> usize {
    let set = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).filter(|c| *c > 0);
    set.or_else(|| terminal_size::terminal_size().map(|(w, _)| w.0.into())).unwrap_or(80)
}
