//! An encoder and a decoder, trained as one model, that learn to write a row of digits backwards.
//! Two inner models over the same layers then decode it, greedily and by beam search.
//! The guide's page `states_and_streaming` explains the steps.
//!
//!     cargo run --release -p cornu --example encoder_decoder

use cornu::optimizers::Adam;
use cornu::prelude::*;
use ndarray::{Array2, array, s};

const DIGITS: usize = 10;
const START: i32 = DIGITS as i32; // the id that opens each answer
const LENGTH: usize = 5;
const UNITS: usize = 64;

/// Rows of digits that look drawn at random.
fn questions(n: usize, seed: u64) -> Array2<i32> {
    let mut state = seed;
    Array2::from_shape_simple_fn((n, LENGTH), || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as i32 % DIGITS as i32
    })
}

/// The most likely answer among those that a beam of `width` unfinished answers keeps, and the
/// logarithm of its probability. A beam of width 1 is greedy.
fn decode(models: [&Model; 2], question: &Array2<i32>, width: usize) -> Result<(Vec<i32>, f32)> {
    let [encoder, decoder] = models;
    let states = encoder.predict(question, Predict::new())?;
    let [h, c] = [0, 1].map(|i| states.output(i).and_then(|s| Ok(s.f32()?.to_owned())));
    let mut beam = vec![(vec![START], 0.0, h?, c?)];
    for _ in 0..LENGTH {
        let mut longer = vec![];
        for (digits, score, h, c) in &beam {
            let y = decoder.predict((array![[digits[digits.len() - 1]]], h, c), Predict::new())?;
            let (h, c) = (y.output(1)?.f32()?, y.output(2)?.f32()?);
            for (digit, p) in y.output(0)?.f32()?.iter().enumerate() {
                let digits = [&digits[..], &[digit as i32]].concat();
                longer.push((digits, score + p.ln(), h.to_owned(), c.to_owned()));
            }
        }
        longer.sort_by(|a, b| b.1.total_cmp(&a.1));
        longer.truncate(width);
        beam = longer;
    }
    let (digits, score, ..) = beam.remove(0);
    Ok((digits[1..].to_vec(), score))
}

fn main() -> Result<()> {
    // Each layer is made once. The training model and the inner models call the same layers.
    let embedding = LayerRef::new(Embedding::new(DIGITS + 1, 16));
    let encoder_lstm = LayerRef::new(Lstm::new(UNITS).return_state(true));
    let decoder_lstm = LayerRef::new(Lstm::new(UNITS).return_sequences(true).return_state(true));
    let head = LayerRef::new(Dense::new(DIGITS).activation("softmax"));

    let (question, given) = (Input::ids([LENGTH]), Input::ids([LENGTH]));
    let encoded = encoder_lstm.call_all(&embedding.call(&question)?)?; // output, h, c
    let steps = embedding.call(&given)?.with("initial_state", [&encoded[1], &encoded[2]]);
    let answer = head.call(&decoder_lstm.call_all(steps)?[0])?; // (None, 5, 10)
    let settings = Compile::new(Adam::new(0.01), "sparse_categorical_crossentropy");
    let model = Model::new([&question, &given], &answer)?;
    let mut model = model.compile(settings.metrics(["accuracy"]))?;

    // The decoder is given the right answer, one timestep late (teacher forcing).
    let x = questions(2000, 1);
    let y = x.slice(s![.., ..;-1]).to_owned();
    let mut late = Array2::from_elem(y.dim(), START);
    late.slice_mut(s![.., 1..]).assign(&y.slice(s![.., ..-1]));
    let history = model.fit((&x, &late), &y, Fit::new().batch_size(50).epochs(12).verbose(2))?;
    println!("accuracy by epoch: {:.3?}", history.get("accuracy").unwrap_or_default());

    // The inner models: a question to its states; one digit and states to the next ones.
    let encoder = Model::new(&question, [&encoded[1], &encoded[2]])?;
    let (digit, h, c) = (Input::ids([1]), Input::new([UNITS]), Input::new([UNITS]));
    let step = decoder_lstm.call_all(embedding.call(&digit)?.with("initial_state", [&h, &c]))?;
    let decoder = Model::new([&digit, &h, &c], [&head.call(&step[0])?, &step[1], &step[2]])?;
    for (i, width) in (0..8).map(|i| (i / 2, [1, 4][i % 2])) {
        let question = questions(4, 2).slice_move(s![i..=i, ..]);
        let (answer, score) = decode([&encoder, &decoder], &question, width)?;
        println!("{question} beam of {width}: {answer:?}, log probability {score:.3}");
    }
    Ok(())
}
