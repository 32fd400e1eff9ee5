//! Calls of cargo.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs cargo in the workspace; an error unless it succeeds.
pub(crate) fn cargo(root: &Path, args: &[&str], env: &[(&str, &str)]) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status =
        Command::new(cargo).args(args).envs(env.iter().copied()).current_dir(root).status();
    match status {
        Ok(s) if s.success() => Ok(()),
        Ok(s) => Err(format!("`cargo {}` ended with {s}", args.join(" "))),
        Err(e) => Err(format!("cargo does not start: {e}")),
    }
}

/// Where cargo builds.
pub(crate) fn target_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}
