//! Two LSTM layers on series of 20 timesteps of one feature: summary, and training in batches of
//! ten.
//!
//!     cargo run --release -p cornu --example two_lstm

use cornu::prelude::*;
use ndarray::{Array2, Array3};

fn main() -> cornu::Result<()> {
    let inputs = Input::new([20, 1]); // (None, 20, 1): the batch stays open
    let x = Lstm::new(5).return_sequences(true).call(&inputs)?; // (None, 20, 5)
    let x = Lstm::new(4).call(&x)?; // (None, 4)
    let outputs = Dense::new(1).activation("sigmoid").call(&x)?; // (None, 1)
    let mut model =
        Model::new(&inputs, &outputs)?.compile(Compile::new("rmsprop", "binary_crossentropy"))?;
    println!("{}", model.summary());

    // 100 samples of 20 timesteps of 1 feature; batches of 10 make 10 steps an epoch.
    let number = |i: usize| ((i * 7919) % 1000) as f32 / 1000.0;
    let x_train = Array3::from_shape_fn((100, 20, 1), |(b, t, _)| number(b * 20 + t));
    let y_train = Array2::from_shape_fn((100, 1), |(b, _)| number(b * 31 + 7));
    let history = model.fit(&x_train, &y_train, Fit::new().batch_size(10).epochs(2))?;
    println!("loss by epoch: {:?}", history.get("loss").unwrap_or_default());
    Ok(())
}
