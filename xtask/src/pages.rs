//! `cargo xtask symbols`, `cargo xtask run-page`: pages written by the tests that otherwise compare
//! them.

use crate::cargo::cargo;
use std::path::Path;

/// What tells a test to write its page.
const VARIABLE: &str = "CORNU_WRITE_PAGES";

/// Writes docs/KERAS.md.
pub(crate) fn write(root: &Path) -> Result<(), String> {
    cargo(root, &["test", "--quiet", "-p", "cornu", "--test", "symbols"], &[(VARIABLE, "1")])
}

/// Writes docs/RUN.md.
pub(crate) fn write_run_page(root: &Path) -> Result<(), String> {
    let test = ["test", "--quiet", "-p", "cornu-cli", "--bin", "cornu", "run_page"];
    cargo(root, &test, &[(VARIABLE, "1")])
}
