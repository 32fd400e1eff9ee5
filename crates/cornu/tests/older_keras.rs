//! Files as Keras 1, Keras 2 and tf.keras wrote them: they predict what they predicted then, train
//! on as they did, and what is saved of them means the same in Keras 3.
//!
//! The files are made by `python/make_older_keras.py`.

use cornu::data::{Data, read};
use cornu::files::convert;
use cornu::saving::H5File;
use cornu::{CompiledModel, Error, Fit, Model, Opened, Predict};
use std::path::{Path, PathBuf};

/// Rounding of float32 in another order of additions …
const EXACT: f32 = 1e-5;
/// … and what steps of an optimizer make of it.
const TRAINED: f32 = 1e-4;

/// Files that predict in cornu alone, with what the refusal to save them says.
const UNSAVABLE: [(&str, &str); 3] = [
    ("hard_sigmoid_state", "its activation is the hard_sigmoid of Keras 2"),
    ("merged_masks", "masks of this model are those of Keras 2"),
    ("maskless", "masks of this model are those of Keras 2"),
];

fn unpacked() -> tempfile::TempDir {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/older_keras.zip");
    let dir = tempfile::tempdir().unwrap();
    zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap().extract(&dir).unwrap();
    dir
}

fn cases(folder: &Path) -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    cases.retain(|p| p.join("y0.npy").exists());
    cases.sort();
    cases
}

fn name(case: &Path) -> String {
    case.file_name().unwrap().to_string_lossy().into_owned()
}

fn model_of(case: &Path) -> PathBuf {
    let names = ["model.h5", "model.keras"].map(|name| case.join(name));
    names.into_iter().find(|path| path.exists()).unwrap()
}

fn arrays(case: &Path, kind: &str) -> Vec<Data> {
    let paths = (0..).map(|i| case.join(format!("{kind}{i}.npy"))).take_while(|p| p.exists());
    paths.map(|p| read(p).unwrap().inputs.remove(0).1).collect()
}

/// The largest difference between what a model predicts and these arrays.
fn worst(model: &Model, case: &Path, kind: &str) -> f32 {
    let (x, want) = (arrays(case, "x"), arrays(case, kind));
    let got = model.predict(&x[..], Predict::new()).unwrap().into_vec();
    assert_eq!(got.len(), want.len(), "{case:?}");
    let pairs = got.iter().zip(&want).map(|(got, want)| {
        let (got, want) = (got.values().to_f32().unwrap(), want.values().to_f32().unwrap());
        assert_eq!(got.shape(), want.shape(), "{case:?}");
        got.iter().zip(want.iter()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    });
    pairs.fold(0.0, f32::max)
}

#[test]
fn files_predict_what_they_predicted() {
    let dir = unpacked();
    let cases = cases(dir.path());
    assert!(cases.len() >= 25, "{}", cases.len());
    let mut wrong = vec![];
    for case in &cases {
        match Model::open(model_of(case)) {
            Ok(model) => {
                let worst = worst(&model, case, "y");
                wrong.extend((worst > EXACT).then(|| format!("{}: {worst}", name(case))));
            }
            Err(e) => wrong.push(format!("{}: {e}", name(case))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_saved_predicts_the_same_in_keras_3() {
    let dir = unpacked();
    let mut wrong = vec![];
    for case in cases(dir.path()) {
        let (name, saved) = (name(&case), case.join("saved.keras"));
        let model = Model::open(model_of(&case)).unwrap();
        let refusal = UNSAVABLE.iter().find(|(n, _)| *n == name);
        match (model.save(&saved), refusal) {
            (Ok(()), None) => {
                let worst = worst(&Model::open(&saved).unwrap(), &case, "y");
                wrong.extend((worst > EXACT).then(|| format!("{name}: {worst}")));
            }
            (Err(Error::Unsupported(m)), Some((_, why))) if m.contains(why) => {}
            (other, _) => wrong.push(format!("{name}: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn weights_of_keras_3_and_of_keras_2_are_told_apart() {
    let dir = unpacked();
    let case = dir.path().join("hard_sigmoid");
    let path = model_of(&case);
    let model = Model::open(&path).unwrap();
    for file in ["saved.weights.h5", "saved.safetensors"] {
        let file = dir.path().join(file);
        model.save_weights(&file).unwrap();
        let other = Model::open(&path).unwrap().seed(3).unwrap();
        assert!(worst(&other, &case, "y") > 1e-2);
        other.load_weights(&file).unwrap();
        assert!(worst(&other, &case, "y") < EXACT, "{file:?}");
    }
    let other = Model::open(&path).unwrap().seed(3).unwrap();
    other.load_weights(&path).unwrap();
    assert_eq!(other.weights(), model.weights());
}

#[test]
fn an_architecture_and_weights_apart_make_the_model() {
    let dir = unpacked();
    for name in ["hard_sigmoid", "cudnn_bidirectional", "keras1_lstm"] {
        let case = dir.path().join(name);
        let H5File::Legacy(mut legacy) = H5File::read(&model_of(&case)).unwrap() else {
            panic!("{name} is a legacy file");
        };
        // `Model.to_json` of Keras 2 notes the version beside the config.
        let mut config = legacy.model_config.take().unwrap();
        config["keras_version"] = legacy.keras_version.clone().unwrap().into();
        let [json, weights, out] =
            ["a.json", "a.weights.h5", "a.keras"].map(|file| case.join(file));
        std::fs::write(&json, cornu::saving::json::write(&config)).unwrap();
        legacy.training_config = None;
        legacy.write(&weights).unwrap();
        assert!(convert(&weights, &out, None).unwrap_err().to_string().contains("--model"));
        convert(&weights, &out, Some(&json)).unwrap();
        assert!(worst(&Model::open(&out).unwrap(), &case, "y") < EXACT, "{name}");
    }
}

#[test]
fn training_goes_on_where_it_stopped() {
    let dir = unpacked();
    let cases = cases(&dir.path().join("trained"));
    assert!(cases.len() > 10, "{}", cases.len());
    let mut wrong = vec![];
    for case in cases {
        let path = model_of(&case);
        let mut model = match Opened::read(&path).and_then(Opened::into_compiled) {
            Ok(model) => model,
            Err(e) => {
                wrong.push(format!("{}: {e}", name(&case)));
                continue;
            }
        };
        let (x, t) = (arrays(&case, "x"), read(case.join("t.npy")).unwrap().inputs.remove(0).1);
        let fit = Fit::new().batch_size(4).epochs(1).shuffle(false).verbose(0);
        model.fit(&x[0], &t, fit).unwrap();
        let worst = worst(&model, &case, "after");
        wrong.extend((worst > TRAINED).then(|| format!("{}: {worst}", name(&case))));
        let saved = case.join("saved.keras");
        model.save(&saved).unwrap();
        assert!(CompiledModel::open(&saved).is_ok(), "{}", name(&case));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
