//! A compiled model in a legacy `.h5`: it opens with its loss, metrics and optimizer, and trains on
//! as the model did that was saved.
//!
//! The file is made by `python/make_legacy_training.py`.

use cornu::data::{Array, Data};
use cornu::metrics::MetricValue;
use cornu::{CompiledModel, Evaluate, Fit};
use ndarray::{ArrayD, IxDyn};
use serde_json::Value;
use std::path::Path;

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().map_or_else(
        || vec![v.as_f64().expect("a number")],
        |items| items.iter().flat_map(numbers).collect(),
    )
}

fn array(v: &Value, shape: &[usize]) -> Data {
    let values = numbers(v).into_iter().map(|x| x as f32).collect();
    Data::from(Array::F32(ArrayD::from_shape_vec(IxDyn(shape), values).unwrap()))
}

#[test]
fn training_goes_on() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/legacy_training");
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("expected.json")).unwrap())
            .unwrap();
    let (x, y) = (array(&expected["x"], &[12, 5, 3]), array(&expected["y"], &[12, 1]));
    let mut model = CompiledModel::open(folder.join("model.h5")).unwrap();
    let logs = model.evaluate(&x, &y, Evaluate::new().batch_size(4)).unwrap();
    for (name, want) in expected["evaluate"].as_object().unwrap() {
        let Some(MetricValue::Number(got)) = logs.get(name) else { panic!("{name} is missing") };
        assert!((got - want.as_f64().unwrap()).abs() < 1e-5, "{name}: {got} against {want}");
    }
    let history =
        model.fit(&x, &y, Fit::new().batch_size(4).epochs(2).shuffle(false).verbose(0)).unwrap();
    let history = serde_json::to_value(history.to_json()).unwrap();
    for (name, want) in expected["history"].as_object().unwrap() {
        let pairs = numbers(&history[name]).into_iter().zip(numbers(want));
        pairs.for_each(|(got, want)| {
            assert!((got - want).abs() < 2e-5, "{name}: {got} against {want}")
        });
    }
}
