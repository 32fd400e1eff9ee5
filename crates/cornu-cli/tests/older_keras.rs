//! Files of older Keras that the command converts, opened by real Keras 3.

use std::path::Path;
use std::process::Command;

#[test]
fn keras_3_opens_what_is_converted_and_predicts_the_same() {
    let found = std::env::var("CORNU_KERAS_PYTHON").ok();
    assert!(
        found.is_some() || std::env::var_os("CI").is_none(),
        "CORNU_KERAS_PYTHON must name a Python with Keras: run `cargo xtask check`"
    );
    let Some(python) = found else { return };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    let out = Command::new(python)
        .arg(here.join("tests/python/older.py"))
        .arg(env!("CARGO_BIN_EXE_cornu"))
        .arg(here.join("../cornu/tests/fixtures/older_keras.zip"))
        .arg(dir.path())
        .output()
        .expect("Python starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}
