//! Series of 100 to 2,600 timesteps, one feature: a short burst of one of three frequencies
//! somewhere in noise. They are learned as they are, then padded to the longest and masked; the
//! time follows the timesteps.
//!
//!     cargo run --release --example long_series

use cornu::data::{Array, BatchMaker, Cost, Data, PadSide, Ragged};
use cornu::metrics::MetricValue;
use cornu::{
    Compile, CompiledModel, Dense, Evaluate, Fit, GlobalAveragePooling1d, Gru, Input, Masking,
    Model,
};
use ndarray::Array2;
use std::time::Instant;

/// Whole numbers that look drawn at random: a linear congruential generator.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }
}

fn series(n: usize, seed: u64) -> (Vec<Array2<f32>>, Vec<i32>) {
    let mut draw = Draw(seed);
    let one = |i: usize| {
        let class = i % 3;
        // As many short series as long ones by the logarithm of their length.
        let length = (100.0 * 26f32.powf(draw.next())) as usize;
        let (begin, end) = (draw.next() * 0.5, draw.next() * 0.5 + 0.5);
        let period = [6.0, 9.0, 14.0][class];
        let value = |t: usize, noise: f32| {
            let at = t as f32 / length as f32;
            let wave = if (begin..end).contains(&at) {
                (t as f32 * std::f32::consts::TAU / period).sin()
            } else {
                0.0
            };
            wave + 0.3 * noise + 0.01
        };
        let values: Vec<f32> = (0..length).map(|t| value(t, draw.next() - 0.5)).collect();
        (
            Array2::from_shape_vec((length, 1), values).expect("a value for each timestep"),
            class as i32,
        )
    };
    (0..n).map(one).unzip()
}

fn ragged(all: &[Array2<f32>]) -> cornu::Result<Ragged> {
    Ok(Ragged::from_list(all.iter().map(|a| Array::from(a.clone().into_dyn())))?)
}

fn model() -> cornu::Result<CompiledModel> {
    let inputs = Input::new([None, Some(1)]);
    let x = Masking::new(0.0).call(&inputs)?;
    let x = Gru::new(16).return_sequences(true).call(&x)?;
    let x = GlobalAveragePooling1d::new().call(&x)?;
    let outputs = Dense::new(3).activation("softmax").call(&x)?;
    let model = Model::new(&inputs, &outputs)?
        .compile(Compile::new("adam", "sparse_categorical_crossentropy").metrics(["accuracy"]))?;
    model.set_learning_rate(0.01)?;
    Ok(model)
}

fn accuracy(model: &CompiledModel, x: &Data, y: &Data) -> cornu::Result<f64> {
    let logs = model.evaluate(x, y, Evaluate::new())?;
    Ok(if let Some(MetricValue::Number(a)) = logs.get("accuracy") { *a } else { f64::NAN })
}

fn main() -> cornu::Result<()> {
    let epochs = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(20);
    let ((train, labels), (test, test_labels)) = (series(192, 1), series(96, 2));
    let (x, y) = (ragged(&train)?, Data::from(labels));
    let (x_test, y_test) = (ragged(&test)?, Data::from(test_labels));
    let lengths = x.lengths();
    let (least, most) = (lengths.iter().min().unwrap_or(&0), lengths.iter().max().unwrap_or(&0));
    println!(
        "{} series of {least} to {most} timesteps, {} together",
        x.n_samples(),
        x.n_timesteps()
    );
    let fit = || Fit::new().epochs(epochs).batch_size(16).verbose(0);

    let mut as_they_are = model()?;
    let started = Instant::now();
    as_they_are.fit(&x, &y, fit())?;
    let own_s = started.elapsed().as_secs_f64();
    println!(
        "as they are: {:.3} accuracy, {own_s:.2} s",
        accuracy(&as_they_are, &Data::Ragged(x_test.clone()), &y_test)?
    );

    let longest = x.longest().max(x_test.longest());
    let (padded, _) = x.pad(PadSide::Post, 0.0, Some(longest))?;
    let (padded_test, _) = x_test.pad(PadSide::Post, 0.0, Some(longest))?;
    let mut on_padded = model()?;
    let started = Instant::now();
    on_padded.fit(&padded, &y, fit())?;
    let padded_s = started.elapsed().as_secs_f64();
    println!(
        "padded to {longest}: {:.3} accuracy, {padded_s:.2} s",
        accuracy(&on_padded, &Data::from(padded_test), &y_test)?
    );

    // The shorter half and the longer half: microseconds a timestep.
    let mut by_length: Vec<u32> = (0..lengths.len() as u32).collect();
    by_length.sort_by_key(|&i| lengths[i as usize]);
    for (name, rows) in [
        ("shorter", &by_length[..by_length.len() / 2]),
        ("longer", &by_length[by_length.len() / 2..]),
    ] {
        let (half, targets) = (x.take(rows)?, y.take(rows)?);
        let started = Instant::now();
        as_they_are.fit(&half, &targets, fit().batches(BatchMaker::Bucket).epochs(2))?;
        let us = started.elapsed().as_secs_f64() * 1e6 / (2 * half.n_timesteps()) as f64;
        println!("the {name} half: {} timesteps, {us:.2} us each", half.n_timesteps());
    }
    let costs = Cost::of_makers(&lengths, 16, BatchMaker::Bucket)?;
    costs.iter().for_each(|(maker, c)| {
        println!(
            "{:<14} {:>4} steps, {:>4.1} % padding if padded",
            maker.name(),
            c.n_steps,
            100.0 * c.padding_share
        )
    });
    Ok(())
}
