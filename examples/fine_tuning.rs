//! A model that Keras saved, fine-tuned: cut at an inner layer, a new head on the frozen layers
//! below, then all layers thawed and trained on slowly. The guide's page `fine_tuning` explains
//! each step; `fine_tuning/make.py` made `waves.keras` with Keras.
//!
//!     cargo run --release -p cornu --example fine_tuning

use cornu::optimizers::Adam;
use cornu::prelude::*;
use ndarray::{Array1, Array3};

/// Waves of 24 timesteps in noise: class 0 has a period of 9 timesteps, class 1 one of 15.
fn waves(n: usize) -> (Array3<f32>, Array1<i32>) {
    let noise = |i: usize| ((i * 7919 + i * i * 104729) % 1000) as f32 / 1000.0 - 0.5;
    let x = Array3::from_shape_fn((n, 24, 1), |(b, t, _)| {
        let angle = noise(b) * 6.0 + t as f32 * std::f32::consts::TAU / [9.0, 15.0][b % 2];
        angle.sin() + 0.6 * noise(b * 24 + t + 1)
    });
    (x, Array1::from_shape_fn(n, |b| (b % 2) as i32))
}

fn main() -> cornu::Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/fine_tuning/waves.keras");
    let base = Model::open(path)?;
    println!("{}", base.summary());

    // The new model ends in a head of two classes on the layer `summary`; `periods` is left out.
    let head = Dense::new(2).activation("softmax").name("head").call(&base.symbol("summary")?)?;
    let tuned = Model::new(&base.input()?, &head)?;
    for name in ["encoder", "summary"] {
        tuned.layer(name)?.set_trainable(false);
    }
    let ((x, y), (x_test, y_test)) = (waves(200), waves(100));
    let compile = |rate: f64| {
        Compile::new(Adam::new(rate), "sparse_categorical_crossentropy").metrics(["accuracy"])
    };
    let fit = || Fit::new().epochs(10).batch_size(20).verbose(2);
    let encoder = tuned.layer("encoder")?.weights();

    // `trainable` takes effect when a model is compiled, as in Keras.
    let mut compiled = tuned.compile(compile(0.02))?;
    compiled.fit(&x, &y, fit())?;
    let frozen = compiled.evaluate(&x_test, &y_test, Evaluate::new())?;
    assert_eq!(tuned.layer("encoder")?.weights(), encoder, "a frozen layer keeps its weights");

    tuned.set_trainable(true);
    let mut compiled = tuned.compile(compile(0.003))?;
    compiled.fit(&x, &y, fit())?;
    let thawed = compiled.evaluate(&x_test, &y_test, Evaluate::new())?;
    println!("head alone: loss {:.4}", frozen["loss"].number());
    println!("all layers: loss {:.4}", thawed["loss"].number());
    println!("all layers: accuracy {:.3}", thawed["accuracy"].number());

    // Keras opens this: `keras.models.load_model("fine_tuned.keras")`.
    let saved = std::env::temp_dir().join("fine_tuned.keras");
    compiled.save(&saved)?;
    println!("saved to {}", saved.display());
    Ok(())
}
