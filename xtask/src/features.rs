//! `cornu` without features: that it builds, names what it lacks, and how many crates it links.

use crate::cargo::cargo;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The crates that `cornu` without features may link, itself among them.
const MAX_CRATES: usize = 60;

/// Builds and tests `cornu` without features and counts its crates.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let clippy = ["clippy", "-p", "cornu", "--no-default-features", "--", "-D", "warnings"];
    cargo(root, &clippy, &[])?;
    let errors = ["test", "-q", "-p", "cornu", "--no-default-features", "--test", "features"];
    cargo(root, &errors, &[])?;
    let n = crates(root)?.len();
    println!("    cornu without features links {n} crates");
    if n <= MAX_CRATES {
        return Ok(());
    }
    Err(format!("`cornu` without features links at most {MAX_CRATES} crates. Received: {n}"))
}

fn crates(root: &Path) -> Result<BTreeSet<String>, String> {
    let args = ["tree", "-p", "cornu", "--no-default-features", "-e", "normal", "--prefix", "none"];
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args(args)
        .current_dir(root)
        .output()
        .map_err(|e| format!("cargo does not start: {e}"))?;
    if !out.status.success() {
        return Err(format!("`cargo {}` ended with {}", args.join(" "), out.status));
    }
    let text = String::from_utf8_lossy(&out.stdout);
    // A crate that stands twice is marked at its second place.
    Ok(text.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect())
}
