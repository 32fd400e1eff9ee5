//! Operations of `keras.ops` in small models that real Keras made (`python/make_operations.py`):
//! predictions and a step of training.

use cornu::data::{Array, Data};
use cornu::optimizers::Sgd;
use cornu::saving::json;
use cornu::{Compile, Fit, Model, Predict};
use cornu_ir::Tensor;
use ndarray::{ArrayD, IxDyn};
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;
use std::path::Path;

/// Absolute and relative: rounding of float32 in another order of additions.
const EXACT: (f64, f64) = (2e-5, 2e-5);

fn archive() -> BTreeMap<String, Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/operations.zip");
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let n = zip.len();
    let read = |i| {
        let mut member = zip.by_index(i).unwrap();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        let name = member.name().trim_end_matches(".json").to_string();
        (name, json::read(&bytes).unwrap())
    };
    (0..n).map(read).collect()
}

/// Shape and numbers, as `[shape, numbers]` holds them.
fn array(v: &Value) -> (Vec<usize>, Vec<f64>) {
    let number = |x: &Value| x.as_f64().unwrap_or_else(|| x.as_str().unwrap().parse().unwrap());
    (
        v[0].as_array().unwrap().iter().map(|d| d.as_u64().unwrap() as usize).collect(),
        v[1].as_array().unwrap().iter().map(number).collect(),
    )
}

fn data(shape: &[usize], numbers: &[f64], whole: bool) -> Data {
    let shape = IxDyn(shape);
    Data::Dense(match whole {
        true => Array::I32(
            ArrayD::from_shape_vec(shape, numbers.iter().map(|x| *x as i32).collect()).unwrap(),
        ),
        false => Array::F32(
            ArrayD::from_shape_vec(shape, numbers.iter().map(|x| *x as f32).collect()).unwrap(),
        ),
    })
}

fn difference(what: &str, got: &[f64], want: &[f64]) -> Option<String> {
    let close = |g: f64, w: f64| {
        g == w || (g - w).abs() <= EXACT.0 + EXACT.1 * w.abs() || g.is_nan() && w.is_nan()
    };
    let worst = got.iter().zip(want).find(|(g, w)| !close(**g, **w));
    (got.len() != want.len() || worst.is_some())
        .then(|| format!("{what}: {worst:?} of {} and {} numbers", got.len(), want.len()))
}

/// How a case differs from Keras.
fn differences(case: &Value, shared: &Value) -> Result<Vec<String>, Box<dyn Error>> {
    let mut faults = Vec::new();
    let [x, k] = ["x", "k"].map(|n| array(&shared[n]));
    let inputs = [data(&x.0, &x.1, false), data(&k.0, &k.1, true)];
    let model = Model::from_json(&case["config"])?;
    let weights = ["kernel", "bias"]
        .map(|n| array(&shared[n]))
        .map(|(shape, v)| Tensor::new(&shape, v.iter().map(|x| *x as f32).collect()));
    model.set_weights(&weights)?;
    let outputs: Vec<_> = case["outputs"].as_array().unwrap().iter().map(array).collect();
    let found = model.predict(&inputs[..], Predict::new().batch_size(5))?.into_vec();
    for (i, (got, (shape, want))) in found.iter().zip(&outputs).enumerate() {
        let got = got.values().to_f64()?;
        if got.shape() != shape {
            faults.push(format!("output {i} has shape {:?}, expected {shape:?}", got.shape()));
        }
        faults.extend(difference(
            &format!("output {i}"),
            &got.iter().copied().collect::<Vec<_>>(),
            want,
        ));
    }
    if found.len() != outputs.len() {
        faults.push(format!("{} outputs, expected {}", found.len(), outputs.len()));
    }
    if case["weights"].is_null() || !faults.is_empty() {
        return Ok(faults);
    }
    let sgd = Sgd { learning_rate: shared["rate"].as_f64().unwrap().into(), ..Sgd::default() };
    let mut model = model.compile(Compile::new(sgd, "mse"))?;
    let target = shared["target"].as_f64().unwrap();
    let y: Vec<Data> =
        outputs.iter().map(|(shape, v)| data(shape, &vec![target; v.len()], false)).collect();
    let history = model
        .fit(&inputs[..], &y[..], Fit::new().batch_size(5).epochs(1).shuffle(false).verbose(0))?
        .to_json();
    let loss: Vec<f64> = history["loss"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap_or(f64::NAN))
        .collect();
    let told: Vec<f64> = array(&serde_json::json!([[1], case["loss"]])).1;
    faults.extend(difference("loss", &loss, &told));
    for (i, (got, want)) in
        model.weights().iter().zip(case["weights"].as_array().unwrap()).enumerate()
    {
        faults.extend(difference(
            &format!("weight {i} after a step"),
            got.to_f64().unwrap().as_slice().unwrap(),
            &array(want).1,
        ));
    }
    Ok(faults)
}

#[test]
fn operations_agree_with_keras() {
    let cases = archive();
    let shared = &cases["shared"];
    let mut faults = String::new();
    let mut n = 0;
    for (name, case) in
        cases.iter().filter(|(name, case)| *name != "shared" && case["refused"].is_null())
    {
        let found = differences(case, shared).unwrap_or_else(|e| vec![e.to_string()]);
        found.iter().for_each(|f| faults += &format!("{name}: {f}\n"));
        n += 1;
    }
    assert!(n >= 190, "{n} cases");
    assert!(faults.is_empty(), "{faults}");
}
