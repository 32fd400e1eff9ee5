//! Sequences of unequal length: each gives what it gives alone, or the layer refuses them by name.

use super::case::*;
use super::lowered::*;
use cornu::Symbol;
use cornu::data::{Array, Data, Ragged};
use cornu::extend::*;
use cornu::{Input, Model, Result};
use cornu_ir::Spec;
use cornu_ir::interpret::interpret;
use ndarray::{ArrayD, IxDyn};
use serde_json::{Value, json};

/// Cases on sequences that a layer takes with unequal lengths, and cases that it refuses.
fn by_unequal_lengths() -> (Vec<Case>, Vec<Case>) {
    let cases = Case::all().into_iter().filter(|c| c.has_time());
    cases.partition(|c| match c.layer().rule().ragged_form() {
        RaggedForm::Refused => false,
        RaggedForm::ByTimestep(n) => c.sample.inputs.iter().all(|i| i.shape.len() + 1 >= n),
        RaggedForm::Padded | RaggedForm::Either => true,
    })
}

#[test]
fn unequal_lengths_give_what_each_sequence_gives_alone_in_f64() {
    let near = |a: f64, b: f64, tolerance: f64| (a - b).abs() <= tolerance * b.abs().max(1.0);
    for case in by_unequal_lengths().0.iter().filter(|c| !c.encodes()) {
        for given in [Given::Ending, Given::Packed] {
            let l = case.lower(&case.values(&[0, 1, 2, 3, 4], T, true), given).unwrap();
            let (d, y) = (interpret(&l.graph, &l.ins), outputs(&l));
            let mut sums: Vec<Vec<f64>> =
                l.floats.iter().map(|i| vec![0.0; l.ins[*i].n_elements()]).collect();
            for (s, &n) in LENGTHS.iter().enumerate() {
                let alone =
                    case.lower_from(s, &case.values(&[s], n, false), Given::Padded).unwrap();
                let (d_alone, y_alone) = (interpret(&alone.graph, &alone.ins), outputs(&alone));
                for ((y, lengths), (y_alone, _)) in y.iter().zip(&y_alone) {
                    let n_alone = y_alone.n_elements();
                    if let Some(lengths) = lengths {
                        assert_eq!(
                            lengths[s],
                            y_alone.dims[1],
                            "{}: timesteps of {n}",
                            case.name()
                        );
                    }
                    let of_sample = y.n_elements() / B;
                    let got = &y.to_f64()[s * of_sample..][..n_alone];
                    // The same sums in f64, the longer ones in another order.
                    let same = got.iter().zip(y_alone.to_f64()).all(|(a, b)| near(*a, b, 1e-12));
                    assert!(same, "{}: sequence {s}: {got:?} {:?}", case.name(), y_alone.to_f64());
                }
                for (k, &i) in l.floats.iter().enumerate() {
                    if i >= l.n_inputs {
                        sums[k].iter_mut().zip(d_alone[k].to_f64()).for_each(|(s, d)| *s += d);
                        continue;
                    }
                    let (all, own) = (d[k].to_f64(), d_alone[k].to_f64());
                    let dx = &all[s * all.len() / B..][..all.len() / B];
                    let same = dx.iter().zip(&own).all(|(a, b)| near(*a, *b, 1e-12));
                    assert!(same, "{}: gradient of sequence {s}", case.name());
                    let past = dx[own.len()..].iter().all(|d| *d == 0.0);
                    assert!(past, "{}: gradient past the end of {s}: {dx:?}", case.name());
                }
            }
            for (k, &i) in l.floats.iter().enumerate().filter(|(_, i)| **i >= l.n_inputs) {
                let same = sums[k].iter().zip(d[k].to_f64()).all(|(a, b)| near(*a, b, 1e-10));
                assert!(same, "{}: gradient of weight {}", case.name(), i - l.n_inputs);
            }
        }
    }
}

#[test]
fn unequal_lengths_predict_the_bits_of_each_sequence_alone() {
    let all: Vec<usize> = (0..B).collect();
    for case in by_unequal_lengths().0 {
        let model = case.model();
        let together = numbers_of_each(&predict(&model, &case.ragged(&all), 32).unwrap());
        let alone: Vec<Vec<f64>> =
            (0..B).map(|s| numbers(&predict(&model, &case.ragged(&[s]), 32).unwrap())).collect();
        for (s, alone) in alone.iter().enumerate() {
            let same = together[s].len() == alone.len()
                && together[s].iter().zip(alone).all(|(a, b)| a == b);
            assert!(same, "{}: sequence {s}: {:?} {alone:?}", case.name(), together[s]);
        }
    }
}

/// The numbers of each sample, output after output.
fn numbers_of_each(all: &[Data]) -> Vec<Vec<f64>> {
    let mut each = vec![vec![]; B];
    for d in all {
        for (s, numbers) in each.iter_mut().enumerate() {
            numbers.extend(self::numbers(&[d.take(&[s as u32]).unwrap()]));
        }
    }
    each
}

#[test]
fn a_layer_that_refuses_unequal_lengths_says_so_by_name() {
    let all: Vec<usize> = (0..B).collect();
    for case in by_unequal_lengths().1 {
        let model = case.model();
        let e = predict(&model, &case.ragged(&all), 32).unwrap_err().to_string();
        assert!(e.contains(case.class) && e.contains("equal-length"), "{}: {e}", case.name());
        // One at a time they need no ends.
        assert!(predict(&model, &case.ragged(&all[1..2]), 32).is_ok(), "{}", case.name());
    }
}

/// A layer whose author forgot sequences of unequal length: it takes the mean over the timesteps
/// off each of them, and hands the mask on.
#[derive(Debug)]
struct Centered;

impl Layer for Centered {
    fn class(&self) -> &'static str {
        "Centered"
    }

    fn config(&self) -> Value {
        json!({})
    }

    fn weights(&self, _: &Call<Spec>) -> Result<WeightTree> {
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = cx.to_float(call.input()?.value);
        Ok(vec![(x - x.mean(&[1], true)).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }
}

/// Sequences of 6 and 9 timesteps with 4 features.
fn two_sequences() -> Data {
    let of = |n: usize| Array::from(ArrayD::<f32>::from_elem(IxDyn(&[n, 4]), n as f32));
    Data::Ragged(Ragged::from_list([of(6), of(9)]).unwrap())
}

#[test]
fn a_layer_that_says_nothing_of_unequal_lengths_refuses_them() {
    let x = Input::new([None, Some(4)]);
    let model = Model::new(&x, &LayerRef::new(Centered).call(&x).unwrap()).unwrap();
    let e = predict(&model, &[two_sequences()], 32).unwrap_err().to_string();
    assert!(e.contains("Centered") && e.contains("equal-length"), "{e}");
}

#[test]
fn unequal_lengths_in_a_later_argument_are_refused_too() {
    let (first, x) = (Input::new([2, 4]), Input::new([None, Some(4)]));
    let append = cornu::Operation::new("Append", json!({"axis": 1})).unwrap();
    let arg = |s: &Symbol| Arg::Value(s.clone());
    let call = Call::new(vec![arg(&first), arg(&x)], vec![]);
    let y = LayerRef::new(append).call(call).unwrap();
    let model = Model::new([&first, &x], &y).unwrap();
    let rows = Data::Dense(Array::from(ArrayD::<f32>::zeros(IxDyn(&[2, 2, 4]))));
    let e = predict(&model, &[rows, two_sequences()], 32).unwrap_err().to_string();
    assert!(e.contains("Append") && e.contains("equal-length"), "{e}");
}
