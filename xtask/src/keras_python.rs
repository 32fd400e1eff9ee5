//! The Python environment in which real Keras runs for the tests: made under `target/`, from pinned
//! packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Tells the tests which interpreter has Keras.
pub(crate) const VARIABLE: &str = "CORNU_KERAS_PYTHON";

/// What the environment holds, one pinned package a line.
const REQUIREMENTS: &str = "tests/keras/requirements.txt";

fn folder(root: &Path) -> PathBuf {
    root.join("target/keras-python")
}

/// Where the environment's interpreter stands.
pub(crate) fn interpreter(root: &Path) -> PathBuf {
    folder(root).join("bin/python")
}

/// Makes the environment unless it is there with just these packages; gives its interpreter.
pub(crate) fn ensure(root: &Path) -> Result<PathBuf, String> {
    let (folder, python) = (folder(root), interpreter(root));
    let wanted =
        fs::read_to_string(root.join(REQUIREMENTS)).map_err(|e| format!("{REQUIREMENTS}: {e}"))?;
    let made = folder.join("requirements.txt");
    if python.exists() && fs::read_to_string(&made).is_ok_and(|have| have == wanted) {
        return Ok(python);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let host = host_python()?;
    let venv = |args: &[&str]| run(Command::new(host).args(["-m", "venv"]).args(args).arg(&folder));
    let mut install = if venv(&[]).is_ok() {
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install"]);
        pip
    } else {
        // Debian splits ensurepip off: an environment without pip, filled by the host's.
        venv(&["--without-pip", "--clear"])?;
        let mut pip = Command::new(host);
        pip.args(["-m", "pip", "--python"]).arg(&python).arg("install");
        pip
    };
    run(install
        .args(["--quiet", "--disable-pip-version-check", "-r"])
        .arg(root.join(REQUIREMENTS)))?;
    fs::write(&made, wanted).map_err(|e| format!("{}: {e}", made.display()))?;
    Ok(python)
}

/// The first Python on the path that Keras 3.15 runs on.
fn host_python() -> Result<&'static str, String> {
    const NEW_ENOUGH: &str = "import sys; sys.exit(sys.version_info < (3, 11))";
    (["python3", "python3.11", "python3.12", "python3.13"].into_iter())
        .find(|p| Command::new(p).args(["-c", NEW_ENOUGH]).status().is_ok_and(|s| s.success()))
        .ok_or_else(|| {
            "the tests against Keras need python3, 3.11 or newer, with venv. Received: \
            none on the path"
                .into()
        })
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(out) if out.status.success() => Ok(()),
        Ok(out) => Err(format!(
            "{command:?} ended with {}:\n{}",
            out.status,
            String::from_utf8_lossy(&out.stderr).trim()
        )),
        Err(e) => Err(format!("{command:?} does not start: {e}")),
    }
}
