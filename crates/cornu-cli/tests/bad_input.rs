//! Bad input gets one clear message that names axis and cure, exit code 1, and nothing is
//! overwritten.

use cornu::data::{Array, Data, write};
use cornu::{Compile, Dense, Embedding, Input, LayerRef, Lstm, Model};
use ndarray::{Array1, Array2, Array3};
use std::path::Path;
use std::process::{Command, Output};

fn cornu(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cornu"))
        .current_dir(folder)
        .args(args)
        .output()
        .expect("the command runs")
}

fn npy(folder: &Path, name: &str, array: impl Into<Array>) {
    write(folder.join(name), &[("x".into(), Data::Dense(array.into()))]).unwrap();
}

/// A folder with a classifier of series (5 timesteps of 2 features, 3 classes), its data, and an
/// old result.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let p = dir.path();
    let layers =
        vec![LayerRef::new(Lstm::new(4)), LayerRef::new(Dense::new(3).activation("softmax"))];
    let model = Model::sequential(&Input::new([5, 2]), layers).unwrap();
    model
        .compile(Compile::new("sgd", "sparse_categorical_crossentropy"))
        .unwrap()
        .save(p.join("m.keras"))
        .unwrap();
    // A functional model checks all axes of its input, a Sequential leaves timesteps to its layers.
    let x = Input::new([5, 2]);
    let y = Dense::new(3).activation("softmax").call(&Lstm::new(4).call(&x).unwrap()).unwrap();
    let model = Model::new(&x, &y).unwrap();
    let compile = Compile::new("sgd", "sparse_categorical_crossentropy");
    model.compile(compile).unwrap().save(p.join("functional.keras")).unwrap();
    npy(p, "x.npy", Array3::<f32>::ones((6, 5, 2)).into_dyn());
    npy(p, "y.npy", Array1::from(vec![0i32, 1, 2, 0, 1, 2]).into_dyn());
    std::fs::write(p.join("old.keras"), "an earlier result").unwrap();
    dir
}

/// Runs `fit` on these data and checks code, message and that the earlier result stands.
fn refused(dir: &tempfile::TempDir, model: &str, x: &str, y: &str, words: &[&str]) {
    let out =
        cornu(dir.path(), &["fit", model, "--input", x, "--target", y, "--output", "old.keras"]);
    let err = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{err}");
    let message: Vec<&str> = err.lines().filter(|l| l.starts_with("error: ")).collect();
    assert_eq!(message.len(), 1, "{err}");
    for w in words {
        assert!(message[0].contains(w), "`{w}` in {err}");
    }
    assert!(!err.contains("panicked") && !err.contains("own rules"), "{err}");
    assert_eq!(std::fs::read_to_string(dir.path().join("old.keras")).unwrap(), "an earlier result");
}

#[test]
fn wrong_shapes_name_the_axis() {
    let dir = folder();
    npy(dir.path(), "rank.npy", Array2::<f32>::ones((6, 5)).into_dyn());
    refused(&dir, "m.keras", "rank.npy", "y.npy", &["rank 3", "timesteps", "Received: rank 2"]);
    npy(dir.path(), "features.npy", Array3::<f32>::ones((6, 5, 3)).into_dyn());
    refused(
        &dir,
        "m.keras",
        "features.npy",
        "y.npy",
        &["axis 2 (features)", "expected 2", "3 there"],
    );
    npy(dir.path(), "steps.npy", Array3::<f32>::ones((6, 7, 2)).into_dyn());
    let words = ["axis 1 (timesteps)", "expected 5"];
    refused(&dir, "functional.keras", "steps.npy", "y.npy", &words);
    npy(dir.path(), "few.npy", Array1::from(vec![0i32, 1]).into_dyn());
    refused(&dir, "m.keras", "x.npy", "few.npy", &["6 samples", "axis 0", "2"]);
}

#[test]
fn labels_and_ids_out_of_range_are_named() {
    let dir = folder();
    npy(dir.path(), "label.npy", Array1::from(vec![0i32, 1, 3, 0, 1, 2]).into_dyn());
    refused(&dir, "m.keras", "x.npy", "label.npy", &["label", "3"]);
    let ids = Input::new([4]);
    let y = Lstm::new(2).call(&Embedding::new(10, 3).call(&ids).unwrap()).unwrap();
    Model::new(&ids, &y)
        .unwrap()
        .compile(Compile::new("sgd", "mse"))
        .unwrap()
        .save(dir.path().join("ids.keras"))
        .unwrap();
    npy(dir.path(), "ids.npy", Array2::from_elem((6, 4), 10i32).into_dyn());
    npy(dir.path(), "t.npy", Array2::<f32>::ones((6, 2)).into_dyn());
    refused(&dir, "ids.keras", "ids.npy", "t.npy", &["10"]);
}

#[test]
fn numbers_that_are_none_and_empty_files_are_refused() {
    let dir = folder();
    let mut x = Array3::<f32>::ones((6, 5, 2));
    x[[3, 2, 1]] = f32::NAN;
    npy(dir.path(), "nan.npy", x.into_dyn());
    refused(&dir, "m.keras", "nan.npy", "y.npy", &["NaN", "sample 3"]);
    std::fs::write(dir.path().join("empty.npy"), "").unwrap();
    refused(&dir, "m.keras", "empty.npy", "y.npy", &["empty.npy"]);
    npy(dir.path(), "none.npy", Array3::<f32>::ones((0, 5, 2)).into_dyn());
    refused(&dir, "m.keras", "none.npy", "y.npy", &["none.npy"]);
}

#[test]
fn sequences_of_unequal_length_need_open_timesteps() {
    let dir = folder();
    let lines = r#"{"x": [[1, 2], [3, 4]], "label": 0}"#.to_string()
        + "\n"
        + r#"{"x": [[1, 2], [3, 4], [5, 6], [7, 8], [9, 9], [1, 1]], "label": 1}"#
        + "\n";
    std::fs::write(dir.path().join("series.jsonl"), lines).unwrap();
    let model = "functional.keras";
    let out =
        cornu(dir.path(), &["fit", model, "--input", "series.jsonl", "--output", "old.keras"]);
    let err = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{err}");
    assert!(err.contains("timesteps"), "{err}");
}

#[test]
fn files_that_are_no_models_are_refused() {
    let dir = folder();
    let whole = std::fs::read(dir.path().join("m.keras")).unwrap();
    std::fs::write(dir.path().join("cut.keras"), &whole[..whole.len() / 2]).unwrap();
    refused(&dir, "cut.keras", "x.npy", "y.npy", &["cut.keras"]);
    refused(&dir, "missing.keras", "x.npy", "y.npy", &["missing.keras"]);
    let config = r#"{"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "InputLayer", "config": {"batch_shape": [null, 2]}},
        {"class_name": "Wonder", "config": {"name": "w"}}
    ]}}"#;
    std::fs::write(dir.path().join("unknown.json"), config).unwrap();
    let out = cornu(dir.path(), &["summary", "unknown.json"]);
    let err = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(3), "{err}");
    assert!(err.contains("Wonder"), "{err}");
}

#[test]
fn wrong_calls_exit_with_2() {
    let dir = folder();
    for args in [
        &["fit"][..],
        &["predict", "m.keras"],
        &["nonsense"],
        &["fit", "m.keras"],
        &["evaluate", "m.keras", "--input", "x.npy"],
    ] {
        let out = cornu(dir.path(), args);
        assert_eq!(
            out.status.code(),
            Some(2),
            "{args:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
    }
}
