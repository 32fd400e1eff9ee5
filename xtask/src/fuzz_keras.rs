//! `cargo xtask fuzz-keras`: random models saved by real Keras, held against the command `cornu`.

use crate::cargo::{cargo, target_folder};
use crate::keras_python;
use std::path::Path;
use std::process::Command;

/// Builds the command and runs `tests/keras/fuzz` with the given options after its own.
pub(crate) fn run(root: &Path, options: &[&str]) -> Result<(), String> {
    let python = keras_python::ensure(root)?;
    cargo(root, &["build", "-p", "cornu-cli"], &[])?;
    let target = target_folder(root);
    let folder = target.join("fuzz-keras");
    let mut fuzz = Command::new(python);
    fuzz.current_dir(root.join("tests/keras")).env("KERAS_BACKEND", "jax").args(["-m", "fuzz"]);
    fuzz.arg("--cornu").arg(target.join("debug/cornu"));
    fuzz.arg("--keep").arg(folder.join("failing")).arg("--cache").arg(folder.join("compiled"));
    match fuzz.args(options).status() {
        Ok(s) if s.success() => Ok(()),
        Ok(_) => Err(format!("models differ: they are kept in {}", folder.display())),
        Err(e) => Err(format!("{fuzz:?} does not start: {e}")),
    }
}
