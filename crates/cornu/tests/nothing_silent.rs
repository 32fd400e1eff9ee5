//! What is given is used or refused by name: samples that do not match, settings that nothing has,
//! weights that would be left over.

use cornu::data::{Data, SplitRows, TrainTestSplit, Windows};
use cornu::extend::*;
use cornu::files::LoadWeights;
use cornu::{Compile, CompiledModel, Dense, Evaluate, Fit, Input, Model, Stepper, Symbol};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};
use serde_json::json;

fn numbers(n: usize, width: usize) -> Array2<f32> {
    Array2::from_shape_fn((n, width), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0)
}

fn compiled() -> CompiledModel {
    let x = Input::new([2]);
    let model = Model::new(&x, &Dense::new(1).name("y").call(&x).unwrap()).unwrap();
    model.compile(Compile::new("sgd", "mse")).unwrap()
}

fn two_inputs() -> CompiledModel {
    let (a, b) = (Input::named("a", [2]), Input::named("b", [2]));
    let y = Dense::new(1).call(&cornu::Add::new().call([&a, &b]).unwrap()).unwrap();
    Model::new([&a, &b], &y).unwrap().compile(Compile::new("sgd", "mse")).unwrap()
}

#[test]
fn a_validation_split_needs_as_many_samples_everywhere() {
    let fit = || Fit::new().validation_split(0.2).verbose(0);
    let (x, y) = (numbers(10, 2), numbers(10, 1));
    let short = Data::from(numbers(5, 1));
    for e in [
        compiled().fit(&x, std::slice::from_ref(&short), fit()).unwrap_err(),
        two_inputs().fit((&x, &numbers(12, 2)), &y, fit()).unwrap_err(),
        compiled().fit(&x, &y, fit().sample_weight(Array1::<f32>::ones(9))).unwrap_err(),
    ] {
        assert!(e.to_string().contains("10 samples"), "{e}");
    }
    let e = compiled().fit(&x, &y, Fit::new().validation_split(-0.2).verbose(0)).unwrap_err();
    assert!(e.to_string().contains("-0.2"), "{e}");
}

#[derive(Debug, Serialize, Deserialize)]
struct Cubed {}
cornu::class!(Cubed = "mine>Cubed");

impl LossFunction for Cubed {
    fn values<'g>(
        &self,
        _: &Cx<'g>,
        y_true: Var<'g>,
        y_pred: Var<'g>,
    ) -> cornu::Result<Values<'g>> {
        let e = (y_true - y_pred).abs();
        Ok((e * e * e).mean(&[-1], false).into())
    }
}

#[test]
fn class_weights_go_with_an_own_loss() {
    let mut model = compiled().model().compile(Compile::new("sgd", Cubed {})).unwrap();
    let ids = Array2::from_shape_fn((10, 1), |(i, _)| (i % 2) as f32);
    let weights = [(0i64, 1.0f32), (1, 2.0)].into_iter().collect();
    model.fit(numbers(10, 2), &ids, Fit::new().class_weight(weights).verbose(0)).unwrap();
}

#[test]
fn an_own_class_is_never_the_builtin_one_of_its_name() {
    let config = json!({"learning_rate": 0.5});
    let own = json!({
        "module": null, "class_name": "Adam", "registered_name": "my>Adam", "config": config,
    });
    let e = cornu::optimizers::Optimizer::from_json(&own).unwrap_err();
    assert!(e.is_unsupported() && e.to_string().contains("my>Adam"), "{e}");
    let own = json!({
        "module": null, "class_name": "Huber", "registered_name": "my>Huber", "config": {},
    });
    assert!(cornu::losses::Loss::from_json(&own).is_err());
}

#[test]
fn weights_left_over_in_a_file_are_told() {
    let model = |use_bias: bool| {
        let x = Input::new([3]);
        let y = Dense::new(4).use_bias(use_bias).name("body").call(&x).unwrap();
        Model::new(&x, &y).unwrap()
    };
    let dir = tempfile::tempdir().unwrap();
    for name in ["w.weights.h5", "w.safetensors"] {
        let path = dir.path().join(name);
        model(true).save_weights(&path).unwrap();
        for by_name in [false, true] {
            let options = LoadWeights::new().by_name(by_name);
            if by_name && name.ends_with("safetensors") {
                let e = model(true).load_weights_with(&path, options).unwrap_err().to_string();
                assert!(e.contains("names of layers"), "{e}");
                continue;
            }
            assert!(model(false).load_weights_with(&path, options).is_err(), "{name} {by_name}");
            let kept = model(false).load_weights_with(&path, options.skip_mismatch(true)).unwrap();
            assert_eq!(kept.kept[0].0, "body", "{name} {by_name}");
            let all = model(true).load_weights_with(&path, options).unwrap();
            assert_eq!(all.loaded, ["body"], "{name} {by_name}");
        }
    }
}

#[test]
fn what_a_data_set_brings_along_is_given_once() {
    let series = Array2::from_shape_fn((30, 1), |(t, _)| (t as f32 / 5.0).sin());
    let set = Windows::new(4).horizon(1).over(&series).unwrap();
    let x = Input::new([4, 1]);
    let y: Symbol = cornu::Flatten::new().call(&x).unwrap();
    let model = Model::new(&x, &Dense::new(1).call(&y).unwrap()).unwrap();
    let compiled = model.compile(Compile::new("sgd", "mse")).unwrap();
    compiled.evaluate(&set, (), Evaluate::new()).unwrap();
    let e = compiled.evaluate(&set, numbers(26, 1), Evaluate::new()).unwrap_err().to_string();
    assert!(e.contains("targets") && e.contains("both"), "{e}");
    let e = compiled.evaluate(numbers(26, 4), &set, Evaluate::new()).unwrap_err().to_string();
    assert!(e.contains("a data set"), "{e}");
    let e = Windows::new(4).target_columns([0]).over(&series).map(drop).unwrap_err().to_string();
    assert!(e.contains("horizon"), "{e}");
}

#[test]
fn settings_of_compile_that_nothing_has_are_refused() {
    let model = compiled();
    let e = model.model().compile(Compile::new("sgd", "mse").set("metric", "mae")).err().unwrap();
    assert!(e.to_string().contains("did you mean `metrics`?"), "{e}");
    let faster = Compile::new("sgd", "mse")
        .set("optimizer", json!({"class_name": "SGD", "config": {"learning_rate": 0.25}}));
    let rate = model.model().compile(faster).unwrap().optimizer().learning_rate().cloned();
    assert_eq!(rate, Some(0.25.into()));
}

#[test]
fn a_split_of_other_data_is_refused() {
    let split: SplitRows = TrainTestSplit::new(0.2).of(10).unwrap();
    assert!(split.arrays(&numbers(12, 1)).is_err());
    assert!(split.data(numbers(9, 1)).is_err());
    assert!(split.list(&[0; 11]).is_err());
    assert!(split.list(&[0; 10]).is_ok());
}

#[test]
fn ids_beyond_measure_are_errors() {
    let ids = [5_000_000_000i64];
    assert!(cornu::report::ConfusionMatrix::new(ids, [0], None).is_err());
    assert!(cornu::data::to_categorical([i64::MAX - 1], None).is_err());
    let saved = json!({"mean": [1.0, 2.0], "scale": [1.0]});
    assert!(serde_json::from_value::<cornu::data::StandardScaler>(saved).is_err());
}

#[test]
fn gradients_of_other_shapes_are_refused() {
    let mut sgd = Stepper::new(cornu::optimizers::Sgd::new(0.5), [Array1::<f32>::ones(2)]).unwrap();
    assert!(sgd.apply([Array1::<f32>::ones(3)]).is_err());
    assert!(sgd.apply([Array1::<f32>::ones(2)]).is_ok());
}
