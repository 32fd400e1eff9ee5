//! Models that read raw text: they open, predict what Keras predicted, and are saved with their
//! vocabularies.
//!
//! The files are made by `python/make_text.py`.

use cornu::data::{Array, Data};
use cornu::saving::Archive;
use cornu::{Dense, Error, Input, IntegerLookup, Model, Predict, StringLookup, TextVectorization};
use ndarray::{ArrayD, IxDyn, array};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/text")
}

fn cases() -> Value {
    serde_json::from_slice(&std::fs::read(folder().join("cases.json")).unwrap()).unwrap()
}

/// Nested lists of strings or whole numbers, a sample each.
fn data(v: &Value) -> Data {
    let samples = v.as_array().unwrap();
    let mut shape = vec![samples.len()];
    let flat: Vec<&Value> = match samples[0].as_array() {
        None => samples.iter().collect(),
        Some(first) => {
            shape.push(first.len());
            samples.iter().flat_map(|s| s.as_array().unwrap()).collect()
        }
    };
    Data::Dense(if flat[0].is_string() {
        Array::Str(
            ArrayD::from_shape_vec(
                IxDyn(&shape),
                flat.iter().map(|s| s.as_str().unwrap().to_string()).collect(),
            )
            .unwrap(),
        )
    } else {
        Array::I64(
            ArrayD::from_shape_vec(
                IxDyn(&shape),
                flat.iter().map(|s| s.as_i64().unwrap()).collect(),
            )
            .unwrap(),
        )
    })
}

fn agrees(model: &mut Model, case: &Value, name: &str) {
    let x: Vec<Data> = case["inputs"].as_array().unwrap().iter().map(data).collect();
    let batch_size = case["batch_size"].as_u64().unwrap() as usize;
    let got = model
        .predict(x, Predict::new().batch_size(batch_size))
        .unwrap_or_else(|e| panic!("{name}: {e}"))
        .into_vec();
    let got = got[0].values().to_f32().unwrap();
    let shape: Vec<usize> =
        case["shape"].as_array().unwrap().iter().map(|d| d.as_u64().unwrap() as usize).collect();
    assert_eq!(got.shape(), shape, "{name}");
    for (i, (a, b)) in got.iter().zip(case["prediction"].as_array().unwrap()).enumerate() {
        // Rounding of float32 in another order of additions.
        assert!(
            (a - b.as_f64().unwrap() as f32).abs() < 1e-5,
            "{name}, number {i}: {a}, expected {b}"
        );
    }
}

fn check(name: &str) {
    let case = &cases()[name];
    let mut model = Model::open(folder().join(format!("{name}.keras")))
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    agrees(&mut model, case, name);
    let again = model.to_archive().unwrap();
    let theirs = Archive::read(&folder().join(format!("{name}.keras"))).unwrap();
    assert_eq!(again.assets, theirs.assets, "{name}: assets");
    let idf = |a: &Archive| {
        let found = a.weights.walk().into_iter().filter(|(p, _)| p.ends_with("idf_weights"));
        found.map(|(p, v)| (p, v.clone())).collect::<std::collections::HashMap<_, _>>()
    };
    assert_eq!(idf(&again), idf(&theirs), "{name}: weights of tf_idf");
    let configs = |a: &Archive| {
        let layers = a.config["config"]["layers"].as_array().unwrap().clone();
        layers
            .into_iter()
            .filter(|l| {
                l["class_name"].as_str().is_some_and(|c| {
                    ["Lookup", "Vectorization", "Hashing", "Crossing"]
                        .iter()
                        .any(|end| c.ends_with(end))
                })
            })
            .collect::<Vec<_>>()
    };
    assert!(!configs(&theirs).is_empty());
    for (ours, theirs) in configs(&again).iter().zip(&configs(&theirs)) {
        let keys = |v: &Value| {
            v["config"]
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(keys(ours), keys(theirs), "{name}");
        for key in keys(ours).iter().filter(|k| *k != "dtype") {
            assert_eq!(ours["config"][key], theirs["config"][key], "{name}: `{key}`");
        }
        assert_eq!(ours["inbound_nodes"], theirs["inbound_nodes"], "{name}");
    }
    agrees(&mut Model::from_archive(again).unwrap(), case, name);
}

#[test]
fn texts_become_sequences() {
    ["sequence", "characters"].into_iter().for_each(check);
}

#[test]
fn texts_become_vectors() {
    ["tf_idf", "weighted"].into_iter().for_each(check);
}

#[test]
fn words_and_numbers_are_looked_up() {
    ["lookups", "hashed"].into_iter().for_each(check);
}

#[test]
fn hashes_fall_into_the_same_bins() {
    check("crossed");
}

#[test]
fn a_text_is_read_by_several_layers_and_models_inside() {
    check("read_twice");
}

#[test]
fn numbers_come_back_from_ids() {
    let x = Input::ids([3]);
    let y = IntegerLookup::new([12, -36]).call(&x).unwrap();
    let there = Model::new(&x, &y).unwrap();
    let ids = there.predict(&array![[12i32, 7, -36]], Predict::new()).unwrap().into_vec();
    assert_eq!(ids[0], Array::from(array![[1i64, 0, 2]]).into());
    let mut back = IntegerLookup::new([12, -36]);
    back.invert = true;
    let y = back.call(&x).unwrap();
    let numbers = Model::new(&x, &y).unwrap().predict(&ids[..], Predict::new()).unwrap().into_vec();
    assert_eq!(numbers[0], Array::from(array![[12i64, -1, -36]]).into());
}

#[test]
fn words_come_back_from_ids() {
    let x = Input::ids([4]);
    let mut back = StringLookup::new(["horn", "hunt"]).mask_token("");
    back.invert = true;
    let ids = array![[3i32, 0, 1, 9], [2, -1, 3, 2]];
    let y = back.clone().call(&x).unwrap();
    let model = Model::new(&x, &y).unwrap();
    let words = model.predict(&ids, Predict::new().batch_size(1)).unwrap().into_vec();
    // As `StringLookup(vocabulary=["horn", "hunt"], mask_token="", invert=True)` of Keras 3.15.1
    // gives them on these ids.
    let want = array![["hunt", "", "[UNK]", "[UNK]"], ["horn", "[UNK]", "hunt", "horn"]]
        .map(|w| w.to_string());
    assert_eq!(words[0], Array::from(want.clone()).into());
    let outer = Model::new(&x, &model.call(&x).unwrap()).unwrap();
    assert_eq!(
        outer.predict(&ids, Predict::new()).unwrap().into_vec()[0],
        Array::from(want).into()
    );
    let read = Model::new(&x, &StringLookup::new(["a"]).call(&y).unwrap())
        .and_then(|m| m.predict(&ids, Predict::new()));
    assert!(matches!(read, Err(Error::Unsupported(_))));
    back.output_mode = cornu::layers::LookupMode::Count;
    assert!(matches!(back.call(&x), Err(Error::Argument { .. })));
}

#[test]
fn what_cannot_be_looked_up_is_an_error() {
    let text = || Input::text([1]);
    let words = |w: &str| Array::from(array![[w.to_string()]]);
    let x = text();
    let mut layer = StringLookup::new(["a"]);
    layer.num_oov_indices = 0;
    let model = Model::new(&x, &layer.call(&x).unwrap()).unwrap();
    assert_eq!(
        model.predict(words("a"), Predict::new()).unwrap().into_vec()[0],
        Array::from(array![[0i64]]).into()
    );
    let e = model.predict(words("b"), Predict::new()).unwrap_err().to_string();
    assert!(e.contains("num_oov_indices=0") && e.contains("\"b\""), "{e}");
    let e = model.predict(&array![[1.0f32]], Predict::new()).unwrap_err().to_string();
    assert!(e.contains("expected strings"), "{e}");
    let numbers = Input::ids([2]);
    let mut layer = IntegerLookup::new([4, -1]);
    (layer.num_oov_indices, layer.mask_token) = (0, Some(9));
    let model = Model::new(&numbers, &layer.call(&numbers).unwrap()).unwrap();
    assert_eq!(
        model.predict(&array![[9i32, -1]], Predict::new()).unwrap().into_vec()[0],
        Array::from(array![[0i64, 2]]).into()
    );
    let e = model.predict(&array![[4i32, 5]], Predict::new()).unwrap_err().to_string();
    assert!(e.contains("num_oov_indices=0") && e.contains('5'), "{e}");
    let e = Model::new(&x, &TextVectorization::default().call(&x).unwrap())
        .unwrap()
        .predict(words("b"), Predict::new())
        .unwrap_err()
        .to_string();
    assert!(e.contains("a vocabulary is needed"), "{e}");
    let y = Dense::new(1).call(&x).unwrap();
    let e =
        Model::new(&x, &y).unwrap().predict(words("b"), Predict::new()).unwrap_err().to_string();
    assert!(e.contains("must be read by TextVectorization, StringLookup"), "{e}");
}
