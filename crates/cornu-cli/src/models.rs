//! Models by path: a model's file, or a RUN.toml that says how one is built.

use crate::failure::Failure;
use crate::own_classes::OwnClasses;
use crate::run_file::{self, Source, is_run_file};
use cornu::Opened;
use std::path::Path;

/// The model of a file.
///
/// # Errors
/// No model, or a RUN.toml with a mistake.
pub fn open(path: &Path, own: &OwnClasses) -> Result<Opened, Failure> {
    if is_run_file(path) {
        return run_file::opened(&Source::read(path)?, own.clone());
    }
    Ok(Opened::read_with(path, &own.registry()?)?)
}
