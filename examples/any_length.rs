//! The same model with open timesteps: series of 20 and of 25 steps, one by one, in batches of
//! equal length, and mixed as they are.
//!
//!     cargo run --release --example any_length

use cornu::Unequal;
use cornu::data::{Array, BatchMaker, Data, Ragged};
use cornu::{Compile, Dense, Fit, Input, Lstm, Model};
use ndarray::Array2;

fn main() -> cornu::Result<()> {
    let inputs = Input::new([None, Some(1)]); // (None, None, 1)
    let x = Lstm::new(5).return_sequences(true).call(&inputs)?; // (None, None, 5)
    let x = Lstm::new(4).call(&x)?;
    let outputs = Dense::new(1).activation("sigmoid").call(&x)?;
    let mut model =
        Model::new(&inputs, &outputs)?.compile(Compile::new("rmsprop", "binary_crossentropy"))?;
    println!("{}", model.summary());

    let number = |i: usize| ((i * 7919) % 1000) as f32 / 1000.0;
    let series = (0..100usize).map(|s| {
        Array2::from_shape_fn((if s % 2 == 0 { 20 } else { 25 }, 1), |(t, _)| number(s * 25 + t))
    });
    let x_train = Data::Ragged(Ragged::from_list(series.map(|a| Array::from(a.into_dyn())))?);
    let y_train = Array2::from_shape_fn((100, 1), |(b, _)| number(b * 31 + 7));

    model.fit(&x_train, &y_train, Fit::new().batch_size(1))?;
    model.fit(&x_train, &y_train, Fit::new().batch_size(10).batches(BatchMaker::EqualLength))?;
    model.fit(&x_train, &y_train, Fit::new().batch_size(10))?;

    // A rectangle cannot hold them: the message says why, and names the ways out.
    if let Err(e) =
        model.fit(&x_train, &y_train, Fit::new().batch_size(10).unequal(Unequal::Refuse))
    {
        println!("{e}");
    }
    Ok(())
}
