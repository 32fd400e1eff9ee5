//! What the command tells of files of every kind, and the files it makes of one another.

use cornu::data::{Array, Data, read, write};
use cornu::{Compile, Conv1d, Dense, Embedding, Flatten, Input, Lstm, Model};
use ndarray::{ArrayD, IxDyn};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cornu"))
        .current_dir(folder)
        .args(args)
        .output()
        .expect("the command runs")
}

/// What a command that succeeds says.
fn said(folder: &Path, args: &[&str]) -> String {
    let out = run(folder, args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn fixture(name: &str) -> String {
    let path: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../cornu/tests/fixtures").join(name);
    path.display().to_string()
}

/// A folder with a compiled model of words as `m.keras` and numbers of words as `x.npy`.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let x = Input::ids([5]);
    let h = Embedding::new(7, 3).mask_zero(true).call(&x).unwrap();
    let h = Lstm::new(4).return_sequences(true).call(&h).unwrap();
    let h = Conv1d::new(3, 2).call(&Dense::new(3).call(&h).unwrap()).unwrap();
    let y = Dense::new(2).call(&Flatten::default().call(&h).unwrap()).unwrap();
    let model = Model::new(&x, &y).unwrap().compile(Compile::new("adam", "mse")).unwrap();
    model.save(dir.path().join("m.keras")).unwrap();
    let ids =
        ArrayD::from_shape_vec(IxDyn(&[3, 5]), vec![1, 2, 3, 0, 0, 4, 5, 6, 1, 2, 3, 0, 0, 0, 0])
            .unwrap();
    write(dir.path().join("x.npy"), &[("x".into(), Data::Dense(Array::I32(ids)))]).unwrap();
    dir
}

fn predicted(folder: &Path, model: &str) -> Data {
    said(folder, &["predict", model, "--input", "x.npy", "--output", "y.npy"]);
    read(folder.join("y.npy")).unwrap().inputs[0].1.clone()
}

/// The last column of each row that names a layer.
fn masks(table: &str) -> Vec<String> {
    let rows = table.lines().filter(|l| l.starts_with('│') && l.contains('('));
    rows.map(|l| l.trim_end_matches('│').rsplit('│').next().unwrap().trim().to_string())
        .filter(|m| !m.is_empty())
        .collect()
}

#[test]
fn the_summary_tells_what_becomes_of_masks() {
    let dir = folder();
    let table = said(dir.path(), &["summary", "m.keras", "--masks", "--line-length", "140"]);
    let told: Vec<String> = masks(&table).into_iter().filter(|m| m != "-").collect();
    assert_eq!(told, ["made", "used, passed", "passed", "dropped"], "{table}");
    assert!(!said(dir.path(), &["summary", "m.keras"]).contains("passed"));
    // A mask reaches the second layer of a chain of Keras 2 too, and the third uses it up.
    let table = said(dir.path(), &["summary", &fixture("keras2/mask.h5"), "--masks"]);
    assert_eq!(masks(&table), ["-", "made", "used, passed", "used", "-"], "{table}");
}

#[test]
fn every_kind_of_file_is_inspected() {
    let dir = folder();
    let p = dir.path();
    for to in ["m.weights.h5", "m.safetensors", "m.json"] {
        said(p, &["convert", "m.keras", to]);
    }
    let cases: [(&str, &[&str]); 6] = [
        (
            "m.keras",
            &[
                "a whole model (.keras)",
                "Keras      3.15.1",
                "compiled   Adam, loss \"mse\"",
                "Weights: 10 arrays",
                "layers/embedding/vars/0",
                "(7, 3)",
                "Optimizer:",
            ],
        ),
        (
            "m.weights.h5",
            &[
                "weights alone (.weights.h5 of Keras 3)",
                "Weights: 10 arrays",
                "layers/lstm/cell/vars/1",
            ],
        ),
        (
            "m.safetensors",
            &["weights alone (safetensors)", "Weights: 10 arrays", "layers/lstm/cell/vars/1"],
        ),
        ("m.json", &["an architecture alone (config.json)", "2 Dense", "compiled   Adam"]),
        (
            &fixture("keras2/bidi.h5"),
            &[
                "a whole model (legacy .h5)",
                "Keras      2.21.0",
                "read as layers/bidirectional/forward_layer/cell/vars/0",
                "Legacy:",
                "batch_input_shape",
            ],
        ),
        (
            &fixture("keras2/bidi.keras"),
            &["a whole model (.keras)", "Keras      2.21.0", "a .keras file of Keras 2"],
        ),
    ];
    for (file, words) in cases {
        let text = said(p, &["inspect", file]);
        words.iter().for_each(|w| assert!(text.contains(w), "{file}: `{w}` is missing in\n{text}"));
        let told: serde_json::Value =
            serde_json::from_str(&said(p, &["inspect", "--json", file])).unwrap();
        assert!(told["kind"].as_str().is_some_and(|kind| text.starts_with(kind)), "{file}: {told}");
        assert!(told["refused"].is_null(), "{file}: {told}");
    }
    // Numbers in order: paths, shapes and bytes of each array.
    let told: serde_json::Value =
        serde_json::from_str(&said(p, &["inspect", "--json", "m.safetensors"])).unwrap();
    let table = told["weights"]
        .as_array()
        .unwrap()
        .iter()
        .find(|w| w["path"] == "layers/embedding/vars/0")
        .unwrap();
    assert_eq!(
        (&table["shape"], &table["bytes"]),
        (&serde_json::json!([7, 3]), &serde_json::json!(84))
    );
}

#[test]
fn files_become_files_of_other_kinds_with_the_same_numbers() {
    let dir = folder();
    let p = dir.path();
    let want = predicted(p, "m.keras");
    said(p, &["convert", "m.keras", "m.json"]);
    for weights in ["m.weights.h5", "m.safetensors"] {
        said(p, &["convert", "m.keras", weights]);
        // Weights with the model they belong to, be it whole or its architecture.
        for model in ["m.keras", "m.json"] {
            said(p, &["convert", weights, "back.keras", "--model", model]);
            assert_eq!(predicted(p, "back.keras"), want, "{weights} and {model}");
            std::fs::remove_file(p.join("back.keras")).unwrap();
        }
    }
    // Weights of one kind become weights of the other.
    said(p, &["convert", "m.safetensors", "again.weights.h5", "--model", "m.json"]);
    said(p, &["convert", "again.weights.h5", "again.keras", "--model", "m.json"]);
    assert_eq!(predicted(p, "again.keras"), want);
    // A model of its architecture alone starts anew, with as many weights.
    said(p, &["convert", "m.json", "new.keras"]);
    assert_eq!(
        Model::open(p.join("new.keras")).unwrap().count_params(),
        Model::open(p.join("m.keras")).unwrap().count_params()
    );
    // Legacy files are read, of Keras 2 and of either ending.
    for (name, file) in [("bidi.h5", "old.keras"), ("bidi.keras", "newer.keras")] {
        said(p, &["convert", &fixture(&format!("keras2/{name}")), file]);
        said(
            p,
            &["predict", file, "--input", &fixture("keras2/bidi_x0.npy"), "--output", "old.npy"],
        );
        let got =
            read(p.join("old.npy")).unwrap().inputs[0].1.values().to_f32().unwrap().into_owned();
        let want = read(fixture("keras2/bidi_y0.npy")).unwrap().inputs[0]
            .1
            .values()
            .to_f32()
            .unwrap()
            .into_owned();
        assert!(
            got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-5) && got.shape() == want.shape(),
            "{name}"
        );
    }
}

#[test]
fn conversions_that_cannot_be_are_refused() {
    let dir = folder();
    let p = dir.path();
    said(p, &["convert", "m.keras", "m.weights.h5"]);
    let refused = |args: &[&str], code: i32, words: &str| {
        let out = run(p, args);
        let message = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(code), "{args:?}: {message}");
        assert!(message.contains(words), "{args:?}: {message}");
    };
    refused(&["convert", "m.weights.h5", "x.keras"], 1, "--model");
    refused(&["convert", "m.keras", "x.h5"], 3, "cornu writes .keras");
    refused(&["convert", "absent.keras", "x.keras"], 1, "absent.keras");
    refused(&["convert", "m.keras"], 2, "Usage");
    // Weights of another model.
    let x = Input::new([4]);
    let other = Model::new(&x, &Dense::new(1).call(&x).unwrap()).unwrap();
    other.save(p.join("other.keras")).unwrap();
    refused(
        &["convert", "m.weights.h5", "x.keras", "--model", "other.keras"],
        1,
        "layers/dense/vars/0",
    );
    assert!(!p.join("x.keras").exists());
}
