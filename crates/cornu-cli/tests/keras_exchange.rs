//! The live exchange with real Keras: each opens what the other saved, predicts the same and trains
//! on.

use cornu::callbacks::{Frequency, TensorBoard};
use cornu::data::{Array, Data, read, write};
use cornu::saving::H5File;
use cornu::{
    Add, Attention, Bidirectional, Compile, Concatenate, Dense, Embedding, Fit,
    GlobalAveragePooling1d, Gru, Input, LayerRef, Lstm, Masking, Model, Normalization, Predict,
    Result, Symbol, TimeDistributed,
};
use ndarray::{Array2, Array3};
use std::path::Path;
use std::process::Command;

/// The Python that `cargo xtask check` made. Without it the test is skipped, but never where `CI`
/// is set.
fn python() -> Option<String> {
    let found = std::env::var("CORNU_KERAS_PYTHON").ok();
    assert!(
        found.is_some() || std::env::var_os("CI").is_none(),
        "CORNU_KERAS_PYTHON must name a Python with Keras: run `cargo xtask check`"
    );
    found
}

fn keras(python: &str, what: &str, folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/exchange.py");
    let out =
        Command::new(python).arg(script).arg(what).arg(folder).output().expect("Python starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

fn cornu(folder: &Path, args: &[&str]) {
    let out = Command::new(env!("CARGO_BIN_EXE_cornu"))
        .current_dir(folder)
        .args(args)
        .output()
        .expect("the command runs");
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
        cornu(
            folder,
            &[
                "predict",
                &file(".keras"),
                "--input",
                &file("_x.npy"),
                "--output",
                &file("_first.npy"),
            ],
        );
        let numbers = |end: &str| -> Vec<f32> {
            read(folder.join(file(end))).unwrap().inputs[0]
                .1
                .values()
                .to_f32()
                .unwrap()
                .iter()
                .copied()
                .collect()
        };
        let worst = numbers("_first.npy")
            .iter()
            .zip(numbers("_p.npy"))
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
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
        cornu(
            folder,
            &[
                "predict",
                &file("_cornu.keras"),
                "--input",
                &file("_x.npy"),
                "--output",
                &file("_cornu.npy"),
            ],
        );
    }
    keras(&python, "check", folder);
}

/// Models built in cornu through which masks flow in every way: Keras must rebuild the same flow
/// from their files.
fn masked_models() -> Result<Vec<(&'static str, Model, Data)>> {
    let mut series = Array3::<f32>::from_shape_fn((4, 6, 3), |(i, j, k)| {
        ((i * 7 + j * 3 + k) as f32 * 0.37).sin()
    });
    // Ends of different lengths, a hole, and a row without any timestep that counts.
    series.slice_mut(ndarray::s![0, 4.., ..]).fill(0.0);
    series.slice_mut(ndarray::s![1, 2..3, ..]).fill(0.0);
    series.slice_mut(ndarray::s![3, .., ..]).fill(0.0);
    let ids = Array2::<i32>::from_shape_fn((4, 6), |(i, j)| {
        if j > i + 1 { 0 } else { (1 + i * 3 + j) as i32 % 9 }
    });
    let numbers = || Data::Dense(Array::from(series.clone().into_dyn()));
    let words = || Data::Dense(Array::from(ids.clone().into_dyn()));
    let mut all = Vec::new();

    let x = Input::new([6, 3]);
    let m = Masking::default().call(&x)?;
    let a = Lstm::new(4).return_sequences(true).call(&m)?;
    let b = TimeDistributed::new(Dense::new(4)).call(&m)?;
    let y = GlobalAveragePooling1d::default().call(&Add::default().call([&a, &b])?)?;
    all.push(("branches", Model::new(&x, &y)?, numbers()));

    let x = Input::new([6, 3]);
    let m = Masking::default().call(&Normalization::new(&[0.0; 3], &[1.0; 3]).call(&x)?)?;
    let y = Bidirectional::new(Gru::new(3).return_sequences(true)).call(&m)?;
    let y = Lstm::new(2).call(&Dense::new(5).activation("tanh").call(&y)?)?;
    all.push(("chain", Model::new(&x, &y)?, numbers()));

    let x = Input::ids([6]);
    let e = Embedding::new(10, 4).mask_zero(true).call(&x)?;
    let a = Attention::default().call([&e, &e])?;
    let y = Lstm::new(3).call(&Concatenate::default().call([&a, &e])?)?;
    all.push(("attention", Model::new(&x, &y)?, words()));

    // A layer called twice, with a mask and without one.
    let (x, shared) = (Input::new([6, 3]), LayerRef::new(Lstm::new(4)));
    let (a, b): (Symbol, Symbol) = (shared.call(&Masking::default().call(&x)?)?, shared.call(&x)?);
    all.push(("shared", Model::new(&x, &Concatenate::default().call([&a, &b])?)?, numbers()));
    Ok(all)
}

#[test]
fn masks_of_models_built_here_flow_the_same_in_keras() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str, end: &str| dir.path().join(format!("{name}{end}"));
    for (name, model, x) in masked_models().unwrap() {
        let model = model.seed(3).unwrap();
        model.save(at(name, "_built.keras")).unwrap();
        let y = model.predict(&x, Predict::new()).unwrap().into_vec().remove(0);
        write(at(name, "_x.npy"), &[("x".into(), x)]).unwrap();
        write(at(name, "_built.npy"), &[("y".into(), y)]).unwrap();
    }
    keras(&python, "built", dir.path());
}

#[test]
fn event_files_hold_what_the_run_came_to() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let x = Input::new([2]);
    let model = Model::new(&x, &Dense::new(2).call(&x).unwrap()).unwrap().seed(5).unwrap();
    let mut model = model.compile(Compile::new("sgd", "mse")).unwrap();
    let numbers = |n: usize, k: f32| {
        Data::Dense(Array::F32(
            Array2::from_shape_fn((n, 2), |(i, j)| ((i * 2 + j) as f32 * k).sin()).into_dyn(),
        ))
    };
    let board = TensorBoard::new(dir.path().join("logs"))
        .histogram_freq(1)
        .update_freq(Frequency::Batches(1));
    let fit = Fit::new()
        .batch_size(4)
        .epochs(2)
        .shuffle(false)
        .verbose(0)
        .validation_data(numbers(5, 0.7), numbers(5, 0.2))
        .callback(board);
    let history = model.fit(numbers(10, 0.3), numbers(10, 0.9), fit).unwrap();
    std::fs::write(dir.path().join("history.json"), history.to_json().to_string()).unwrap();
    write(dir.path().join("kernel.npy"), &[("w".into(), Data::Dense(model.weight(0)))]).unwrap();
    keras(&python, "events", dir.path());
}

/// Runs lines of Python in a folder.
fn in_python(python: &str, folder: &Path, lines: &str) {
    let out = Command::new(python)
        .current_dir(folder)
        .env("KERAS_BACKEND", "jax")
        .args(["-c", lines])
        .output()
        .expect("Python starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn keras_opens_files_that_keep_class_names() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let x = Input::new([2]);
    let topic = Dense::new(2).activation("softmax").name("topic").call(&x).unwrap();
    let model = Model::new(&x, &topic).unwrap();
    model.set_class_names("topic", ["acq", "earn"]).unwrap();
    model.save(folder.join("m.keras")).unwrap();
    let open = "import keras, json, zipfile\n\
        m = keras.saving.load_model('m.keras')\n\
        assert m.output_shape == (None, 2)\n\
        assert json.load(zipfile.ZipFile('m.keras').open('metadata.json'))['class_names']\n\
        m.save('m.h5')\n";
    in_python(&python, folder, open);
    let H5File::Legacy(mut legacy) = H5File::read(&folder.join("m.h5")).unwrap() else {
        panic!("a whole model in .h5");
    };
    legacy.class_names = Some(Box::new(serde_json::json!({"topic": ["acq", "earn"]})));
    legacy.write(&folder.join("n.h5")).unwrap();
    let names = Model::open(folder.join("n.h5")).unwrap().class_names("topic").unwrap();
    assert_eq!(names, ["acq", "earn"]);
    in_python(
        &python,
        folder,
        "import keras\nassert keras.models.load_model('n.h5').output_shape == (None, 2)\n",
    );
}

/// The fixtures of the library with classes of their authors' own.
fn custom_classes(folder: &Path) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cornu/tests/fixtures");
    let file = std::fs::File::open(fixtures.join("custom_classes.zip")).unwrap();
    zip::ZipArchive::new(file).unwrap().extract(folder).unwrap();
    std::fs::copy(fixtures.join("own_layers.toml"), folder.join("own_layers.toml")).unwrap();
}

#[test]
fn keras_opens_what_cornu_saves_of_authors_classes() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    custom_classes(folder);
    let counts = std::fs::read(folder.join("models.json")).unwrap();
    let counts: serde_json::Value = serde_json::from_slice(&counts).unwrap();
    for (name, n) in counts.as_object().unwrap() {
        let count = |i: usize| n[i].as_u64().unwrap();
        let model = format!("{name}.keras");
        let mut args = vec!["predict".to_string(), model.clone()];
        args.extend((0..count(0)).flat_map(|i| ["--input".into(), format!("{name}.x{i}.npy")]));
        args.extend((0..count(1)).flat_map(|i| ["--output".into(), format!("{name}.o{i}.npy")]));
        args.extend(["--extension", "own_layers.toml", "--assume"].map(String::from));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        cornu(folder, &args);
        for i in 0..count(1) {
            let array = |letter: &str| {
                let read = read(folder.join(format!("{name}.{letter}{i}.npy"))).unwrap();
                read.inputs[0].1.values().to_f32().unwrap().iter().copied().collect::<Vec<f32>>()
            };
            let differences = array("o").into_iter().zip(array("y")).map(|(a, b)| (a - b).abs());
            let worst = differences.fold(0.0, f32::max);
            assert!(worst <= 1e-5, "{name}: {worst}");
        }
        let flags = ["--extension", "own_layers.toml", "--assume"];
        let saved = format!("{name}_cornu.keras");
        cornu(folder, &[&["convert", &model, &saved], &flags[..]].concat());
    }
    let Some(python) = python() else { return };
    keras(&python, "custom", folder);
}

/// A few dozen random models of real Keras; `cargo xtask fuzz-keras` makes any number of others.
#[test]
fn random_models_of_keras_compute_the_same_and_go_back() {
    let Some(python) = python() else { return };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz-keras");
    let out = Command::new(python)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/keras"))
        .env("KERAS_BACKEND", "jax")
        .args(["-m", "fuzz", "--seed", "1", "--models", "24", "--cornu"])
        .arg(env!("CARGO_BIN_EXE_cornu"))
        .arg("--keep")
        .arg(folder.join("failing"))
        .arg("--cache")
        .arg(folder.join("compiled"))
        .output()
        .expect("Python starts");
    let (said, errors) =
        (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}{errors}");
}
