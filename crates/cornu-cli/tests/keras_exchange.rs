//! The live exchange with real Keras: each opens what the other saved, predicts the same and trains on.

use cornu::data::read;
use std::path::Path;
use std::process::Command;

/// The Python that `cargo xtask check` made. Without it the test is skipped, but never where `CI` is set.
fn python() -> Option<String> {
    let found = std::env::var("CORNU_KERAS_PYTHON").ok();
    assert!(found.is_some() || std::env::var_os("CI").is_none(), "CORNU_KERAS_PYTHON must name a Python with Keras: run `cargo xtask check`");
    found
}

fn keras(python: &str, what: &str, folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/exchange.py");
    let out = Command::new(python).arg(script).arg(what).arg(folder).output().expect("Python starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

fn cornu(folder: &Path, args: &[&str]) {
    let out = Command::new(env!("CARGO_BIN_EXE_cornu")).current_dir(folder).args(args).output().expect("the command runs");
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn keras_and_cornu_open_each_others_files_and_train_on() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    keras(&python, "make", folder);
    for name in ["two_lstm", "masked", "conv"] {
        let file = |end: &str| format!("{name}{end}");
        cornu(folder, &["predict", &file(".keras"), "--input", &file("_x.npy"), "--output", &file("_first.npy")]);
        let numbers = |end: &str| -> Vec<f32> { read(folder.join(file(end))).unwrap().inputs[0].1.values().to_f32().unwrap().iter().copied().collect() };
        let worst = numbers("_first.npy").iter().zip(numbers("_p.npy")).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= 1e-6, "{name}: {worst}");
        cornu(
            folder,
            &[
                "fit",
                &file(".keras"),
                "--input",
                &file("_x.npy"),
                "--target",
                &file("_y.npy"),
                "--batch-size",
                "5",
                "--epochs",
                "1",
                "--no-shuffle",
                "--verbose",
                "0",
                "--output",
                &file("_cornu.keras"),
            ],
        );
        cornu(folder, &["predict", &file("_cornu.keras"), "--input", &file("_x.npy"), "--output", &file("_cornu.npy")]);
    }
    keras(&python, "check", folder);
}
