//! A text written character by character: the model learns to predict the next one, and `Streams`
//! steps it, with its states kept, on the characters that a temperature draws.
//! The guide's page `states_and_streaming` explains the steps.
//!
//!     cargo run --release -p cornu --example text_generation

use cornu::optimizers::Adam;
use cornu::prelude::*;
use ndarray::Array2;

/// The model learns this by heart: William Blake, The Tyger, 1794.
const TEXT: &str = "\
Tyger Tyger, burning bright,
In the forests of the night;
What immortal hand or eye,
Could frame thy fearful symmetry?

In what distant deeps or skies,
Burnt the fire of thine eyes?
On what wings dare he aspire?
What the hand, dare seize the fire?
";
const STEPS: usize = 40;

/// The number of a class drawn by probabilities, sharpened by a temperature below 1 and flattened
/// by one above; `uniform` lies between 0 and 1.
fn drawn(probabilities: &[f32], temperature: f32, uniform: f32) -> usize {
    let weights: Vec<f32> = probabilities.iter().map(|p| p.powf(1.0 / temperature)).collect();
    let mut left = uniform * weights.iter().sum::<f32>();
    let beyond = |weight: &f32| {
        left -= weight;
        left < 0.0
    };
    weights.iter().position(beyond).unwrap_or(weights.len() - 1)
}

fn main() -> cornu::Result<()> {
    let mut alphabet: Vec<char> = TEXT.chars().collect();
    alphabet.sort_unstable();
    alphabet.dedup();
    let id = |c: char| alphabet.binary_search(&c).expect("a character of the text") as i32;
    let ids: Vec<i32> = TEXT.chars().map(id).collect();

    // Windows of 40 characters; the target at each timestep is the next character.
    let windows = ids.len() - STEPS;
    let x = Array2::from_shape_fn((windows, STEPS), |(b, t)| ids[b + t]);
    let y = Array2::from_shape_fn((windows, STEPS), |(b, t)| ids[b + t + 1]);
    let inputs = Input::ids([None]); // (None, None): any number of characters
    let h = Embedding::new(alphabet.len(), 16).call(&inputs)?;
    let h = Lstm::new(64).return_sequences(true).call(&h)?;
    let outputs = Dense::new(alphabet.len()).activation("softmax").call(&h)?;
    let mut model = Model::new(&inputs, &outputs)?
        .compile(Compile::new(Adam::new(0.01), "sparse_categorical_crossentropy"))?;
    let history = model.fit(&x, &y, Fit::new().epochs(20).batch_size(16).verbose(2))?;
    println!("loss by epoch: {:.3?}", history.get("loss").unwrap_or_default());

    // Three streams, one for each temperature, step together and keep their states apart.
    let temperatures = [0.2, 0.7, 1.2];
    let mut streams = Streams::new(model.model().clone(), 3)?;
    let mut texts = vec![String::from("Tyger"); 3];
    let mut y = vec![0.0; 3 * streams.n_out()];
    let mut state = 1u64;
    for step in 0..200 {
        let next: Vec<f32> =
            texts.iter().map(|text| text.chars().nth(step).map_or(0.0, |c| id(c) as f32)).collect();
        streams.step_many(&[0, 1, 2], &next, &mut y)?;
        for (i, text) in texts.iter_mut().enumerate().filter(|(_, t)| t.len() == step + 1) {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let uniform = (state >> 40) as f32 / (1u64 << 24) as f32;
            let probabilities = &y[i * alphabet.len()..][..alphabet.len()];
            text.push(alphabet[drawn(probabilities, temperatures[i], uniform)]);
        }
    }
    for (temperature, text) in temperatures.iter().zip(&texts) {
        println!("--- temperature {temperature}\n{text}");
    }
    Ok(())
}
