//! Prediction of sequences does not depend on their order, on the batch size, or on the side and
//! amount of padding: the same bits.

use cornu::Unequal;
use cornu::data::{Array, Data, PadSide, Ragged};
use cornu::layers::*;
use cornu::{Input, Model, Predict, Symbol};
use ndarray::Array2;
use proptest::prelude::*;
use std::cell::RefCell;

fn model_of(f: impl Fn(&Symbol) -> cornu::Result<Symbol>) -> Model {
    let x = Input::new([None, Some(2)]);
    Model::new(&x, &f(&x).unwrap()).unwrap()
}

fn models() -> Vec<Model> {
    vec![
        model_of(|x| Lstm::new(5).call(&Masking::new(0.0).call(x)?)),
        model_of(|x| {
            let x = Bidirectional::new(Gru::new(33).return_sequences(true))
                .call(&Masking::new(0.0).call(x)?)?;
            TimeDistributed::new(LayerRef::new(Dense::new(3).activation("softmax")))
                .call(&LayerNormalization::new().call(&x)?)
        }),
        model_of(|x| {
            GlobalAveragePooling1d::new()
                .call(&SimpleRnn::new(4).return_sequences(true).call(&Masking::new(0.0).call(x)?)?)
        }),
    ]
}

thread_local! {
    static MODELS: RefCell<Vec<Model>> = RefCell::new(models());
}

/// No timestep is all 0, which would be masked.
fn series(lengths: &[usize]) -> Vec<Array2<f32>> {
    let number = |s: usize, t: usize, f: usize| {
        ((s * 31 + t * 7 + f * 3) % 17) as f32 / 8.0 + 0.1 - f as f32
    };
    lengths
        .iter()
        .enumerate()
        .map(|(s, &n)| Array2::from_shape_fn((n, 2), |(t, f)| number(s, t, f)))
        .collect()
}

fn ragged(all: &[Array2<f32>]) -> Ragged {
    Ragged::from_list(all.iter().map(|a| Array::from(a.clone().into_dyn()))).unwrap()
}

/// The bits of each sequence's own results.
fn bits(y: &Data, lengths: &[usize], side: PadSide) -> Vec<Vec<u32>> {
    let values = y.values().to_f32().unwrap();
    let flat: Vec<u32> = values.iter().map(|v| v.to_bits()).collect();
    match y {
        Data::Ragged(r) => {
            let width = r.timestep_width();
            r.offsets().windows(2).map(|w| flat[w[0] * width..w[1] * width].to_vec()).collect()
        }
        Data::Dense(a) if a.rank() == 3 => {
            let (t, width) = (a.shape()[1], a.shape()[2]);
            let start = |n: usize| if side == PadSide::Pre { t - n } else { 0 };
            lengths
                .iter()
                .enumerate()
                .map(|(s, &n)| {
                    flat[(s * t + start(n)) * width..(s * t + start(n) + n) * width].to_vec()
                })
                .collect()
        }
        Data::Dense(a) => flat.chunks(a.shape()[1]).map(<[u32]>::to_vec).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn the_same_bits(
        lengths in prop::collection::vec(1usize..24, 1..20),
        batch_size in 1usize..24,
        turn in 0usize..20,
        extra in 0usize..20,
        which in 0usize..3,
    ) {
        let all = series(&lengths);
        let longest = lengths.iter().copied().max().unwrap_or(0);
        MODELS.with_borrow_mut(|models| {
            let model = &mut models[which];
            let run = |x: &Data, batch_size| {
                let how = Predict::new().batch_size(batch_size).unequal(Unequal::Known);
                model.predict(x, how).unwrap().into_vec().remove(0)
            };
            let whole = Data::Ragged(ragged(&all));
            let want = bits(&run(&whole, 32), &lengths, PadSide::Post);
            // Another batch size.
            let got = bits(&run(&whole, batch_size), &lengths, PadSide::Post);
            prop_assert_eq!(&got, &want);
            // Another order.
            let k = turn % all.len();
            let turned: Vec<_> = all[k..].iter().chain(&all[..k]).cloned().collect();
            let turned_lengths = [&lengths[k..], &lengths[..k]].concat();
            let turned = run(&Data::Ragged(ragged(&turned)), batch_size);
            let got = bits(&turned, &turned_lengths, PadSide::Post);
            prop_assert_eq!(&got, &[&want[k..], &want[..k]].concat());
            // Padded and masked, on either side, by more than is needed.
            for side in [PadSide::Post, PadSide::Pre] {
                let (padded, _) = ragged(&all).pad(side, 0.0, Some(longest + extra)).unwrap();
                let got = bits(&run(&Data::Dense(padded), batch_size), &lengths, side);
                prop_assert_eq!(&got, &want, "{:?}", side);
            }
            Ok(())
        })?;
    }
}

#[test]
fn empty_sequences_have_their_place() {
    let lengths = [3, 0, 5, 0];
    for model in models() {
        let y =
            model.predict(ragged(&series(&lengths)), Predict::new()).unwrap().into_vec().remove(0);
        assert_eq!(y.n_samples(), 4);
        assert!(y.values().to_f32().unwrap().iter().all(|v| v.is_finite()));
        if let Some(got) = y.lengths() {
            assert_eq!(got, lengths);
        }
        let all_empty =
            model.predict(ragged(&series(&[0, 0])), Predict::new()).unwrap().into_vec().remove(0);
        assert_eq!(all_empty.n_samples(), 2);
    }
}

#[test]
fn several_ragged_inputs_must_agree_in_their_lengths() {
    let (a, b) = (Input::new([None, Some(2)]), Input::new([None, Some(3)]));
    let y = Lstm::new(3)
        .return_sequences(true)
        .call(&Concatenate::new().call([&a, &b]).unwrap())
        .unwrap();
    let model = Model::new([&a, &b], &y).unwrap();
    let lengths = [4, 2, 6];
    let wide = |n: &[usize]| {
        Data::Ragged(
            Ragged::from_list(
                n.iter().map(|&n| Array::from(Array2::<f32>::ones((n, 3)).into_dyn())),
            )
            .unwrap(),
        )
    };
    let x = Data::Ragged(ragged(&series(&lengths)));
    let y = model
        .predict(vec![x.clone(), wide(&lengths)], Predict::new())
        .unwrap()
        .into_vec()
        .remove(0);
    assert_eq!(y.lengths().unwrap(), lengths);
    let e = model.predict(vec![x, wide(&[4, 3, 6])], Predict::new()).unwrap_err().to_string();
    assert!(e.contains("agree in the timesteps"), "{e}");
}
