//! Streams: each timestep gives what the whole series gives there, to the bit, and allocates
//! nothing. Truncated backpropagation.

use cornu::Streams;
use cornu::data::{Array, Data, Ragged};
use cornu::extend::*;
use cornu::layers::*;
use cornu::{Compile, Fit, Input, Model, Predict, Symbol};
use ndarray::Array2;

const LENGTHS: [usize; 5] = [6, 9, 1, 7, 12];

fn model_of(f: impl Fn(&Symbol) -> cornu::Result<Symbol>) -> Model {
    let x = Input::new([None, Some(3)]);
    Model::new(&x, &f(&x).unwrap()).unwrap()
}

fn models() -> Vec<Model> {
    vec![
        model_of(|x| Lstm::new(5).return_sequences(true).call(x)),
        model_of(|x| {
            Dense::new(2).activation("softmax").call(
                &Gru::new(40)
                    .return_sequences(true)
                    .call(&Lstm::new(33).return_sequences(true).call(x)?)?,
            )
        }),
        model_of(|x| {
            LayerNormalization::new()
                .call(&SimpleRnn::new(4).return_sequences(true).call(&Masking::new(0.0).call(x)?)?)
        }),
        model_of(|x| Lstm::new(4).activation("gelu").return_sequences(true).call(x)),
    ]
}

fn series() -> Vec<Array2<f32>> {
    let number = |s: usize, t: usize, f: usize| {
        if s == 1 && t == 4 { 0.0 } else { ((s * 31 + t * 7 + f * 3) % 17) as f32 / 8.0 - 1.0 }
    };
    LENGTHS
        .iter()
        .enumerate()
        .map(|(s, &n)| Array2::from_shape_fn((n, 3), |(t, f)| number(s, t, f)))
        .collect()
}

fn ragged(all: &[Array2<f32>]) -> Data {
    Data::Ragged(Ragged::from_list(all.iter().map(|a| Array::from(a.clone().into_dyn()))).unwrap())
}

fn bits(v: impl IntoIterator<Item = f32>) -> Vec<u32> {
    v.into_iter().map(f32::to_bits).collect()
}

#[test]
fn a_step_gives_what_the_series_gives_there() {
    let all = series();
    for model in models() {
        let whole = model.predict(ragged(&all), Predict::new()).unwrap().into_vec().remove(0);
        let want = bits(whole.values().to_f32().unwrap().iter().copied());
        let mut streams = Streams::new(model, 3).unwrap();
        let u = streams.n_out();
        let mut got: Vec<Vec<f32>> = vec![vec![]; all.len()];
        // Every stream at its own time: stream s begins at turn 2 s.
        for turn in 0..24 {
            let live: Vec<usize> =
                (0..all.len()).filter(|&s| turn >= 2 * s && turn - 2 * s < LENGTHS[s]).collect();
            let x: Vec<f32> =
                live.iter().flat_map(|&s| all[s].row(turn - 2 * s).to_vec()).collect();
            let mut y = vec![0.0; live.len() * u];
            streams
                .step_many(&live.iter().map(|&s| 100 + s as u64).collect::<Vec<_>>(), &x, &mut y)
                .unwrap();
            live.iter().zip(y.chunks(u)).for_each(|(&s, y)| got[s].extend(y));
        }
        assert_eq!(bits(got.into_iter().flatten()), want);
        assert_eq!(streams.len(), 5);
        assert!(streams.end(100) && !streams.end(100));
        let mut again = vec![0.0; u];
        streams.step(100, all[0].row(0).as_slice().unwrap(), &mut again).unwrap();
        assert_eq!(bits(again), want[..u], "an ended stream begins anew");
    }
}

#[test]
fn a_step_allocates_nothing() {
    for model in models() {
        model.set_threads(1);
        let mut streams = Streams::new(model, 4).unwrap();
        let ids = [3, 1, 4, 15, 9, 2, 6];
        let x = vec![0.3; ids.len() * streams.n_in()];
        let mut y = vec![0.0; ids.len() * streams.n_out()];
        streams.step_many(&ids, &x, &mut y).unwrap();
        let counted = allocation_counter::measure(|| {
            for _ in 0..20 {
                streams.step_many(&ids, &x, &mut y).unwrap();
                let (n_in, n_out) = (streams.n_in(), streams.n_out());
                streams.step(4, &x[..n_in], &mut y[..n_out]).unwrap();
            }
        });
        assert_eq!(counted.count_total, 0);
    }
    assert_eq!(
        allocation_counter::measure(|| drop(std::hint::black_box(vec![0u8; 9]))).count_total,
        1,
        "the allocator counts"
    );
}

#[test]
fn what_looks_ahead_is_no_stream() {
    let refused = [
        model_of(|x| Lstm::new(2).go_backwards(true).call(x)),
        model_of(|x| Bidirectional::new(Lstm::new(2)).call(x)),
        model_of(|x| Conv1d::new(2, 3).call(x)),
        model_of(|x| GlobalMaxPooling1d::default().call(x)),
    ];
    for model in refused {
        let e = Streams::new(model, 2).err().unwrap().to_string();
        assert!(e.contains("takes more than the timesteps up to it"), "{e}");
    }
    let mut streams = Streams::new(models().remove(0), 2).unwrap();
    let e = streams.step_many(&[1, 1], &[0.0; 6], &mut [0.0; 10]).unwrap_err().to_string();
    assert!(e.contains("stream 1 twice"), "{e}");
    assert!(streams.step(1, &[0.0; 2], &mut [0.0; 5]).is_err());
}

/// A deep model, its weights and losses after two epochs with gradients cut after `k` timesteps.
fn trained(k: Option<usize>, backwards: bool) -> (Vec<f64>, Vec<Vec<f64>>) {
    let all = series();
    let targets: Vec<Array2<f32>> = all
        .iter()
        .map(|a| Array2::from_shape_fn((a.nrows(), 2), |(t, k)| (t % 3 + k) as f32 / 4.0))
        .collect();
    let model = model_of(|x| {
        let x = if backwards {
            Bidirectional::new(Lstm::new(4).return_sequences(true)).call(x)?
        } else {
            Lstm::new(4).return_sequences(true).call(x)?
        };
        Dense::new(2).call(&Gru::new(3).return_sequences(true).call(&x)?)
    });
    let mut model = model.compile(Compile::new("sgd", "mse")).unwrap();
    let mut fit = Fit::new().epochs(2).batch_size(5).shuffle(false).verbose(0);
    if let Some(k) = k {
        fit = fit.tbptt(k);
    }
    let losses = model.fit(ragged(&all), ragged(&targets), fit).unwrap().get("loss").unwrap();
    let numbers = |a: &Array| a.to_f64().unwrap().iter().copied().collect();
    (losses, model.weights().iter().map(numbers).collect())
}

#[test]
fn stretches_cut_gradients_and_nothing_else() {
    for backwards in [false, true] {
        let (losses, weights) = trained(None, backwards);
        for k in [16, 100] {
            let (l, w) = trained(Some(k), backwards);
            assert_eq!(
                (&l, &w),
                (&losses, &weights),
                "gradients that reach back over {k} timesteps are whole"
            );
        }
        for k in [1, 3, 5] {
            let (l, w) = trained(Some(k), backwards);
            // The first epoch is one batch: its loss is that of the forward pass before any update.
            assert_eq!(l[0].to_bits(), losses[0].to_bits(), "states pass on exactly, k = {k}");
            assert_ne!(w, weights, "k = {k}");
        }
    }
}
