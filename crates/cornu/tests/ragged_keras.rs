//! Sequences of unequal length as they are, against real Keras on the same data padded and masked.
//! The fixtures are made by `python/make_ragged.py`.

use cornu::data::{Array, Data, Ragged};
use cornu::{CompiledModel, Fit, Model, Predict};
use ndarray::{ArrayD, IxDyn};
use serde_json::Value;
use std::path::Path;

/// Rounding of float32 in another order of additions.
const TOLERANCE: f64 = 1e-5;

fn numbers(v: &Value, into: &mut Vec<f64>) {
    match v {
        Value::Array(items) => items.iter().for_each(|v| numbers(v, into)),
        v => into.push(v.as_f64().unwrap()),
    }
}

fn flat(v: &Value) -> Vec<f64> {
    let mut all = vec![];
    numbers(v, &mut all);
    all
}

/// Lists of lists: sequences (T, …); a list of numbers: one a sample. Whole numbers are ids or
/// labels.
fn data(v: &Value) -> Data {
    let samples = v.as_array().unwrap();
    let whole = {
        let mut first = samples[0].clone();
        while let Some(inner) = first.as_array() {
            first = inner[0].clone();
        }
        first.is_i64()
    };
    let array = |v: &Value| {
        let mut shape = vec![];
        let mut inner = v;
        while let Some(items) = inner.as_array() {
            shape.push(items.len());
            inner = &items[0];
        }
        let values = ArrayD::from_shape_vec(IxDyn(&shape), flat(v)).unwrap();
        if whole {
            Array::I32(values.mapv(|x| x as i32))
        } else {
            Array::F32(values.mapv(|x| x as f32))
        }
    };
    if samples[0].is_array() {
        Data::Ragged(Ragged::from_list(samples.iter().map(array)).unwrap())
    } else {
        Data::Dense(array(v))
    }
}

fn near(what: &str, got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (a, b)) in got.iter().zip(want).enumerate() {
        assert!(
            (a - b).abs() <= TOLERANCE * b.abs().max(1.0),
            "{what}, number {i}: {a}, Keras {b}"
        );
    }
}

fn predicted(model: &Model, x: &Data, batch_size: usize) -> Vec<f64> {
    let y = model.predict(x, Predict::new().batch_size(batch_size)).unwrap().into_vec();
    y[0].values().to_f64().unwrap().iter().copied().collect()
}

#[test]
fn predictions_and_training_are_those_of_padded_and_masked_data() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ragged");
    let cases: Value =
        serde_json::from_slice(&std::fs::read(folder.join("cases.json")).unwrap()).unwrap();
    for (name, case) in cases.as_object().unwrap() {
        let mut model = CompiledModel::open(folder.join(format!("{name}.keras"))).unwrap();
        let (x, y) = (data(&case["x"]), data(&case["y"]));
        for batch_size in [32, 4, 1] {
            near(
                &format!("{name}, batches of {batch_size}"),
                &predicted(&model, &x, batch_size),
                &flat(&case["predictions"]),
            );
        }
        let losses = model
            .fit(&x, &y, Fit::new().epochs(4).shuffle(false).verbose(0))
            .unwrap()
            .get("loss")
            .unwrap();
        near(&format!("{name}, losses"), &losses, &flat(&case["losses"]));
        near(&format!("{name}, after training"), &predicted(&model, &x, 32), &flat(&case["after"]));
    }
}
