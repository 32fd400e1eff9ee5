//! Calls whose arguments Keras reads in its own way, against models that real Keras made
//! (`python/make_calls.py`): lists of nulls as masks, one row for every sample, masks that stay on
//! the caller's values.

use cornu::data::{Data, npy};
use cornu::{Model, Predict};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Rounding of float32 in another order of additions.
const TOLERANCE: f32 = 2e-6;

type Files = BTreeMap<String, Vec<u8>>;

fn cases() -> BTreeMap<String, Files> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/calls.zip");
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

fn numbers(d: &Data) -> Vec<f32> {
    d.values().to_f32().unwrap().iter().copied().collect()
}

/// What a model predicts otherwise than Keras.
fn differences(name: &str, model: &Model, files: &Files) -> Vec<String> {
    let got = match model.predict(&arrays(files, "x")[..], Predict::new()) {
        Ok(got) => got.into_vec(),
        Err(e) => return vec![format!("{name}: {e}")],
    };
    let want = arrays(files, "y");
    assert_eq!(got.len(), want.len(), "{name}");
    let off = |a: &[f32], b: &[f32]| {
        assert_eq!(a.len(), b.len(), "{name}");
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    (got.iter().zip(&want).enumerate())
        .map(|(i, (a, b))| (i, off(&numbers(a), &numbers(b))))
        .filter(|(_, off)| *off > TOLERANCE)
        .map(|(i, off)| format!("{name}: output {i} is off by {off}"))
        .collect()
}

#[test]
fn calls_are_read_as_keras_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    let (file, back) = (dir.path().join("model.keras"), dir.path().join("back.keras"));
    let mut found = vec![];
    for (name, files) in cases() {
        std::fs::write(&file, &files["model.keras"]).unwrap();
        let model = Model::open(&file).unwrap();
        found.extend(differences(&name, &model, &files));
        model.save(&back).unwrap();
        found.extend(differences(&format!("{name}, saved"), &Model::open(&back).unwrap(), &files));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
