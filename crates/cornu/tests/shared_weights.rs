//! Weights belong to layers: models over the same layers share them, and any number of threads
//! predicts with one model.

use cornu::Streams;
use cornu::data::Data;
use cornu::{
    BatchNormalization, Compile, CompiledModel, Dense, Fit, Input, LayerRef, Lstm, Model, Predict,
};
use ndarray::{Array2, Array3, array};
use rayon::prelude::*;
use std::sync::Arc;

fn series(n: usize) -> Array3<f32> {
    Array3::from_shape_fn((n, 6, 3), |(b, t, f)| ((b * 7 + t * 3 + f) % 11) as f32 / 5.0 - 1.0)
}

fn targets(n: usize) -> Array2<f32> {
    Array2::from_shape_fn((n, 1), |(b, _)| (b % 3) as f32 / 2.0)
}

fn bits(model: &Model, x: &Array3<f32>) -> Vec<u32> {
    let y = model.predict(x, Predict::new()).unwrap().into_vec().remove(0);
    y.values().to_f32().unwrap().iter().map(|v| v.to_bits()).collect()
}

fn fit() -> Fit<'static> {
    Fit::new().epochs(2).batch_size(8).verbose(0)
}

/// An LSTM and a Dense, as one model and as two that meet at the LSTM's output.
fn encoder_and_whole() -> (Model, Model, Model) {
    let x = Input::new([None, Some(3)]);
    let code = Lstm::new(8).call(&x).unwrap();
    let head = Dense::new(1).name("head");
    let whole = Model::new(&x, &head.call(&code).unwrap()).unwrap();
    let encoder = Model::new(&x, &code).unwrap();
    let z = Input::new([8]);
    let decoder = Model::new(&z, &head.call(&z).unwrap()).unwrap();
    (whole, encoder, decoder)
}

#[test]
fn eight_threads_predict_with_one_model() {
    let (model, ..) = encoder_and_whole();
    let model = Arc::new(model);
    let want: Vec<Vec<u32>> = [1, 5, 40].map(|n| bits(&model, &series(n))).into();
    std::thread::scope(|s| {
        for _ in 0..8 {
            let (model, want) = (model.clone(), &want);
            s.spawn(move || {
                for _ in 0..10 {
                    for (n, want) in [1, 5, 40].into_iter().zip(want) {
                        assert_eq!(&bits(&model, &series(n)), want);
                    }
                }
            });
        }
    });
}

#[test]
fn models_over_the_same_layers_share_their_weights() {
    let (whole, encoder, decoder) = encoder_and_whole();
    let (x, y) = (series(24), targets(24));
    let through = || {
        let code = encoder.predict(&x, Predict::new()).unwrap().into_vec();
        decoder.predict(code, Predict::new()).unwrap().into_vec().remove(0)
    };
    let of_whole = || whole.predict(&x, Predict::new()).unwrap().into_vec().remove(0);
    assert_eq!(of_whole(), through());
    let before = bits(&encoder, &x);
    let mut compiled = whole.compile(Compile::new("adam", "mse")).unwrap();
    compiled.fit(&x, &y, fit()).unwrap();
    assert_ne!(bits(&encoder, &x), before, "training the one moves the other");
    assert_eq!(of_whole(), through());
    // Each file holds a copy of its own.
    let folder = tempfile::tempdir().unwrap();
    encoder.save(folder.path().join("encoder.keras")).unwrap();
    compiled.fit(&x, &y, fit()).unwrap();
    let opened = Model::open(folder.path().join("encoder.keras")).unwrap();
    assert_ne!(bits(&opened, &x), bits(&encoder, &x));
    // A weight set by one model is the other's.
    encoder.set_weights(&opened.weights()).unwrap();
    assert_eq!(bits(&opened, &x), bits(&encoder, &x));
    assert_eq!(whole.weight(0), opened.weight(0));
}

#[test]
fn a_model_inside_a_model_is_the_same_model() {
    let (_, encoder, _) = encoder_and_whole();
    let x = Input::new([None, Some(3)]);
    let y = Dense::new(1).call(&encoder.call(&x).unwrap()).unwrap();
    let outer = Model::new(&x, &y).unwrap();
    let before = bits(&encoder, &series(4));
    let mut outer = outer.compile(Compile::new("sgd", "mse")).unwrap();
    outer.fit(series(16), targets(16), fit()).unwrap();
    assert_ne!(bits(&encoder, &series(4)), before);
    encoder.seed(7).unwrap();
    assert_eq!(outer.weight(0), encoder_of(&outer));
}

fn encoder_of(outer: &CompiledModel) -> cornu::data::Array {
    outer.weights().swap_remove(0)
}

#[test]
fn a_layer_at_two_depths_has_one_set_of_weights() {
    let square = || Dense::new(3).activation("tanh").name("square");
    let x = Input::new([3]);
    let d = square();
    let flat = Model::new(&x, &d.call(&d.call(&x).unwrap()).unwrap()).unwrap();
    let d = square();
    let (x, z) = (Input::new([3]), Input::new([3]));
    let inner = Model::new(&z, &d.call(&z).unwrap()).unwrap();
    let nested = Model::new(&x, &d.call(&inner.call(&x).unwrap()).unwrap()).unwrap();
    assert_eq!((nested.count_params(), nested.weights().len()), (12, 2));
    nested.set_weights(&flat.weights()).unwrap();
    let x = array![[0.3f32, -0.2, 0.9], [1.0, 0.1, -0.4]];
    let y = array![[0.1f32, 0.4, 0.2], [-0.5, 0.3, 0.0]];
    let sgd = || Compile::new("sgd", "mse");
    let (mut flat, mut nested) = (flat.compile(sgd()).unwrap(), nested.compile(sgd()).unwrap());
    let fit = || Fit::new().epochs(5).shuffle(false).verbose(0);
    let losses = flat.fit(&x, &y, fit()).unwrap().get("loss").unwrap();
    assert_eq!(nested.fit(&x, &y, fit()).unwrap().get("loss").unwrap(), losses);
    let folder = tempfile::tempdir().unwrap();
    nested.save(folder.path().join("m.keras")).unwrap();
    let opened = Model::open(folder.path().join("m.keras")).unwrap();
    let of = |m: &Model| m.predict(&x, Predict::new()).unwrap().into_vec();
    assert_eq!(of(&opened), of(&nested));
}

#[test]
fn settings_that_cannot_be_lose_nothing() {
    let (whole, ..) = encoder_and_whole();
    let mut compiled = whole.compile(Compile::new("adam", "mse")).unwrap();
    compiled.fit(series(16), targets(16), fit()).unwrap();
    let trained = bits(&whole, &series(4));
    assert!(whole.compile(Compile::new("adamant", "mse")).is_err());
    assert!(compiled.compile(Compile::new("adamant", "mse")).is_err());
    assert_eq!(bits(&whole, &series(4)), trained);
    assert_eq!(compiled.iterations(), 4);
    // Compiled anew, the optimizer begins anew; the weights stay.
    let anew = compiled.compile(Compile::new("sgd", "mse")).unwrap();
    assert_eq!((anew.iterations(), bits(&anew, &series(4))), (0, trained));
}

#[test]
fn trainable_takes_effect_when_compiled() {
    let (whole, ..) = encoder_and_whole();
    let (x, y) = (series(16), targets(16));
    let moved = |model: &mut CompiledModel| -> Vec<bool> {
        let before = model.weights();
        model.train_on_batch(&x, &y).unwrap();
        before.iter().zip(&model.weights()).map(|(a, b)| a != b).collect()
    };
    let mut compiled = whole.compile(Compile::new("sgd", "mse")).unwrap();
    whole.set_trainable(false);
    assert_eq!(moved(&mut compiled), [true; 5], "as it was compiled");
    let graph = whole.graph();
    let head = graph.members.iter().find(|m| m.name == "head").unwrap();
    let cornu::extend::MemberKind::Layer(head) = &head.kind else { panic!("a layer") };
    head.set_trainable(true);
    whole.as_layer().set_trainable(true);
    graph.members.iter().for_each(|m| {
        if let cornu::extend::MemberKind::Layer(l) = &m.kind {
            l.set_trainable(l.class() == "Dense");
        }
    });
    let mut compiled = whole.compile(Compile::new("sgd", "mse")).unwrap();
    assert_eq!(moved(&mut compiled), [false, false, false, true, true]);
}

#[test]
fn a_layer_in_use_keeps_its_name() {
    let x = Input::new([2]);
    let first = Dense::new(2).name("first");
    let a = Model::new(&x, &first.call(&x).unwrap()).unwrap();
    // Renamed while a model holds it, it is another layer with weights of its own.
    let second = first.clone().name("second");
    let b = Model::new(&x, &second.call(&x).unwrap()).unwrap();
    assert_eq!(a.output_names(), ["first"]);
    assert_eq!(b.output_names(), ["second"]);
    b.set_weight(0, Array2::from_elem((2, 2), 5.0f32)).unwrap();
    assert_ne!(a.weight(0), b.weight(0));
    let other = Input::new([3]);
    let error = first.call(&other).unwrap_err().to_string();
    assert!(error.contains("`first`") && error.contains("kernel"), "{error}");
}

#[test]
fn predictions_beside_a_training_see_whole_steps() {
    // Both features are alike and start alike, so their weights are equal after every step, and
    // what they give for (1, -1) is 0.
    let x = Input::new([2]);
    let plain = LayerRef::new(Dense { use_bias: false, ..Dense::new(1) });
    let model = Model::new(&x, &plain.call(&x).unwrap()).unwrap();
    model.set_weight(0, array![[0.5f32], [0.5]]).unwrap();
    let mut compiled = model.compile(Compile::new("adam", "mse")).unwrap();
    let (x, y) = (Array2::from_elem((64, 2), 0.3f32), Array2::from_elem((64, 1), 9.0f32));
    std::thread::scope(|s| {
        let training = s.spawn(move || {
            compiled.fit(&x, &y, Fit::new().epochs(100).batch_size(8).verbose(0)).unwrap();
            compiled.iterations()
        });
        let mut n = 0;
        while !training.is_finished() || n < 10 {
            let y = model.predict(&array![[1.0f32, -1.0]], Predict::new()).unwrap().into_vec();
            assert_eq!(y[0].values().to_f32().unwrap()[[0, 0]], 0.0);
            let w = model.weight(0).to_f64().unwrap().into_owned().into_raw_vec_and_offset().0;
            assert_eq!(w[0], w[1]);
            n += 1;
        }
        assert_eq!(training.join().unwrap(), 800);
    });
}

#[test]
fn streams_of_one_model_run_beside_each_other() {
    let x = Input::new([None, Some(3)]);
    let h = Lstm::new(4).return_sequences(true).call(&x).unwrap();
    let y = BatchNormalization::default().call(&Lstm::new(2).call(&h).unwrap()).unwrap();
    let model = Model::new(&x, &y).unwrap();
    let data = series(1);
    let last = |y: Data| y.values().to_f32().unwrap().iter().copied().collect::<Vec<f32>>();
    let want = last(model.predict(&data, Predict::new()).unwrap().into_vec().remove(0));
    std::thread::scope(|s| {
        for stream in 0..4 {
            let (model, data, want) = (model.clone(), &data, &want);
            s.spawn(move || {
                let mut streams = Streams::new(model, 2).unwrap();
                let mut y = [0.0; 2];
                for step in data.index_axis(ndarray::Axis(0), 0).outer_iter() {
                    streams.step(stream, &step.to_vec(), &mut y).unwrap();
                }
                assert_eq!(&y[..], &want[..]);
            });
        }
    });
}

/// A model whose two weights are alike and stay alike in training.
fn twins() -> Model {
    let x = Input::new([2]);
    let plain = LayerRef::new(Dense { use_bias: false, ..Dense::new(1) });
    let model = Model::new(&x, &plain.call(&x).unwrap()).unwrap();
    model.set_weight(0, array![[0.5f32], [0.5]]).unwrap();
    model
}

#[test]
fn predictions_on_a_thread_pool_of_the_callers_end_beside_a_training() {
    let model = twins();
    let mut compiled = model.compile(Compile::new("adam", "mse")).unwrap();
    let (x, y) = (Array2::from_elem((256, 2), 0.3f32), Array2::from_elem((256, 1), 9.0f32));
    let many = Array2::from_elem((4096, 2), 0.1f32);
    std::thread::scope(|s| {
        let training = s.spawn(move || {
            compiled.fit(&x, &y, Fit::new().epochs(20).batch_size(8).verbose(0)).unwrap();
        });
        let options = Predict::new().batch_size(4096);
        (0..200).into_par_iter().for_each(|_| {
            model.predict(&many, options).unwrap().into_vec();
        });
        training.join().unwrap();
    });
}

#[test]
fn files_saved_beside_a_training_hold_whole_steps() {
    let x = Input::new([2]);
    let [a, b] = [(); 2].map(|()| Dense { use_bias: false, ..Dense::new(1) });
    let (a, b) = (a.call(&x).unwrap(), b.call(&x).unwrap());
    let model = Model::new(&x, &cornu::Add::default().call([&a, &b]).unwrap()).unwrap();
    for i in 0..2 {
        model.set_weight(i, array![[0.5f32], [0.5]]).unwrap();
    }
    let mut compiled = model.compile(Compile::new("sgd", "mse")).unwrap();
    let (x, y) = (Array2::from_elem((64, 2), 0.03f32), Array2::from_elem((64, 1), 9.0f32));
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|s| {
        let training = s.spawn(move || {
            compiled.fit(&x, &y, Fit::new().epochs(60).batch_size(8).verbose(0)).unwrap();
        });
        while !training.is_finished() {
            model.save(folder.path().join("m.keras")).unwrap();
            let saved = Model::open(folder.path().join("m.keras")).unwrap();
            assert_eq!(saved.weight(0), saved.weight(1));
        }
    });
}

#[test]
fn a_model_under_another_name_is_trained_as_it_says() {
    let model = twins();
    model.set_trainable(false);
    let other = model.clone().name("other");
    other.set_trainable(true);
    let mut compiled = other.compile(Compile::new("sgd", "mse")).unwrap();
    compiled.train_on_batch(&array![[1.0f32, 1.0]], &array![[5.0f32]]).unwrap();
    assert_ne!(model.weight(0), array![[0.5f32], [0.5]].into());
}

#[test]
fn a_stateful_layer_called_twice_goes_on_with_its_state() {
    // y = x + h, with a state that adds up: the second call begins where the first ended.
    let sums = cornu::SimpleRnn::new(1).activation("linear").stateful(true);
    let x = Input::new([1, 1]);
    let layer = LayerRef::new(sums);
    let (first, second) = (layer.call(&x).unwrap(), layer.call(&x).unwrap());
    let model = Model::new(&x, [&first, &second]).unwrap();
    let ones = cornu_ir::Tensor::new(&[1, 1], vec![1.0f32]);
    let zero = cornu_ir::Tensor::new(&[1], vec![0.0f32]);
    model.set_weights(&[ones.clone(), ones, zero]).unwrap();
    let x = Array3::from_elem((1, 1, 1), 1.0f32);
    let of = || -> Vec<f32> {
        let y = model.predict(&x, Predict::new()).unwrap().into_vec();
        // Keras runs the call of the last output first.
        y.iter().rev().map(|d| d.values().to_f32().unwrap()[[0, 0]]).collect()
    };
    assert_eq!((of(), of()), (vec![1.0, 2.0], vec![3.0, 4.0]));
    model.reset_states();
    assert_eq!(of(), [1.0, 2.0]);
}
