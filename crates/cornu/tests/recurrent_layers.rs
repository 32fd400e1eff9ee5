//! Recurrent layers against each other: primitives against cells run step by step, wrappers against
//! what they wrap.

use cornu::extend::*;
use cornu::layers::*;
use cornu::{Error, Input, Model, Result};
use cornu_ir::op::sample_numbers;
use cornu_ir::{Builder, DType, Dim, Spec, Tensor, Var, grad::gradient, interpret::interpret};
use serde_json::{Value, json};

const B: usize = 4;
const T: usize = 5;
const F: usize = 3;

/// Masks with holes, with steps missing at either end, all there, and none.
fn mask() -> Tensor {
    Tensor::new(&[B, T], vec![1u8, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
}

fn in_f64(layer: impl Into<LayerRef>) -> LayerRef {
    layer.into().dtype(cornu::extend::DTypePolicy::new("float64").unwrap())
}

/// Outputs of a layer on one sequence (and states) and the gradients of their weighted sum for the
/// sequence and all weights, in f64.
fn run(
    layer: impl Into<LayerRef>,
    x: &Tensor,
    states: &[Tensor],
    mask: Option<&Tensor>,
) -> Vec<Tensor> {
    run_as(false, layer, x, states, mask)
}

/// The same in training too, where masks of dropout are drawn by one key.
fn run_as(
    training: bool,
    layer: impl Into<LayerRef>,
    x: &Tensor,
    states: &[Tensor],
    mask: Option<&Tensor>,
) -> Vec<Tensor> {
    let layer = in_f64(layer);
    let b = Builder::new();
    let cx = Cx::new(&b, training, Some(B));
    let vars: Vec<Var<'_>> =
        std::iter::once(x).chain(states).map(|t| b.input("x", t.spec())).collect();
    let tree = layer.weight_tree(&Call::list(vars.iter().map(Var::spec))).unwrap();
    let (mut weights, mut values) = (vec![], vec![]);
    tree.walk("", true, &mut |_, _, _, w| {
        weights.push((weights.len(), b.input(&*w.name, Spec::known(DType::F64, &w.shape))));
        values.push(sample_numbers(&w.shape, values.len() as u64 + 1));
    });
    let w = Weights::bind(&tree, &weights);
    let m = mask.map(|m| b.input("mask", m.spec()));
    let flows = vars.iter().enumerate().map(|(i, v)| Flow::masked(*v, m.filter(|_| i == 0)));
    let outs: Vec<Var<'_>> =
        layer.lower(&cx, &w, &Call::list(flows)).unwrap().iter().map(|f| f.value).collect();
    let seeds: Vec<_> = outs
        .iter()
        .enumerate()
        .map(|(k, o)| (*o, b.constant(sample_numbers(&o.spec().numbers().unwrap(), 50 + k as u64))))
        .collect();
    let wrt: Vec<Var<'_>> = vars.iter().copied().chain(weights.iter().map(|w| w.1)).collect();
    for (v, d) in wrt.iter().zip(gradient(&seeds, &wrt)) {
        b.output("d", d.unwrap_or_else(|| v.zeros_like()));
    }
    outs.iter().for_each(|o| b.output("y", *o));
    let n_bound = b.graph().inputs.len();
    let g = b.finish().unwrap();
    let mut ins: Vec<Tensor> = std::iter::once(x).chain(states).cloned().collect();
    ins.extend(values);
    ins.extend(mask.cloned());
    if training && n_bound == ins.len() + 2 {
        // The key of the random numbers and the first row.
        ins.extend([7i64, 0].map(|n| Tensor::new(&[], vec![n])));
    }
    assert_eq!(ins.len(), n_bound);
    interpret(&g, &ins)
}

fn same(what: &str, a: &[Tensor], b: &[Tensor]) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert_eq!(a.dims, b.dims, "{what}: value {i}");
        for (a, b) in a.to_f64().iter().zip(b.to_f64()) {
            // The same sums in another order, in f64.
            assert!((a - b).abs() <= 1e-11 * b.abs().max(1.0), "{what}: value {i}: {a} is not {b}");
        }
    }
}

fn walks() -> Vec<Walk> {
    let mut all = vec![];
    for bits in 0..32 {
        let on = |bit: usize| bits >> bit & 1 == 1;
        all.push(Walk {
            return_sequences: on(0),
            return_state: on(1),
            go_backwards: on(2),
            unroll: on(3),
            zero_output_for_mask: on(4),
            stateful: false,
        });
    }
    all
}

#[test]
fn primitives_are_their_cells_step_by_step() {
    let x = sample_numbers(&[B, T, F], 40);
    let state = |i: u64| sample_numbers(&[B, 2], 41 + i);
    let alone = |cell: LayerRef, walk: Walk| Rnn { walk, ..Rnn::new(StackedRnnCells::new([cell])) };
    for walk in walks() {
        for masked in [None, Some(mask())] {
            for first in [0, 1] {
                let m = masked.as_ref();
                let what = format!("{walk:?}, mask {}, states {first}", masked.is_some());
                let (one, two): (Vec<Tensor>, Vec<Tensor>) = if first == 0 {
                    (vec![], vec![])
                } else {
                    (vec![state(0)], vec![state(0), state(1)])
                };
                let cell = LstmCell::new(2);
                same(
                    &what,
                    &run(Lstm { walk, cell: cell.clone(), ..Lstm::default() }, &x, &two, m),
                    &run(alone(cell.into(), walk), &x, &two, m),
                );
                let cell = GruCell { reset_after: first == 0, ..GruCell::new(2) };
                same(
                    &what,
                    &run(Gru { walk, cell: cell.clone(), ..Gru::default() }, &x, &one, m),
                    &run(alone(cell.into(), walk), &x, &one, m),
                );
                let cell = SimpleRnnCell::new(2);
                same(
                    &what,
                    &run(
                        SimpleRnn { walk, cell: cell.clone(), ..SimpleRnn::default() },
                        &x,
                        &one,
                        m,
                    ),
                    &run(alone(cell.into(), walk), &x, &one, m),
                );
            }
        }
    }
}

#[test]
fn primitives_drop_what_their_cells_drop() {
    let x = sample_numbers(&[B, T, F], 40);
    let alone = |cell: LayerRef, walk: Walk| Rnn { walk, ..Rnn::new(StackedRnnCells::new([cell])) };
    for (input, state) in [(0.0, 0.4), (0.3, 0.4), (0.3, 0.0)] {
        for go_backwards in [false, true] {
            for masked in [None, Some(mask())] {
                let (walk, m) = (
                    Walk { return_sequences: true, go_backwards, ..Walk::default() },
                    masked.as_ref(),
                );
                let what = format!(
                    "dropout {input}, recurrent {state}, backwards {go_backwards}, mask {}",
                    m.is_some()
                );
                let cell = LstmCell::new(2).dropout(input).recurrent_dropout(state);
                let whole =
                    run_as(true, Lstm { walk, cell: cell.clone(), ..Lstm::default() }, &x, &[], m);
                same(&what, &whole, &run_as(true, alone(cell.into(), walk), &x, &[], m));
                assert_ne!(
                    whole.last(),
                    run(Lstm { walk, ..Lstm::new(2) }, &x, &[], m).last(),
                    "{what}: nothing was dropped"
                );
                for reset_after in [false, true] {
                    let cell = GruCell {
                        reset_after,
                        ..GruCell::new(2).dropout(input).recurrent_dropout(state)
                    };
                    let whole = run_as(
                        true,
                        Gru { walk, cell: cell.clone(), ..Gru::default() },
                        &x,
                        &[],
                        m,
                    );
                    same(&what, &whole, &run_as(true, alone(cell.into(), walk), &x, &[], m));
                }
                let cell = SimpleRnnCell::new(2).dropout(input).recurrent_dropout(state);
                let whole = run_as(
                    true,
                    SimpleRnn { walk, cell: cell.clone(), ..SimpleRnn::default() },
                    &x,
                    &[],
                    m,
                );
                same(&what, &whole, &run_as(true, alone(cell.into(), walk), &x, &[], m));
            }
        }
    }
}

#[test]
fn masked_timesteps_show_what_keras_shows() {
    // x W + h R + b with W, R, b of one number each: h counts what it has seen.
    let count = |walk: Walk, states: &[Tensor]| {
        let b = Builder::new();
        let cx = Cx::new(&b, false, Some(1));
        let layer = LayerRef::from(SimpleRnn {
            walk,
            ..SimpleRnn::new(1).activation("linear").use_bias(false)
        });
        let x = b.input("x", Spec::known(DType::F32, &[1, 4, 1]));
        let m = b.input("m", Spec::known(DType::Bool, &[1, 4]));
        let s: Vec<Var<'_>> = states.iter().map(|s| b.input("s", s.spec())).collect();
        let one = || b.full(DType::F32, &[Some(1), Some(1)], 1.0);
        let tree = layer.weight_tree(&Call::one(x.spec())).unwrap();
        let w = Weights::bind(&tree, &[(0, one()), (1, one())]);
        let call = Call::list(
            std::iter::once(Flow::masked(x, Some(m))).chain(s.iter().map(|s| Flow::new(*s))),
        );
        layer.lower(&cx, &w, &call).unwrap().iter().for_each(|o| b.output("y", o.value));
        let mut ins = vec![
            Tensor::new(&[1, 4, 1], vec![1.0f32, 2.0, 4.0, 8.0]),
            Tensor::new(&[1, 4], vec![0u8, 1, 0, 1]),
        ];
        ins.extend(states.iter().cloned());
        interpret(&b.finish().unwrap(), &ins)[0].to_f64()
    };
    let all = Walk { return_sequences: true, ..Walk::default() };
    let h0 = [Tensor::new(&[1, 1], vec![100.0f32])];
    assert_eq!(count(all, &[]), [0.0, 2.0, 2.0, 10.0]);
    assert_eq!(count(all, &h0), [100.0, 102.0, 102.0, 110.0]);
    assert_eq!(count(Walk { unroll: true, ..all }, &h0), [0.0, 102.0, 102.0, 110.0]);
    assert_eq!(count(Walk { zero_output_for_mask: true, ..all }, &h0), [0.0, 102.0, 0.0, 110.0]);
    assert_eq!(count(Walk { go_backwards: true, ..all }, &h0), [108.0, 108.0, 110.0, 110.0]);
    assert_eq!(
        count(Walk { go_backwards: true, zero_output_for_mask: true, ..Walk::default() }, &h0),
        [0.0]
    );
    assert_eq!(count(Walk { go_backwards: true, ..Walk::default() }, &h0), [110.0]);
}

/// A cell of a user: a decaying sum.
#[derive(Debug)]
struct Decay;

impl Cell for Decay {
    fn class(&self) -> &'static str {
        "Decay"
    }

    fn config(&self) -> Value {
        json!({})
    }

    fn weights(&self, x: &Spec) -> Result<WeightTree> {
        let features = known_dim(x, -1, "features")?;
        let start = cornu::initializers::Constant { value: 0.5 }.into();
        Ok(WeightTree::of(vec![WeightSpec::new("decay", &[features], &start)]))
    }

    fn state_dims(&self, x: &Spec) -> Result<Vec<Vec<Dim>>> {
        Ok(vec![x.dims[1..].to_vec()])
    }

    fn step<'g>(
        &self,
        w: &Weights<'g>,
        _: &[Dropped<'g>],
        x: Var<'g>,
        states: &[Var<'g>],
    ) -> Result<(Var<'g>, Vec<Var<'g>>)> {
        let sum = states[0] * w.var("decay") + x;
        Ok((sum * 10.0, vec![sum]))
    }
}

#[test]
fn a_cell_of_ones_own() {
    let x = Tensor::new(&[B, T, F], vec![1.0f64; B * T * F]);
    let w = sample_numbers(&[F], 1).to_f64()[0];
    let y = run(Rnn::new(Decay), &x, &[], None);
    let want = (0..T).fold(0.0, |s, _| s * w + 1.0) * 10.0;
    assert!((y.last().unwrap().to_f64()[0] - want).abs() < 1e-12);
    assert!(matches!(
        Rnn::new(Dense::new(3)).call(&Input::new([T, F])),
        Err(Error::Argument { .. })
    ));
}

#[test]
fn bidirectional_is_both_ways() {
    let x = sample_numbers(&[B, T, F], 40);
    let layer = Lstm::new(2).return_sequences(true);
    let values = |layer: LayerRef| -> Vec<f64> {
        let outs = run(layer, &x, &[], None);
        outs.last().unwrap().to_f64()
    };
    let both = Bidirectional::new(in_f64(layer.clone()));
    let joined = values(both.clone().into());
    let forward = values(layer.into());
    (0..B * T)
        .for_each(|row| assert_eq!(joined[row * 4..row * 4 + 2], forward[row * 2..row * 2 + 2]));
    let config = LayerRef::from(both).to_json();
    assert_eq!(config["config"]["layer"]["config"]["name"], "forward_lstm");
    assert_eq!(config["config"]["backward_layer"]["config"]["name"], "backward_lstm");
    assert_eq!(config["config"]["layer"]["config"]["zero_output_for_mask"], true);
    assert_eq!(LayerRef::from_json(&config, &Registry::new()).unwrap().to_json(), config);
    let refused = |both: Bidirectional, why: &str| {
        let e = both.call(&Input::new([T, F])).unwrap_err().to_string();
        assert!(e.contains(why), "{e}");
    };
    refused(Bidirectional::new(Lstm::new(2).go_backwards(true)), "must differ in go_backwards");
    let other = Gru::new(2).go_backwards(true).return_state(true);
    refused(Bidirectional::with_backward(Lstm::new(2), other), "must agree in return_state");
    refused(Bidirectional::new(Dense::new(2)), "a layer that runs along sequences");
}

#[test]
fn time_distributed_is_the_layer_at_every_timestep() {
    let x = sample_numbers(&[B, T, F], 40);
    same(
        "Dense",
        &run(TimeDistributed::new(in_f64(Dense::new(2))), &x, &[], None),
        &run(Dense::new(2), &x, &[], None),
    );
    let inputs = Input::new([T, 6, F]);
    let y = TimeDistributed::new(Bidirectional::new(Gru::new(2))).call(&inputs).unwrap();
    assert_eq!(y.shape_text(), "(None, 5, 4)");
    assert_eq!(Model::new(&inputs, &y).unwrap().count_params(), 2 * (6 * (F + 2) + 12));
    assert!(TimeDistributed::new(Dense::new(2)).call(&Input::new([4])).is_err());
}

#[test]
fn conv_lstm_of_one_place_is_an_lstm() {
    let x = sample_numbers(&[B, T, F], 40);
    let places = Tensor::new(&[B, T, 1, F], x.to_f64());
    let walk = Walk { return_sequences: true, ..Walk::default() };
    let lstm = run(Lstm { walk, ..Lstm::new(2) }, &x, &[], Some(&mask()));
    let conv = run(ConvLstm1d { walk, ..ConvLstm1d::new(2, 1) }, &places, &[], Some(&mask()));
    for (a, b) in lstm.iter().zip(&conv) {
        let (a, b) = (a.to_f64(), b.to_f64());
        assert_eq!(a.len(), b.len());
        a.iter().zip(&b).for_each(|(a, b)| assert!((a - b).abs() < 1e-11, "{a} is not {b}"));
    }
}

/// The outputs of one step in f64, with masks of dropout and weights changed by `change`.
fn step(
    cell: &dyn Cell,
    x: &Tensor,
    masks: [&Tensor; 2],
    change: impl Fn(&str, Tensor) -> Tensor,
) -> Vec<Tensor> {
    let b = Builder::new();
    let (mut weights, mut values) = (vec![], vec![]);
    let tree = cell.weights(&x.spec()).unwrap();
    tree.walk("", true, &mut |_, _, _, w| {
        weights.push((weights.len(), b.input(&*w.name, Spec::known(DType::F64, &w.shape))));
        values.push(change(&w.name, sample_numbers(&w.shape, values.len() as u64 + 1)));
    });
    let w = Weights::bind(&tree, &weights);
    let [input, recurrent] = masks.map(|m| Some(b.constant(m.clone())));
    let states: Vec<Var<'_>> = (cell.state_dims(&x.spec()).unwrap().iter().enumerate())
        .map(|(i, d)| {
            let dims: Vec<usize> = std::iter::once(B).chain(d.iter().map(|n| n.unwrap())).collect();
            b.constant(sample_numbers(&dims, 20 + i as u64))
        })
        .collect();
    let (y, next) =
        cell.step(&w, &[Dropped { input, recurrent }], b.constant(x.clone()), &states).unwrap();
    std::iter::once(y).chain(next).for_each(|v| b.output("y", v));
    interpret(&b.finish().unwrap(), &values)
}

#[test]
fn dropout_by_gate_drops_each_gate_otherwise() {
    let cells: [(Box<dyn Cell>, usize); 4] = [
        (Box::new(LstmCell::new(2)), 4),
        (Box::new(GruCell::new(2)), 3),
        (Box::new(GruCell { reset_after: false, ..GruCell::new(2) }), 3),
        (Box::new(ConvLstmCell::new(2, 1)), 4),
    ];
    for (cell, n_gates) in &cells {
        let places: &[usize] = if cell.step_rank() == 3 { &[3] } else { &[] };
        let dims = |front: &[usize], last: usize| [front, places, &[last]].concat();
        let x = sample_numbers(&dims(&[B], F), 40);
        let filled = |dims: &[usize], f: &dyn Fn(usize) -> f64| {
            Tensor::new(dims, (0..dims.iter().product()).map(f).collect::<Vec<f64>>())
        };
        let whole = [F, 2].map(|last| filled(&dims(&[B], last), &|_| 1.0));
        for k in 0..*n_gates {
            // A mask that leaves gate k alone, against weights that only gate k has.
            let of_gate = |last: usize| {
                let size = dims(&[], last).iter().product::<usize>();
                filled(&dims(&[B, *n_gates], last), &|i| (i / size % n_gates == k) as u8 as f64)
            };
            let [input, recurrent] = [F, 2].map(of_gate);
            let alone = |name: &str, w: Tensor| match name {
                "bias" => w,
                _ => filled(&w.dims, &|i| {
                    if i % (2 * n_gates) / 2 == k { w.to_f64()[i] } else { 0.0 }
                }),
            };
            let by_mask = step(cell.as_ref(), &x, [&input, &recurrent], |_, w| w);
            same(cell.class(), &by_mask, &step(cell.as_ref(), &x, [&whole[0], &whole[1]], alone));
        }
    }
}

#[test]
fn recurrent_dropout_draws_masks_by_gate() {
    let masks = |cell: &dyn Cell| -> Vec<usize> {
        let b = Builder::new();
        let dropped =
            cell.draw(&Cx::new(&b, true, Some(B)), &Spec::known(DType::F32, &[B, F])).unwrap();
        [dropped[0].input, dropped[0].recurrent].iter().map(|m| m.map_or(0, |m| m.rank())).collect()
    };
    assert_eq!(masks(&LstmCell::new(2).dropout(0.2)), [2, 0]);
    assert_eq!(masks(&LstmCell::new(2).dropout(0.2).recurrent_dropout(0.3)), [3, 3]);
    assert_eq!(masks(&GruCell::new(2).recurrent_dropout(0.3)), [0, 3]);
    assert_eq!(masks(&SimpleRnnCell::new(2).dropout(0.2).recurrent_dropout(0.3)), [2, 2]);
}
