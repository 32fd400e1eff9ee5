//! `cornu init`: a first RUN.toml.

use crate::console::Console;
use crate::failure::Failure;
use crate::first_run::{Files, Seen, TEMPLATE, text};
use std::path::{Path, PathBuf};

/// Write a first RUN.toml, with comments, by looking at data; it runs as it is.
///
/// Without data it writes one to be filled in.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cornu init --from train.csv\n  \
    cornu init --from iris.csv --target-column species --output iris.toml\n  \
    cornu init --from x.npy --target y.npy\n  cornu init --output -")]
pub struct Args {
    /// Data: inputs and target together, or inputs alone.
    #[arg(long, value_name = "DATA")]
    from: Option<PathBuf>,
    /// The target, where it stands in a file of its own.
    #[arg(long, value_name = "Y", requires = "from", conflicts_with = "target_column")]
    target: Option<PathBuf>,
    /// The column or key that is the target; `label`, `y`, … or the last column unless given.
    #[arg(long, value_name = "NAME", requires = "from")]
    target_column: Option<String>,
    /// The file written; `-` is standard output.
    #[arg(long, value_name = "RUN.toml", default_value = "RUN.toml")]
    output: PathBuf,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
}

pub fn run(args: Args, console: &Console) -> Result<(), Failure> {
    let to_console = args.output.as_os_str() == "-";
    let shown = args.output.display();
    if !to_console && args.output.exists() && !args.force {
        let cure = "name another with --output, or write over it with --force";
        return Err(Failure::usage(format!("{shown} is there already; {cure}")));
    }
    if !to_console && args.output.extension().is_none_or(|e| e != "toml") {
        return Err(Failure::usage(format!(
            "--output: the name must end in .toml. Received: {shown}"
        )));
    }
    let written = match args.from {
        None => TEMPLATE.to_string(),
        Some(from) => {
            let named = |p: &Path| named(p, &args.output);
            let (train, target) = (named(&from), args.target.as_deref().map(named));
            let files = Files { from, target: args.target, target_column: args.target_column };
            text(&Seen::new(&files)?, &train, target.as_deref())
        }
    };
    if to_console {
        console.result(&written);
        return Ok(());
    }
    cornu::saving::atomic::write(&args.output, written.as_bytes()).map_err(cornu::Error::from)?;
    console.line(&format!("{shown} written; `cornu fit {shown}` trains"));
    Ok(())
}

/// A path as a file in another folder names it.
fn named(path: &Path, from: &Path) -> String {
    let beside = from.parent().is_none_or(|folder| folder.as_os_str().is_empty());
    let path = match beside || path.is_absolute() {
        true => path.to_path_buf(),
        false => std::path::absolute(path).unwrap_or(path.to_path_buf()),
    };
    path.display().to_string()
}
