//! Layers with LoRA: they train as in Keras, and files hold what they learned within the kernels
//! (`python/make_lora.py`).

use cornu::data::{Array, Data};
use cornu::optimizers::Sgd;
use cornu::saving::Archive;
use cornu::{Compile, CompiledModel, Dense, Fit, Input, Model, Predict};
use cornu_ir::Tensor;
use ndarray::{ArrayD, IxDyn};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lora")
}

fn array(v: &Value) -> (Vec<usize>, Vec<f64>) {
    let dims = v[0].as_array().unwrap().iter().map(|d| d.as_u64().unwrap() as usize).collect();
    (dims, v[1].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect())
}

fn tensors(v: &Value) -> Vec<Tensor> {
    v.as_array()
        .unwrap()
        .iter()
        .map(array)
        .map(|(dims, v)| Tensor::new(&dims, v.iter().map(|x| *x as f32).collect()))
        .collect()
}

fn close(what: &str, got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let worst = got.iter().zip(want).find(|(g, w)| (**g - **w).abs() > 2e-5 + 2e-5 * w.abs());
    assert!(worst.is_none(), "{what}: {worst:?}");
}

fn close_weights(what: &str, model: &Model, want: &Value) {
    for (i, (got, want)) in model.weights().iter().zip(tensors(want)).enumerate() {
        assert_eq!(got.shape(), want.dims, "{what} {i}");
        close(&format!("{what} {i}"), got.to_f64().unwrap().as_slice().unwrap(), &want.to_f64());
    }
}

fn numbers(data: &[Data]) -> Vec<f64> {
    data[0].values().to_f64().unwrap().iter().copied().collect()
}

#[test]
fn layers_with_lora_train_and_are_saved_as_in_keras() {
    trains_and_is_saved(
        "lora",
        &[("embedding", 1), ("conv1d", 2), ("einsum_dense", 2), ("dense", 2)],
    );
}

#[test]
fn a_table_with_lora_serves_both_ways() {
    trains_and_is_saved("reversible", &[("reversible_embedding", 1), ("dense", 2)]);
}

/// A model of the fixtures is what Keras made of it; `arrays` are the layers and how many arrays of
/// each stand in the file.
fn trains_and_is_saved(name: &str, arrays: &[(&str, usize)]) {
    let told: Value =
        serde_json::from_slice(&std::fs::read(folder().join(format!("{name}.json"))).unwrap())
            .unwrap();
    let file = folder().join(format!("{name}.keras"));
    let (shape, v) = array(&told["x"]);
    let x = Data::Dense(Array::I32(
        ArrayD::from_shape_vec(IxDyn(&shape), v.iter().map(|x| *x as i32).collect()).unwrap(),
    ));
    let (shape, v) = array(&told["y"]);
    let y = Data::Dense(Array::F32(
        ArrayD::from_shape_vec(IxDyn(&shape), v.iter().map(|x| *x as f32).collect()).unwrap(),
    ));
    let losses =
        |v: &Value| v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
    let fit = || Fit::new().batch_size(4).epochs(2).shuffle(false).verbose(0);

    let sgd = Sgd { learning_rate: 0.1.into(), momentum: 0.9, ..Sgd::default() };
    let mut model =
        Model::from_json(&told["config"]).unwrap().compile(Compile::new(sgd, "mse")).unwrap();
    assert_eq!(model.weights().len(), told["before"].as_array().unwrap().len());
    model.set_weights(&tensors(&told["before"])).unwrap();
    close(
        "prediction",
        &numbers(&model.predict(&x, Predict::new()).unwrap().into_vec()),
        &array(&told["predicted"]).1,
    );
    let history = model.fit(&x, &y, fit()).unwrap().to_json();
    close("loss", &losses(&history["loss"]), &losses(&told["loss"]));
    close_weights("weight after training", &model, &told["after"]);
    close(
        "trained prediction",
        &numbers(&model.predict(&x, Predict::new()).unwrap().into_vec()),
        &array(&told["trained"]).1,
    );

    // The file holds the sums, and no matrix of LoRA.
    let (ours, theirs) = (model.to_archive().unwrap(), Archive::read(&file).unwrap());
    for (layer, n) in arrays {
        for i in 0..*n {
            let path = format!("layers/{layer}/vars/{i}");
            let value = |a: &Archive| {
                a.weights
                    .get(&path)
                    .unwrap_or_else(|| panic!("{path}"))
                    .to_f32()
                    .unwrap()
                    .iter()
                    .map(|x| f64::from(*x))
                    .collect::<Vec<_>>()
            };
            close(&path, &value(&ours), &value(&theirs));
        }
        assert!(ours.weights.get(&format!("layers/{layer}/vars/{n}")).is_none(), "{layer}");
    }

    // What Keras saved opens with matrices of 0, and trains on: such a product learns nothing.
    let mut model = CompiledModel::open(&file).unwrap();
    close_weights("weight after opening", &model, &told["reopened"]);
    close(
        "prediction after opening",
        &numbers(&model.predict(&x, Predict::new()).unwrap().into_vec()),
        &array(&told["trained"]).1,
    );
    let history = model.fit(&x, &y, fit()).unwrap().to_json();
    close("loss after opening", &losses(&history["loss"]), &losses(&told["reopened_loss"]));
    close_weights("weight after more training", &model, &told["reopened_after"]);
}

#[test]
fn the_kernel_beside_lora_stays() {
    let x = Input::new([3]);
    let y = Dense::new(2).lora_rank(1).call(&x).unwrap();
    let model = Model::new(&x, &y).unwrap();
    let told: Vec<(String, bool)> =
        model.variables().iter().map(|v| (v.path.clone(), v.trainable)).collect();
    let names = [
        ("dense/kernel", false),
        ("dense/bias", true),
        ("dense/lora_kernel_a", true),
        ("dense/lora_kernel_b", true),
    ];
    assert_eq!(told, names.map(|(n, t)| (n.to_string(), t)));
}
