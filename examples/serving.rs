//! One model, answered from 8 threads at the same time: a `Model` is a cheap handle, and a
//! prediction has the same bits on any thread. The guide's page `speed` tells what it costs.
//!
//!     cargo run --release -p cornu --example serving

use cornu::prelude::*;
use ndarray::Array3;
use std::time::Instant;

const THREADS: usize = 8;
const REQUESTS: usize = 50;

fn main() -> cornu::Result<()> {
    let inputs = Input::new([None, Some(4)]);
    let h = Lstm::new(32).call(&inputs)?;
    let model = Model::new(&inputs, &Dense::new(3).activation("softmax").call(&h)?)?;
    // The threads of the service are enough: each request runs on one.
    model.set_threads(1);

    // Requests of 10 to 40 timesteps, and the answers that one thread gives.
    let request = |i: usize| {
        Array3::from_shape_fn((1, 10 + i % 4 * 10, 4), |(_, t, f)| ((i + t * 5 + f) as f32).sin())
    };
    let requests: Vec<_> = (0..REQUESTS).map(request).collect();
    let answer = |model: &Model, x: &Array3<f32>| -> cornu::Result<Vec<f32>> {
        let y = model.predict(x, Predict::new())?;
        Ok(y.f32()?.iter().copied().collect())
    };
    let expected = requests.iter().map(|x| answer(&model, x)).collect::<Result<Vec<_>>>()?;

    let started = Instant::now();
    let same = std::thread::scope(|scope| {
        let serve = |first: usize| {
            // A clone of the handle shares the weights; `&model` would do as well.
            let (model, requests, expected) = (model.clone(), &requests, &expected);
            scope.spawn(move || -> cornu::Result<usize> {
                let mut same = 0;
                for i in (0..REQUESTS).map(|i| (i + first) % REQUESTS) {
                    same += usize::from(answer(&model, &requests[i])? == expected[i]);
                }
                Ok(same)
            })
        };
        let threads: Vec<_> = (0..THREADS).map(serve).collect();
        threads.into_iter().map(|t| t.join().expect("no thread panics")).sum::<Result<usize>>()
    })?;
    let n = THREADS * REQUESTS;
    let us = started.elapsed().as_secs_f64() * 1e6 / n as f64;
    println!("{same} of {n} answers have the bits of one thread alone, {us:.0} us for each");
    Ok(())
}
