//! Variables that several stores, programs and threads share.

use cornu_cpu::{Feed, Fetch, Part, Program, ProgramLayout, ProgramSpec, Shard, SlotId, Store};
use cornu_cpu::{Threads, Variable, Workspace};
use cornu_ir::op::sample_numbers;
use cornu_ir::ops::{Activation, Lstm};
use cornu_ir::{Builder, DType, Graph, Spec, Tensor, interpret::interpret};
use std::sync::Arc;

const BATCH: usize = 3;
const TIMESTEPS: usize = 4;
const FEATURES: usize = 5;
const UNITS: usize = 40;

fn numbers(dims: &[usize], seed: u64) -> Tensor {
    let values = sample_numbers(dims, seed).to_f64();
    Tensor::new(dims, values.iter().map(|&x| x as f32).collect())
}

fn known(dims: &[usize]) -> Spec {
    Spec::known(DType::F32, dims)
}

/// An LSTM over packed rows; its weights are inputs 1 to 3. Its kernels pack them.
fn lstm() -> Graph {
    let b = Builder::new();
    let x = b.input("x", known(&[TIMESTEPS * BATCH, FEATURES]));
    let w = b.input("w", known(&[FEATURES, 4 * UNITS]));
    let r = b.input("r", known(&[UNITS, 4 * UNITS]));
    let bias = b.input("b", known(&[4 * UNITS]));
    let zero = b.full(DType::F32, &[Some(BATCH), Some(UNITS)], 0.0);
    let sizes = b.constant(Tensor::new(&[TIMESTEPS], vec![BATCH as i32; TIMESTEPS]));
    let cell = Lstm {
        units: UNITS,
        activation: Activation::Tanh,
        recurrent_activation: Activation::Sigmoid,
        use_bias: true,
        recurrent_mask: false,
        int8: false,
    };
    let out = b.apply(cell, &[x, w, r, bias, zero, zero, sizes]);
    b.output("h", out[3]);
    cornu_ir::passes::run(b.finish().unwrap())
}

fn layout() -> Arc<ProgramLayout> {
    let state = |i| Feed::State(SlotId(i));
    let part = Part {
        graph: lstm(),
        feeds: vec![Feed::Whole(0), state(0), state(1), state(2)],
        fetches: vec![Fetch::First(0)],
    };
    let shards = vec![Shard { part: 0, first_row: 0, rows: BATCH }];
    Arc::new(ProgramLayout::new(ProgramSpec { shard_graphs: vec![part], shards, update: None }))
}

fn weights(seed: u64) -> Vec<Variable> {
    let dims: [&[usize]; 3] = [&[FEATURES, 4 * UNITS], &[UNITS, 4 * UNITS], &[4 * UNITS]];
    dims.iter().zip(seed..).map(|(d, s)| Variable::new(&numbers(d, s))).collect()
}

fn x() -> Tensor {
    numbers(&[TIMESTEPS * BATCH, FEATURES], 9)
}

fn run(program: &mut Program, store: &Store) -> Vec<f64> {
    let mut h = Tensor::zeros(DType::F32, &[BATCH, UNITS]);
    let threads = Threads::new(1);
    let mut workspace = Workspace::default();
    program.run(&threads, &mut workspace, store, &[x().view()], &mut [h.view_mut()]);
    h.to_f64()
}

fn expected(weights: &[Variable]) -> Vec<f64> {
    let ins = std::iter::once(x()).chain(weights.iter().map(Variable::tensor)).collect::<Vec<_>>();
    interpret(&lstm(), &ins)[0].to_f64()
}

fn close(a: &[f64], b: &[f64]) {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a} is not {b}"));
}

#[test]
fn packed_weights_follow_their_variables() {
    let mut program = Program::new(layout());
    let (a, b) = (weights(1), weights(21));
    let [of_a, of_b] = [&a, &b].map(|w| Store::of(w.iter().cloned()));
    close(&run(&mut program, &of_a), &expected(&a));
    // Another store: nothing that was packed of the first may be used.
    close(&run(&mut program, &of_b), &expected(&b));
    // Stores come and go, perhaps at the same address, with as many writes behind them.
    for seed in 40..60 {
        let fresh = weights(seed);
        close(&run(&mut program, &Store::of(fresh.iter().cloned())), &expected(&fresh));
    }
    // One weight of a store written, by another store that holds it.
    let other = Store::of([b[1].clone()]);
    close(&run(&mut program, &of_b), &expected(&b));
    other.write().replace(SlotId(0), &numbers(&[UNITS, 4 * UNITS], 70));
    close(&run(&mut program, &of_b), &expected(&b));
    b[0].set(&numbers(&[FEATURES, 4 * UNITS], 71));
    close(&run(&mut program, &of_b), &expected(&b));
}

#[test]
fn programs_of_one_layout_run_at_the_same_time() {
    let layout = layout();
    let w = weights(1);
    let store = Store::of(w.iter().cloned());
    let want = run(&mut Program::new(layout.clone()), &store);
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                let mut program = Program::new(layout.clone());
                (0..50).for_each(|_| assert_eq!(run(&mut program, &store), want));
            });
        }
    });
}

#[test]
fn a_run_beside_writers_sees_whole_steps() {
    // A step adds 1 to both variables; whoever reads them finds them equal.
    let b = Builder::new();
    let (p, q) = (b.input("p", known(&[999])), b.input("q", known(&[999])));
    b.output("p", p + 1.0);
    b.output("q", q + 1.0);
    let (v, w) = (
        Variable::new(&Tensor::zeros(DType::F32, &[999])),
        Variable::new(&Tensor::zeros(DType::F32, &[999])),
    );
    let [p, q] = [SlotId(0), SlotId(1)];
    let update = Some(Part {
        graph: b.finish().unwrap(),
        feeds: vec![Feed::State(p), Feed::State(q)],
        fetches: vec![Fetch::State(p), Fetch::State(q)],
    });
    let layout = Arc::new(ProgramLayout::new(ProgramSpec { update, ..Default::default() }));
    std::thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                let (mut program, store) =
                    (Program::new(layout.clone()), Store::of([v.clone(), w.clone()]));
                let (threads, mut workspace) = (Threads::new(1), Workspace::default());
                for _ in 0..200 {
                    program.run(&threads, &mut workspace, &store, &[], &mut []);
                }
            });
            s.spawn(|| {
                let store = Store::of([w.clone(), v.clone()]);
                for _ in 0..200 {
                    let reading = store.read();
                    let (a, b) = (reading.view(SlotId(0)), reading.view(SlotId(1)));
                    assert_eq!(a.get::<f32>(), b.get::<f32>());
                }
            });
        }
    });
    assert!(v.tensor().to_f64().iter().all(|x| *x == 400.0));
}
