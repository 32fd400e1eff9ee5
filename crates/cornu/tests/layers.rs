//! Models of one layer, saved by Keras: they predict what Keras predicted and are saved with the
//! same settings.
//!
//! The files are made by `python/make_layers.py`.

use cornu::data::{Array, Data};
use cornu::saving::Archive;
use cornu::{Model, Predict};
use ndarray::{ArrayD, IxDyn};
use serde_json::Value;
use std::path::Path;

fn data(v: &Value, whole: bool) -> Data {
    let (mut shape, mut flat) = (vec![], vec![v]);
    while let Some(first) = flat[0].as_array() {
        shape.push(first.len());
        flat = flat.iter().flat_map(|v| v.as_array().unwrap()).collect();
    }
    let shape = IxDyn(&shape);
    Data::Dense(match whole {
        true => Array::I64(
            ArrayD::from_shape_vec(shape, flat.iter().map(|v| v.as_i64().unwrap()).collect())
                .unwrap(),
        ),
        false => Array::F32(
            ArrayD::from_shape_vec(
                shape,
                flat.iter().map(|v| v.as_f64().unwrap() as f32).collect(),
            )
            .unwrap(),
        ),
    })
}

/// Without the marks by which Keras tells objects that several layers share.
fn unshared(v: &Value) -> Value {
    match v {
        Value::Object(map) => map
            .iter()
            .filter(|(k, _)| *k != "shared_object_id")
            .map(|(k, v)| (k.clone(), unshared(v)))
            .collect(),
        other => other.clone(),
    }
}

#[test]
fn layers_agree_with_keras() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/layers");
    let cases: Value =
        serde_json::from_slice(&std::fs::read(folder.join("cases.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for (name, case) in cases.as_object().unwrap() {
        let path = folder.join(format!("{name}.keras"));
        let model = Model::open(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        let x = data(&case["x"], case["dtype"].as_str().unwrap().starts_with("int"));
        let y =
            model.predict(&x, Predict::new()).unwrap_or_else(|e| panic!("{name}: {e}")).into_vec();
        let y = y[0].values().to_f64().unwrap();
        let shape: Vec<usize> = case["shape"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| d.as_u64().unwrap() as usize)
            .collect();
        assert_eq!(y.shape(), shape, "{name}");
        let want = case["prediction"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap());
        let largest =
            y.iter().zip(want).map(|(a, b)| (a - b).abs() / (1.0 + b.abs())).fold(0.0, f64::max);
        // Transforms by other sums than an FFT's, in float32.
        if largest.is_nan() || largest > 2e-5 {
            wrong.push(format!("{name}: {largest:e}"));
        }
        let (ours, theirs) = (model.to_archive().unwrap(), Archive::read(&path).unwrap());
        for (a, b) in ours.config["config"]["layers"]
            .as_array()
            .unwrap()
            .iter()
            .zip(theirs.config["config"]["layers"].as_array().unwrap())
        {
            assert_eq!(a["config"], unshared(&b["config"]), "{name}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn spectral_normalization_gives_the_type_of_its_input() {
    let ids = cornu::Input::ids([3]);
    let rows =
        cornu::layers::SpectralNormalization::new(cornu::Embedding::new(4, 2)).call(&ids).unwrap();
    let model = cornu::Model::new(&ids, &rows).unwrap();
    // As Keras casts what the layer inside gives: ids in, whole numbers out.
    assert_eq!(model.output_specs()[0].dtype, cornu_ir::DType::I32);
}
