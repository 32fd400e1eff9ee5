//! `cargo xtask symbols`: the page of Keras's symbols, written by the test that otherwise compares
//! it.

use crate::cargo::cargo;
use std::path::Path;

/// What tells the test to write the page.
const VARIABLE: &str = "CORNU_WRITE_PAGES";

/// Writes docs/KERAS.md.
pub(crate) fn write(root: &Path) -> Result<(), String> {
    cargo(root, &["test", "--quiet", "-p", "cornu", "--test", "symbols"], &[(VARIABLE, "1")])
}
