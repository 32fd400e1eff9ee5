//! Kinds of models that are easily got wrong, made by real Keras 3.15.1
//! (`python/make_keras3_kinds.py`): they predict what Keras predicts, or are refused where Keras
//! refuses them, and saved they predict the same bits.

use cornu::data::{Data, npy};
use cornu::saving::Archive;
use cornu::{Model, Opened, Predict};
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
    if predict(&again, x)? != got {
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
