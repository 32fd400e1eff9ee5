//! Kinds of models that are easily got wrong, made by real Keras 3.15.1
//! (`python/make_keras3_kinds.py`): they predict what Keras predicts, or are refused where Keras
//! refuses them, and saved they predict the same bits.

use cornu::constraints::Constraint;
use cornu::data::{Array, Data, Ragged, npy};
use cornu::extend::Registry;
use cornu::initializers::Initializer;
use cornu::losses::Loss;
use cornu::metrics::Metric;
use cornu::optimizers::Optimizer;
use cornu::regularizers::Regularizer;
use cornu::saving::{Archive, json};
use cornu::{LayerRef, Model, Opened, Predict};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Rounding of float32 in another order of additions.
const TOLERANCE: f32 = 2e-6;

type Files = BTreeMap<String, Vec<u8>>;

fn cases() -> BTreeMap<String, Files> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keras3_kinds.zip");
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut cases: BTreeMap<String, Files> = BTreeMap::new();
    for i in 0..zip.len() {
        let mut member = zip.by_index(i).unwrap();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        let name = member.name().to_owned();
        let (case, file) = name.split_once('/').unwrap();
        cases.entry(case.into()).or_default().insert(file.into(), bytes);
    }
    cases
}

fn arrays(files: &Files, stem: &str) -> Vec<Data> {
    (0..)
        .map_while(|i| files.get(&format!("{stem}{i}.npy")))
        .map(|bytes| Data::Dense(npy::decode(bytes).unwrap()))
        .collect()
}

/// The largest difference, or why the two cannot be compared.
fn difference(got: &[Data], want: &[Data]) -> Result<f32, String> {
    if got.len() != want.len() {
        return Err(format!("{} outputs, expected {}", got.len(), want.len()));
    }
    let mut worst = 0f32;
    for (g, w) in got.iter().zip(want) {
        let (g, w) = (g.values().to_f32().unwrap(), w.values().to_f32().unwrap());
        if g.shape() != w.shape() {
            return Err(format!("{:?}, expected {:?}", g.shape(), w.shape()));
        }
        for (g, w) in g.iter().zip(&w) {
            let same = g.is_nan() && w.is_nan();
            worst = worst.max(if same { 0.0 } else { (g - w).abs() });
            if !same && (g - w).is_nan() {
                return Err(format!("{g}, expected {w}"));
            }
        }
    }
    Ok(worst)
}

fn predict(model: &Model, x: Vec<Data>) -> Result<Vec<Data>, String> {
    let given = model.predict(x, Predict::new()).map_err(|e| e.to_string())?;
    Ok(given.into_vec())
}

fn faults(files: &Files) -> Result<(), String> {
    let archive = Archive::from_bytes(&files["model.keras"]).map_err(|e| e.to_string())?;
    let opened = Opened::from_archive(archive).map_err(|e| e.to_string());
    if files.contains_key("raises") {
        let given = opened.and_then(|o| predict(&o, arrays(files, "x")));
        return given.map_or(Ok(()), |_| Err("Keras raises, and this predicts".into()));
    }
    let opened = opened?;
    let (x, want) = (arrays(files, "x"), arrays(files, "y"));
    let got = predict(&opened, x.clone())?;
    match difference(&got, &want)? {
        d if d > TOLERANCE => return Err(format!("differs by {d}")),
        _ => {}
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("again.keras");
    opened.save(&path).map_err(|e| e.to_string())?;
    let again = Opened::read(&path).map_err(|e| format!("saved: {e}"))?;
    // NaN, the mean of nothing, differs from itself.
    if difference(&predict(&again, x)?, &got)? > 0.0 {
        return Err("saved and opened it predicts other bits".into());
    }
    Ok(())
}

#[test]
fn they_predict_what_keras_predicts() {
    let cases = cases();
    assert!(cases.len() >= 38, "{}", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(name, files)| faults(files).err().map(|e| format!("{name}: {e}")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn archive_of(case: &str) -> Archive {
    Archive::from_bytes(&cases()[case]["model.keras"]).unwrap()
}

#[test]
fn a_file_without_its_optimizer_is_compiled_with_the_default() {
    let mut archive = archive_of("infinite_compiled");
    archive.config["compile_config"].as_object_mut().unwrap().remove("optimizer");
    let Opened::Compiled(model) = Opened::from_archive(archive).unwrap() else {
        panic!("Keras compiles it")
    };
    assert_eq!(model.optimizer().class(), "RMSprop");
    let mut bare = archive_of("infinite_compiled");
    bare.config["compile_config"] = serde_json::json!({});
    assert!(matches!(Opened::from_archive(bare).unwrap(), Opened::Model(_)));
}

#[test]
fn the_batch_size_asked_for_wins_over_that_of_the_file() {
    let opened = Opened::from_archive(archive_of("first_call")).unwrap();
    let x = arrays(&cases()["first_call"], "x");
    let by = |n| opened.predict(x.clone(), Predict::new().batch_size(n)).unwrap().into_vec();
    assert!(difference(&by(4), &by(1)).unwrap() < TOLERANCE);
    let wide = Data::from(ndarray::Array3::<f32>::zeros((4, 9, 5)));
    let e = opened.predict(wide, Predict::new()).unwrap_err().to_string();
    assert!(e.contains("3 on axis 2 (features)"), "{e}");
}

#[test]
fn a_stateful_model_takes_its_own_batch_size_alone() {
    let lstm = serde_json::json!({"class_name": "LSTM", "config": {"units": 2, "stateful": true}});
    let input = serde_json::json!({
        "class_name": "InputLayer", "config": {"batch_shape": [2, 3, 1], "name": "x"},
    });
    let config = serde_json::json!({
        "class_name": "Sequential", "config": {"name": "kept", "layers": [input, lstm]},
    });
    let model = Model::from_json(&config).unwrap();
    let x = || Data::from(ndarray::Array3::<f32>::zeros((4, 3, 1)));
    assert!(model.predict(x(), Predict::new()).is_ok());
    let e = model.predict(x(), Predict::new().batch_size(4)).unwrap_err().to_string();
    assert!(e.contains("stateful") && e.contains("2 samples"), "{e}");
}

/// Every float of a config, each replaced by the numbers that JSON has not.
fn with_words(config: &Value) -> Vec<Value> {
    let Some(settings) = config.as_object() else { return vec![] };
    let floats = settings.iter().filter(|(_, v)| v.is_f64()).map(|(key, _)| key);
    let words = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let replaced = |(key, word): (&String, f64)| {
        let mut other = config.clone();
        other[key] = json::value_of(word);
        other
    };
    floats.flat_map(|key| words.map(|w| (key, w))).map(replaced).collect()
}

#[test]
fn every_float_setting_may_be_infinite_or_no_number() {
    let mut n = 0;
    macro_rules! family {
        ($($Family:ty),*) => {$(
            for class in <$Family>::CLASSES {
                let Ok(default) = <$Family>::by_name(class) else { continue };
                for config in with_words(&default.to_json()["config"]) {
                    // A rule of the class may refuse the number, but not for its type.
                    match <$Family>::from_class(class, config.clone()).map_err(|e| e.to_string()) {
                        Ok(read) => {
                            let written = json::write(&read.to_json()["config"]);
                            assert_eq!(written, json::write(&config));
                            n += 1;
                        }
                        Err(e) => assert!(!e.contains("invalid type"), "{class}: {e}"),
                    }
                }
            }
        )*};
    }
    family!(Initializer, Regularizer, Constraint, Optimizer, Loss, Metric);
    for (class, first) in [
        ("ReLU", serde_json::json!({"max_value": 1.0})),
        ("LeakyReLU", serde_json::json!({})),
        ("ELU", serde_json::json!({})),
        ("Masking", serde_json::json!({})),
        ("Dropout", serde_json::json!({"rate": 0.5})),
        ("GaussianNoise", serde_json::json!({"stddev": 0.5})),
        ("BatchNormalization", serde_json::json!({})),
        ("LayerNormalization", serde_json::json!({})),
        ("Rescaling", serde_json::json!({"scale": 1.0})),
    ] {
        let read = |config: &Value| {
            let object = serde_json::json!({"class_name": class, "config": config});
            LayerRef::from_json(&object, &Registry::new()).unwrap().to_json()["config"].clone()
        };
        for config in with_words(&read(&first)) {
            assert_eq!(json::write(&read(&config)), json::write(&config));
            n += 1;
        }
    }
    assert!(n > 200, "{n} settings");
}

/// The first values of each sample, as many as its sequence has.
fn cut(padded: &Data, lengths: &[usize]) -> Data {
    let Data::Dense(all) = padded else { panic!("an array") };
    let rows = lengths.iter().enumerate().map(|(i, n)| {
        let row = Data::Dense(all.clone()).slice(i..i + 1).unwrap();
        match row.values() {
            Array::I32(a) => Array::from(front(a, *n)),
            Array::F32(a) => Array::from(front(a, *n)),
            _ => panic!("ids or floats"),
        }
    });
    Data::Ragged(Ragged::from_list(rows).unwrap())
}

fn front<T: Clone>(one: &ndarray::ArrayD<T>, n: usize) -> ndarray::ArrayD<T> {
    one.index_axis(ndarray::Axis(0), 0).slice_axis(ndarray::Axis(0), (0..n).into()).to_owned()
}

#[test]
fn sequences_of_unequal_length_pass_through_joined_branches() {
    for (name, files) in cases().iter().filter(|(name, _)| name.starts_with("branches")) {
        let archive = Archive::from_bytes(&files["model.keras"]).unwrap();
        let model = Opened::from_archive(archive).unwrap();
        let x: Vec<Data> = arrays(files, "x").iter().map(|x| cut(x, &[5, 2, 4])).collect();
        let got = predict(&model, x).unwrap_or_else(|e| panic!("{name}: {e}"));
        let apart = difference(&got, &arrays(files, "y")).unwrap();
        assert!(apart < TOLERANCE, "{name}: {apart}");
    }
}
