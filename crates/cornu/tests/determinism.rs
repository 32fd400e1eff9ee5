//! Same seed, same bits: for any number of threads, run after run, and in prediction for any batch
//! size and order.

use cornu::data::Data;
use cornu::{
    BatchNormalization, Bidirectional, Compile, CompiledModel, Dense, Dropout, Fit, Gru, Input,
    LayerRef, Lstm, Model, Predict, Softmax, UnitNormalization,
};
use ndarray::{Array3, Axis};

fn data(n: usize) -> (Array3<f32>, ndarray::Array2<f32>) {
    let x = Array3::from_shape_fn((n, 9, 4), |(b, t, f)| {
        ((b * 37 + t * 11 + f * 5) % 23) as f32 / 11.0 - 1.0
    });
    let y = ndarray::Array2::from_shape_fn((n, 2), |(b, k)| ((b + k) % 3) as f32 / 2.0);
    (x, y)
}

/// A model heavy enough that a batch is cut into shards, with what couples rows and what is random.
fn model() -> CompiledModel {
    let x = Input::new([9, 4]);
    let h = Bidirectional::new(LayerRef::new(Lstm::new(24).return_sequences(true).dropout(0.2)))
        .call(&x)
        .unwrap();
    let h = BatchNormalization::default().call(&h).unwrap();
    let h = Gru::new(16).call(&h).unwrap();
    let h = Dropout::new(0.3).call(&h).unwrap();
    let y = Dense::new(2).call(&h).unwrap();
    Model::new(&x, &y)
        .unwrap()
        .seed(5)
        .unwrap()
        .compile(Compile::new("adam", "mse").metrics(["mae"]))
        .unwrap()
}

fn trained(threads: usize) -> (Vec<Vec<u64>>, Vec<u64>) {
    let (x, y) = data(150);
    let mut m = model();
    m.set_threads(threads);
    let history = m.fit(&x, &y, Fit::new().batch_size(64).epochs(2).seed(7).verbose(0)).unwrap();
    let weights = (0..m.variables().len())
        .map(|i| m.weight(i).to_f64().unwrap().iter().map(|x| x.to_bits()).collect())
        .collect();
    let logs =
        ["loss", "mae"].iter().flat_map(|k| history.get(k).unwrap()).map(f64::to_bits).collect();
    (weights, logs)
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let one = trained(1);
    assert_eq!(one, trained(1), "a second run");
    assert_eq!(one, trained(2), "2 threads");
    assert_eq!(one, trained(5), "5 threads");
}

#[test]
fn prediction_depends_on_no_other_row() {
    let (x, _) = data(40);
    let mut m = model();
    let run = |m: &Model, x: &Array3<f32>, batch_size| -> Vec<u32> {
        let Data::Dense(a) =
            m.predict(x, Predict::new().batch_size(batch_size)).unwrap().into_vec().remove(0)
        else {
            panic!("a rectangle")
        };
        a.to_f32().unwrap().iter().map(|x| x.to_bits()).collect()
    };
    let all = run(&mut m, &x, 32);
    for batch_size in [1, 7, 40] {
        assert_eq!(all, run(&mut m, &x, batch_size), "batch size {batch_size}");
    }
    let order: Vec<usize> = (0..40).rev().collect();
    let turned: Vec<u32> =
        run(&mut m, &x.select(Axis(0), &order), 32).chunks(2).rev().flatten().copied().collect();
    assert_eq!(all, turned);
}

#[test]
fn a_batch_whose_rows_meet_is_not_cut() {
    let (x, _) = data(96);
    let columns = |layer: LayerRef, power: i32| -> Vec<f32> {
        let input = Input::new([9, 4]);
        let h = Lstm::new(64).call(&input).unwrap();
        let y = layer.call(&h).unwrap();
        let m = Model::new(&input, &y).unwrap().seed(5).unwrap();
        let Data::Dense(a) =
            m.predict(&x, Predict::new().batch_size(96)).unwrap().into_vec().remove(0)
        else {
            panic!("a rectangle")
        };
        let a = a.to_f32().unwrap();
        (0..64).map(|k| a.iter().skip(k).step_by(64).map(|v| v.powi(power)).sum()).collect()
    };
    // Each column has length 1, or sums to 1, over the 96 rows together.
    for sum in columns(LayerRef::new(UnitNormalization::new(0)), 2)
        .into_iter()
        .chain(columns(LayerRef::new(Softmax::new(0)), 1))
    {
        assert!((sum - 1.0).abs() < 1e-4, "{sum}");
    }
}
