//! Layers that take vocabularies, statistics and boundaries from data take what Keras takes, and
//! then give what Keras gives.
//!
//! The fixture is made by `python/make_adapt.py`.

use cornu::data::{Array, Data, Ragged};
use cornu::extend::InputLayer;
use cornu::extend::Registry;
use cornu::{Input, LayerRef, Model, Normalization, Predict, StringLookup};
use ndarray::{ArrayD, IxDyn, array};
use serde_json::Value;

/// Nested lists as an array of a type.
fn data(v: &Value, dtype: &str) -> Data {
    let (mut shape, mut flat) = (vec![], vec![v]);
    while let Some(first) = flat[0].as_array() {
        shape.push(first.len());
        flat = flat.iter().flat_map(|v| v.as_array().unwrap()).collect();
    }
    let shape = IxDyn(&shape);
    let floats = || flat.iter().map(|v| v.as_f64().unwrap() as f32).collect();
    Data::Dense(match dtype {
        "string" => Array::Str(
            ArrayD::from_shape_vec(
                shape,
                flat.iter().map(|v| v.as_str().unwrap().into()).collect(),
            )
            .unwrap(),
        ),
        "int64" => Array::I64(
            ArrayD::from_shape_vec(shape, flat.iter().map(|v| v.as_i64().unwrap()).collect())
                .unwrap(),
        ),
        _ => Array::F32(ArrayD::from_shape_vec(shape, floats()).unwrap()),
    })
}

fn agree(got: impl IntoIterator<Item = f64>, want: &Value, what: &str) {
    let want: Vec<f64> = want.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    let got: Vec<f64> = got.into_iter().collect();
    assert_eq!(got.len(), want.len(), "{what}");
    for (a, b) in got.iter().zip(&want) {
        // Rounding of float32 sums in another order.
        assert!((a - b).abs() <= 2e-6 * (1.0 + b.abs()), "{what}: {a}, expected {b}");
    }
}

#[test]
fn adapted_layers_agree_with_keras() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/adapt.json");
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(cases.len() > 25);
    for (n, case) in cases.iter().enumerate() {
        let what = format!("case {n}, {}", case["layer"]["class_name"]);
        let dtype = case["dtype"].as_str().unwrap();
        let layer = LayerRef::from_json(&case["layer"], &Registry::new())
            .unwrap()
            .adapt(&data(&case["adapt_to"], dtype))
            .unwrap_or_else(|e| panic!("{what}: {e}"));
        let after = &case["after"];
        if let Some(bounds) = after.get("bin_boundaries") {
            let ours = layer.to_json()["config"]["bin_boundaries"]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_f64().unwrap())
                .collect::<Vec<_>>();
            agree(ours, bounds, &what);
        }
        let x = data(&case["data"], dtype);
        let dims = std::iter::once(None).chain(x.sample_shape());
        let input = Input::of(InputLayer {
            batch_shape: dims.collect(),
            dtype: dtype.into(),
            ..InputLayer::default()
        });
        let model = Model::new(&input, &layer.call(&input).unwrap()).unwrap();
        let y =
            model.predict(&x, Predict::new()).unwrap_or_else(|e| panic!("{what}: {e}")).into_vec();
        let shape: Vec<usize> = case["shape"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| d.as_u64().unwrap() as usize)
            .collect();
        assert_eq!(y[0].values().shape(), shape, "{what}");
        agree(y[0].values().to_f64().unwrap().iter().copied(), &case["output"], &what);
        let archive = model.to_archive().unwrap();
        if let Some(vocabulary) = after.get("vocabulary") {
            let lines: Vec<String> = vocabulary
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_string))
                .collect();
            assert_eq!(String::from_utf8_lossy(&archive.assets[0].1), lines.join("\n"), "{what}");
        }
        if let Some(mean) = after.get("mean") {
            let weight = |i: usize| {
                archive
                    .weights
                    .walk()
                    .into_iter()
                    .find(|(p, _)| p.ends_with(&format!("vars/{i}")))
                    .unwrap()
                    .1
                    .to_f32()
                    .unwrap()
            };
            agree(weight(0).into_iter().map(f64::from), mean, &what);
            agree(weight(1).into_iter().map(f64::from), &after["variance"], &what);
        }
        // Keras's reader takes an empty token at the end of vocabulary.txt for the end of the file,
        // and so does cornu's.
        if after.get("vocabulary").and_then(|v| v.as_array()?.last()?.as_str()) == Some("") {
            continue;
        }
        let again = Model::from_archive(archive).unwrap();
        assert_eq!(
            again.predict(&x, Predict::new()).unwrap().into_vec(),
            y,
            "{what}: saved and opened"
        );
    }
}

#[test]
fn sequences_of_unequal_length_are_adapted_to_as_they_are() {
    let series =
        Ragged::from_list([array![[1.0f32, 0.0], [3.0, 4.0]], array![[5.0, 2.0]]]).unwrap();
    let layer = Normalization::default().adapt(series).unwrap();
    let x = Input::new([1, 2]);
    let model = Model::new(&x, &layer.call(&x).unwrap()).unwrap();
    let y = model.predict(&array![[[3.0f32, 2.0]]], Predict::new()).unwrap().into_vec();
    assert_eq!(y[0], array![[[0.0f32, 0.0]]].into());
}

#[test]
fn what_cannot_be_adapted_says_so() {
    let words = Data::from(["a", "b"]);
    let e = LayerRef::new(StringLookup::new(["a"])).adapt(&words).unwrap_err().to_string();
    assert!(e.contains("vocabulary of its own"), "{e}");
    let e = LayerRef::new(cornu::Dense::new(1)).adapt(&words).unwrap_err().to_string();
    assert!(e.contains("nothing to adapt"), "{e}");
    let e = LayerRef::new(StringLookup::default())
        .adapt(&Data::from([1.0f32]))
        .unwrap_err()
        .to_string();
    assert!(e.contains("expected strings"), "{e}");
    let mut layer = Normalization::default();
    layer.axis = Some(cornu::constraints::Axes::One(0));
    let e = layer.adapt(&array![[1.0f32]]).unwrap_err().to_string();
    assert!(e.contains("axis"), "{e}");
}
