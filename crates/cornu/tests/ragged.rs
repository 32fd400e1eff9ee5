//! Sequences of unequal length in one batch: each gives what it gives alone.

use cornu::Unequal;
use cornu::data::{Array, Data, Ragged};
use cornu::{
    Bidirectional, Compile, CompiledModel, Conv1d, Dense, Evaluate, Fit, GlobalAveragePooling1d,
    GlobalMaxPooling1d, Gru, Input, LayerRef, Lstm, Model, Padding, Predict, Symbol,
};
use ndarray::Array2;

fn series(lengths: &[usize], features: usize) -> Vec<Array2<f32>> {
    let number = |s: usize, t: usize, f: usize| ((s * 31 + t * 7 + f * 3) % 17) as f32 / 8.0 - 1.0;
    lengths
        .iter()
        .enumerate()
        .map(|(s, &n)| Array2::from_shape_fn((n, features), |(t, f)| number(s, t, f)))
        .collect()
}

fn ragged(all: &[Array2<f32>]) -> Data {
    Data::Ragged(Ragged::from_list(all.iter().map(|a| Array::from(a.clone().into_dyn()))).unwrap())
}

fn one(a: &Array2<f32>) -> Data {
    let shape = [1, a.nrows(), a.ncols()];
    Data::Dense(Array::from(a.clone().into_shape_with_order(shape).unwrap().into_dyn()))
}

fn numbers(d: &Data) -> Vec<f32> {
    d.values().to_f32().unwrap().iter().copied().collect()
}

const LENGTHS: [usize; 6] = [3, 11, 1, 7, 7, 2];

fn models() -> Vec<(&'static str, Model)> {
    let input = || Input::new([None, Some(3)]);
    let build = |name, f: &dyn Fn(&Symbol) -> cornu::Result<Symbol>| {
        let x = input();
        (name, Model::new(&x, &f(&x).unwrap()).unwrap())
    };
    vec![
        build("lstm", &|x| Lstm::new(5).call(x)),
        build("lstm sequences", &|x| Lstm::new(5).return_sequences(true).call(x)),
        build("lstm stack", &|x| {
            Lstm::new(4).call(
                &Dense::new(6)
                    .activation("tanh")
                    .call(&Lstm::new(5).return_sequences(true).call(x)?)?,
            )
        }),
        build("backwards", &|x| Lstm::new(5).go_backwards(true).call(x)),
        build("gru", &|x| Gru::new(5).call(x)),
        build("bidirectional", &|x| {
            Bidirectional::new(LayerRef::new(Lstm::new(4).return_sequences(true))).call(x)
        }),
        build("mean", &|x| {
            GlobalAveragePooling1d::default().call(&Lstm::new(5).return_sequences(true).call(x)?)
        }),
        build("largest", &|x| {
            GlobalMaxPooling1d::default().call(&Lstm::new(5).return_sequences(true).call(x)?)
        }),
    ]
}

#[test]
fn a_sequence_gives_in_a_batch_what_it_gives_alone() {
    let all = series(&LENGTHS, 3);
    for (name, model) in models() {
        let together = model.predict(ragged(&all), Predict::new()).unwrap().into_vec().remove(0);
        let alone: Vec<f32> = all
            .iter()
            .flat_map(|a| numbers(&model.predict(one(a), Predict::new()).unwrap().into_vec()[0]))
            .collect();
        let got = numbers(&together);
        assert_eq!(got.len(), alone.len(), "{name}");
        let worst = got.iter().zip(&alone).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // Means divide by the same count in another order of additions; everything else is the same
        // sum.
        let allowed = if name == "mean" { 1e-6 } else { 0.0 };
        assert!(worst <= allowed, "{name}: {worst}");
    }
}

#[test]
fn order_and_batch_size_change_no_bit() {
    let all = series(&LENGTHS, 3);
    let backwards: Vec<_> = all.iter().rev().cloned().collect();
    let (_, mut model) = models().remove(2);
    let run = |model: &Model, data: &Data, batch_size| {
        numbers(&model.predict(data, Predict::new().batch_size(batch_size)).unwrap().into_vec()[0])
    };
    let first = run(&mut model, &ragged(&all), 32);
    assert_eq!(first, run(&mut model, &ragged(&all), 4));
    let turned: Vec<f32> =
        run(&mut model, &ragged(&backwards), 3).chunks(4).rev().flatten().copied().collect();
    assert_eq!(first, turned);
}

#[test]
fn training_counts_real_timesteps_only() {
    // The loss of a batch of unequal lengths is the mean over real timesteps: here, of the
    // sequences' own losses weighted by their lengths.
    let all = series(&LENGTHS, 3);
    let targets: Vec<Array2<f32>> = all
        .iter()
        .map(|a| Array2::from_shape_fn((a.nrows(), 2), |(t, k)| (t + k) as f32 / 10.0))
        .collect();
    let x = Input::new([None, Some(3)]);
    let y = Dense::new(2).call(&Lstm::new(4).return_sequences(true).call(&x).unwrap()).unwrap();
    let mut model = Model::new(&x, &y).unwrap().compile(Compile::new("sgd", "mse")).unwrap();
    let loss = |model: &mut CompiledModel, x: &Data, y: &Data| match &model
        .evaluate(x, y, Evaluate::new())
        .unwrap()["loss"]
    {
        cornu::metrics::MetricValue::Number(n) => *n,
        other => panic!("{other:?}"),
    };
    let together = loss(&mut model, &ragged(&all), &ragged(&targets));
    let n: usize = LENGTHS.iter().sum();
    let alone: f64 = all
        .iter()
        .zip(&targets)
        .map(|(x, y)| loss(&mut model, &one(x), &one(y)) * x.nrows() as f64)
        .sum::<f64>()
        / n as f64;
    assert!((together - alone).abs() < 1e-6, "{together} {alone}");
    let history = model
        .fit(ragged(&all), ragged(&targets), Fit::new().epochs(30).batch_size(3).verbose(0))
        .unwrap();
    let losses = history.get("loss").unwrap();
    assert!(losses[29] < losses[0] * 0.9, "{losses:?}");
}

#[test]
fn what_would_read_past_an_end_is_refused() {
    let x = Input::new([None, Some(3)]);
    let y = GlobalMaxPooling1d::default()
        .call(&Conv1d::new(4, 3).strides(2).padding(Padding::Same).call(&x).unwrap())
        .unwrap();
    let model = Model::new(&x, &y).unwrap();
    let e = model.predict(ragged(&series(&LENGTHS, 3)), Predict::new()).unwrap_err().to_string();
    assert!(e.contains("Conv1D `conv1d`") && e.contains("equal-length"), "{e}");
    // Batches of one sequence need no mask.
    assert!(model.predict(ragged(&series(&[4, 9], 3)), Predict::new().batch_size(1)).is_ok());
    let refuse = Predict::new().unequal(Unequal::Refuse);
    let e = model.predict(ragged(&series(&[4, 9], 3)), refuse).unwrap_err().to_string();
    assert!(e.contains("4 to 9 timesteps") && e.contains("batch size 1"), "{e}");
}
