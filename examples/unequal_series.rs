//! A classifier of sequences of unequal length, `Vec<Vec<[f32; 6]>>`: three motions of a sensor
//! with six channels. Prints a report, the confusion matrix and the accuracy by length.
//! The guide's page `unequal_lengths` explains what happens to the lengths.
//!
//!     cargo run --release -p cornu --example unequal_series

use cornu::data::{ClassNames, TrainTestSplit, argmax};
use cornu::optimizers::Adam;
use cornu::prelude::*;
use cornu::report::{ClassificationReport, accuracy_by_length};

/// Motions of 8 to 80 timesteps, and what each of them is.
fn motions(n: usize) -> (Vec<Vec<[f32; 6]>>, Vec<&'static str>) {
    let mut state = 7u64;
    let mut draw = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let mut motion = |i: usize| {
        let (name, period) = [("rest", f32::INFINITY), ("walk", 12.0), ("run", 6.0)][i % 3];
        let (length, start) = (8 + (draw() * 72.0) as usize, draw() * 6.0);
        let mut step = |t: usize| {
            let angle = start + t as f32 * std::f32::consts::TAU / period;
            std::array::from_fn(|f| (angle + f as f32).sin() + 1.5 * (draw() - 0.5))
        };
        ((0..length).map(&mut step).collect(), name)
    };
    (0..n).map(&mut motion).unzip()
}

fn main() -> cornu::Result<()> {
    let (x, labels) = motions(600);
    let names = ClassNames::of(labels.clone());
    let y = names.ids(&labels)?;
    let split = TrainTestSplit::new(0.25).stratified(&labels).seed(1).of(x.len())?;
    let ((x_train, x_test), (y_train, y_test)) = (split.list(&x)?, split.list(&y)?);

    let inputs = Input::new([None, Some(6)]); // (None, None, 6): any number of timesteps
    let h = Gru::new(16).call(&inputs)?;
    let outputs = Dense::new(names.len()).activation("softmax").call(&h)?;
    let mut model = Model::new(&inputs, &outputs)?.compile(
        Compile::new(Adam::new(0.01), "sparse_categorical_crossentropy").metrics(["accuracy"]),
    )?;
    model.fit(&x_train, &y_train, Fit::new().epochs(8).verbose(2))?;

    // Each sequence gives what it gives alone: the batch size changes nothing.
    let probabilities = model.predict(&x_test, Predict::new().batch_size(64))?;
    let alone = model.predict(&x_test[..1], Predict::new())?;
    assert!(alone.f32()?.iter().eq(probabilities.f32()?.iter().take(names.len())));

    let predicted = argmax(&probabilities.f32()?);
    let report = ClassificationReport::new(&y_test, &predicted, Some(&names))?;
    println!("{report}\n{}", report.matrix());
    let lengths: Vec<usize> = x_test.iter().map(Vec::len).collect();
    for (from, n, accuracy) in accuracy_by_length(&lengths, &y_test, &predicted, 20)? {
        println!("{from:>3} to {:>3} timesteps: {n:>3} sequences, {accuracy:.3}", from + 19);
    }
    Ok(())
}
