//! Whole models that real Keras made (`python/make_models.py`): they open, are summarized, predict,
//! evaluate and train as in Keras, and after saving and opening predict the same bits.

use cornu::data::{ClassWeights, Data, npy};
use cornu::extend::value_json;
use cornu::saving::Archive;
use cornu::summary::Summary;
use cornu::{Evaluate, Fit, Model, Opened, Predict};
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;
use std::path::Path;

/// Rounding of float32 in another order of additions …
const EXACT: (f64, f64) = (1e-5, 1e-4);
/// … and what steps of an optimizer make of it.
const TRAINED: (f64, f64) = (2e-5, 2e-4);

type Files = BTreeMap<String, Vec<u8>>;

fn cases() -> BTreeMap<String, Files> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models.zip");
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

fn close(got: f64, want: f64, (atol, rtol): (f64, f64)) -> bool {
    (got - want).abs() <= atol + rtol * want.abs() || (got.is_nan() && want.is_nan())
}

fn numbers(v: &Value) -> Vec<f64> {
    match v {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        _ => vec![v.as_f64().unwrap_or(f64::NAN)],
    }
}

/// Differences of predictions, one line each.
fn compare(
    what: &str,
    got: &[Data],
    want: &[Data],
    tolerance: (f64, f64),
    faults: &mut Vec<String>,
) {
    if got.len() != want.len() {
        faults.push(format!("{what}: {} outputs, expected {}", got.len(), want.len()));
    }
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let (g, w) = (g.values().to_f32().unwrap(), w.values().to_f32().unwrap());
        let worst =
            g.iter().zip(&w).find(|(g, w)| !close(f64::from(**g), f64::from(**w), tolerance));
        if g.shape() != w.shape() || worst.is_some() {
            faults.push(format!(
                "{what} {i}: {worst:?} of {:?}, expected {:?}",
                g.shape(),
                w.shape()
            ));
        }
    }
}

/// Differences of logs, one line each.
fn compare_logs(
    what: &str,
    got: &Value,
    want: &Value,
    tolerance: (f64, f64),
    faults: &mut Vec<String>,
) {
    let keys = |v: &Value| {
        v.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>()
    };
    if keys(got) != keys(want) {
        faults.push(format!("{what}: keys {:?}, expected {:?}", keys(got), keys(want)));
    }
    for (key, want) in want.as_object().unwrap() {
        let (g, w) = (numbers(&got[key]), numbers(want));
        if g.len() != w.len() || g.iter().zip(&w).any(|(g, w)| !close(*g, *w, tolerance)) {
            faults.push(format!("{what} {key}: {g:?}, expected {w:?}"));
        }
    }
}

/// How a case differs from Keras, one line each.
fn differences(files: &Files) -> Result<Vec<String>, Box<dyn Error>> {
    let mut faults = Vec::new();
    let told: Value = serde_json::from_slice(&files["case.json"])?;
    let open = || {
        Ok::<_, Box<dyn Error>>(Opened::from_archive(Archive::from_bytes(&files["model.keras"])?)?)
    };
    let (x, y, w) = (arrays(files, "x"), arrays(files, "y"), arrays(files, "w"));
    let batch_size = told["batch_size"].as_u64().unwrap() as usize;
    let predict = Predict::new().batch_size(told["predict_batch_size"].as_u64().unwrap() as usize);

    if let Some(want) = files.get("summary.txt") {
        let summary = Summary::new(&open()?).line_length(80).render()?;
        if summary.trim_end() != String::from_utf8_lossy(want).trim_end() {
            faults.push(format!("summary:\n{summary}"));
        }
    }
    compare(
        "prediction",
        &open()?.predict(&x[..], predict)?.into_vec(),
        &arrays(files, "predict"),
        EXACT,
        &mut faults,
    );
    if let Some(bytes) = files.get("model.h5") {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("model.h5");
        std::fs::write(&path, bytes)?;
        compare(
            "prediction of the legacy file",
            &Model::open(path)?.predict(&x[..], predict)?.into_vec(),
            &arrays(files, "predict"),
            EXACT,
            &mut faults,
        );
    }
    let options = Evaluate::new().batch_size(batch_size).sample_weight(&w);
    let logs = open()?.into_compiled()?.evaluate(&x[..], &y[..], options)?;
    let logs: Value = logs
        .iter()
        .map(|(k, v)| (k.clone(), value_json(v)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    compare_logs("evaluate", &logs, &told["evaluate"], EXACT, &mut faults);

    if told["history"].is_object() {
        let mut model = open()?.into_compiled()?;
        let mut fit = Fit::new()
            .batch_size(batch_size)
            .epochs(told["epochs"].as_u64().unwrap() as usize)
            .shuffle(false)
            .verbose(0);
        fit = fit.validation_split(told["validation_split"].as_f64().unwrap());
        let classes = told["class_weight"].as_object().unwrap();
        if !classes.is_empty() {
            let weights: ClassWeights = classes
                .iter()
                .map(|(k, v)| (k.parse().unwrap(), v.as_f64().unwrap() as f32))
                .collect();
            fit = fit.class_weight(weights);
        }
        fit = fit.sample_weight(&w);
        let history = model.fit(&x[..], &y[..], fit)?;
        compare_logs("fit", &history.to_json(), &told["history"], TRAINED, &mut faults);
        let bytes = model.to_archive()?.to_bytes()?;
        let saved = Model::from_archive(Archive::from_bytes(&bytes)?)?;
        let trained = saved.predict(&x[..], predict)?.into_vec();
        compare("trained prediction", &trained, &arrays(files, "trained"), TRAINED, &mut faults);
        model.reset_states();
        for (here, there) in model.predict(&x[..], predict)?.into_vec().iter().zip(&trained) {
            if here.values().to_f32().unwrap() != there.values().to_f32().unwrap() {
                faults.push("the saved model predicts other bits than the one in memory".into());
            }
        }
    }
    Ok(faults)
}

#[test]
fn whole_models_agree_with_keras() {
    let cases = cases();
    assert!(cases.len() >= 40, "{} cases", cases.len());
    let mut faults = String::new();
    for (name, files) in &cases {
        let found = differences(files).unwrap_or_else(|e| vec![e.to_string()]);
        found.iter().for_each(|f| faults += &format!("{name}: {f}\n"));
    }
    assert!(faults.is_empty(), "{faults}");
}
