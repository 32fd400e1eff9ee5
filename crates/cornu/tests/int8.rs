//! Weights of eight bits: files that Keras rounded, and models that cornu rounds.
//!
//! The fixture is made by `python/make_int8.py`.

use cornu::data::{Array, Data, read};
use cornu::files::quantize_int8;
use cornu::{Compile, Dense, Fit, Input, Lstm, Model, Predict};
use ndarray::Array3;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/int8").join(name)
}

fn numbers(data: &[Data]) -> Vec<f32> {
    data.iter()
        .flat_map(|d| d.values().to_f32().unwrap().iter().copied().collect::<Vec<_>>())
        .collect()
}

#[test]
fn a_file_that_keras_rounded_predicts_what_keras_does_and_is_written_back() {
    let x = read(fixture("x.npy")).unwrap().inputs.remove(0).1;
    let want = numbers(&[read(fixture("y.npy")).unwrap().inputs.remove(0).1]);
    let mut model = Model::open(fixture("model.keras")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("again.keras");
    model.save(&path).unwrap();
    for model in [&mut model, &mut Model::open(&path).unwrap()] {
        let got = numbers(&model.predict(vec![x.clone()], Predict::new()).unwrap().into_vec());
        let worst = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // Products of whole numbers are exact; the rest is rounding of float32.
        assert!(got.len() == want.len() && worst < 1e-6, "{worst}");
    }
}

fn series(n: usize) -> Vec<Data> {
    vec![Data::Dense(Array::F32(
        Array3::from_shape_fn((n, 9, 3), |(i, t, f)| {
            ((i * 31 + t * 7 + f * 3) % 17) as f32 / 8.0 - 1.0
        })
        .into_dyn(),
    ))]
}

#[test]
fn a_rounded_lstm_stays_near_and_forgets_its_packed_weights_when_they_change() {
    let x = Input::new([9, 3]);
    let h = Lstm::new(21).return_sequences(true).call(&x).unwrap();
    let y = Dense::new(2).call(&Lstm::new(6).call(&h).unwrap()).unwrap();
    let mut model = Model::new(&x, &y).unwrap().compile(Compile::new("adam", "mse")).unwrap();
    let targets = || vec![Data::Dense(Array::F32(ndarray::ArrayD::from_elem(vec![33, 2], 0.3)))];
    model.fit(series(33), targets(), Fit::new().epochs(1)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [whole, rounded, other] =
        ["whole.keras", "rounded.keras", "other.keras"].map(|n| folder.path().join(n));
    model.save(&whole).unwrap();
    let loss = quantize_int8(&whole, &rounded, |_| Ok(series(33))).unwrap();
    assert_eq!(loss.n_layers, 3);
    assert!(loss.largest > 0.0 && loss.largest < 0.05 * loss.magnitude, "{loss:?}");
    let eight = Model::open(&rounded).unwrap();
    let together =
        numbers(&eight.predict(series(33), Predict::new().batch_size(33)).unwrap().into_vec());
    let alone =
        numbers(&eight.predict(series(33), Predict::new().batch_size(1)).unwrap().into_vec());
    assert_eq!(together, alone, "a row does not depend on its batch");
    // Other weights in the same model: what was packed of the first must go.
    model.fit(series(33), targets(), Fit::new().epochs(3)).unwrap();
    model.save(&whole).unwrap();
    quantize_int8(&whole, &other, |_| Ok(series(33))).unwrap();
    eight.load_weights(&other).unwrap();
    let changed =
        numbers(&eight.predict(series(33), Predict::new().batch_size(33)).unwrap().into_vec());
    let fresh = numbers(
        &Model::open(&other)
            .unwrap()
            .predict(series(33), Predict::new().batch_size(33))
            .unwrap()
            .into_vec(),
    );
    assert_eq!(changed, fresh);
    assert_ne!(changed, together);
}
