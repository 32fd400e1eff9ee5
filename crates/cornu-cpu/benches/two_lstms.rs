//! A training step of two recurrent layers and a dense one, as the lowering writes it: the model of
//! the speed figures and of the allocation test.
#![allow(missing_docs)]

use cornu_cpu::{
    Feed, Fetch, Part, Program, ProgramSpec, Shard, SlotId, Store, Workspace, shard_rows,
};
use cornu_ir::grad::gradient;
use cornu_ir::op::sample_numbers;
use cornu_ir::ops::{Activation, Lstm};
use cornu_ir::{Builder, DType, Graph, Spec, Tensor, Var, passes};

/// Sizes of the model and its batch.
#[derive(Clone, Copy)]
pub struct Sizes {
    pub batch: usize,
    pub timesteps: usize,
    pub features: usize,
    pub units: [usize; 2],
}

fn known(dims: &[usize]) -> Spec {
    Spec::known(DType::F32, dims)
}

impl Sizes {
    /// Dims of the weights, in Keras's order.
    pub fn weights(&self) -> Vec<Vec<usize>> {
        let [u, v] = self.units;
        vec![
            vec![self.features, 4 * u],
            vec![u, 4 * u],
            vec![4 * u],
            vec![u, 4 * v],
            vec![v, 4 * v],
            vec![4 * v],
            vec![v, 1],
            vec![1],
        ]
    }

    fn shard_graph(&self, rows: usize) -> Graph {
        let b = Builder::new();
        let x = b.input("x", known(&[rows, self.timesteps, self.features]));
        let y = b.input("y", known(&[rows, 1]));
        let w: Vec<Var<'_>> = self.weights().iter().map(|d| b.input("w", known(d))).collect();
        let lstm = |x: Var<'_>, units: usize, w: &[Var<'_>]| {
            let b = x.builder();
            let f = x.dim(2);
            let packed = x.transpose(&[1, 0, 2]).reshape(&[Some(self.timesteps * rows), f]);
            let zero = b.full(DType::F32, &[Some(rows), Some(units)], 0.0);
            let sizes =
                b.constant(Tensor::new(&[self.timesteps], vec![rows as i32; self.timesteps]));
            let cell = Lstm {
                units,
                activation: Activation::Tanh,
                recurrent_activation: Activation::Sigmoid,
                use_bias: true,
                recurrent_mask: false,
                int8: false,
            };
            let ins =
                [packed.id(), w[0].id(), w[1].id(), w[2].id(), zero.id(), zero.id(), sizes.id()]
                    .map(|v| b.var(v));
            let out = b.apply(cell, &ins);
            (
                out[0]
                    .reshape(&[Some(self.timesteps), Some(rows), Some(units)])
                    .transpose(&[1, 0, 2])
                    .id(),
                out[3].id(),
            )
        };
        let h = b.var(lstm(x, self.units[0], &w[..3]).0);
        let last = b.var(lstm(h, self.units[1], &w[3..6]).1);
        let p = (last.matmul(w[6]) + w[7]).sigmoid();
        let kept = p.clip(1e-7, 1.0 - 1e-7);
        let loss = -(y * kept.log() + (1.0 - y) * (1.0 - kept).log()).sum_all() / self.batch as f64;
        b.output("loss", loss);
        gradient(&[(loss, loss.ones_like())], &w)
            .into_iter()
            .for_each(|g| b.output("g", g.unwrap()));
        passes::run(b.finish().unwrap())
    }

    /// RMSprop over all weights, and a counter.
    fn update_graph(&self) -> Graph {
        let b = Builder::new();
        let inputs = || self.weights().iter().map(|d| b.input("", known(d))).collect::<Vec<_>>();
        let (w, v, g) = (inputs(), inputs(), inputs());
        let loss = b.input("loss", known(&[]));
        let rate = b.input("rate", known(&[]));
        let n = b.input("iterations", Spec::known(DType::I64, &[]));
        let moved: Vec<_> = (0..w.len()).map(|i| v[i] * 0.9 + g[i] * g[i] * 0.1).collect();
        (0..w.len()).for_each(|i| b.output("w", w[i] - rate * g[i] / (moved[i] + 1e-7).sqrt()));
        moved.iter().for_each(|v| b.output("v", *v));
        b.output("loss", loss * 1.0);
        b.output("iterations", n + b.scalar(DType::I64, 1.0));
        passes::run(b.finish().unwrap())
    }
}

/// A program with its state, data and results.
pub struct Step {
    pub program: Program,
    pub workspace: Workspace,
    pub store: Store,
    pub inputs: Vec<Tensor>,
    pub results: Vec<Tensor>,
}

pub fn numbers(dims: &[usize], seed: u64) -> Tensor {
    Tensor::new(dims, sample_numbers(dims, seed).to_f64().iter().map(|&x| x as f32 * 0.3).collect())
}

impl Step {
    /// The step, its batch cut as the lowering does.
    pub fn new(sizes: Sizes) -> Step {
        let [f, u, g] = [sizes.features, sizes.units[0], sizes.units[1]].map(|n| n as f64);
        let flops = 3.0 * 2.0 * sizes.timesteps as f64 * 4.0 * (u * (f + u) + g * (u + g));
        Step::with_shards(sizes, shard_rows(sizes.batch, flops, 0))
    }

    /// The step, its batch cut in shards of so many rows.
    pub fn with_shards(sizes: Sizes, rows: usize) -> Step {
        let n = sizes.weights().len();
        let mut store = Store::new();
        let w: Vec<SlotId> = sizes
            .weights()
            .iter()
            .enumerate()
            .map(|(i, d)| store.push(&numbers(d, i as u64)))
            .collect();
        let v: Vec<SlotId> =
            sizes.weights().iter().map(|d| store.push(&Tensor::zeros(DType::F32, d))).collect();
        let rate = store.push(&Tensor::scalar(1e-3f32));
        let count = store.push(&Tensor::scalar(0i64));
        let mut shards: Vec<Shard> = Vec::new();
        let mut lengths = Vec::new();
        for first_row in (0..sizes.batch).step_by(rows) {
            let rows = rows.min(sizes.batch - first_row);
            if !lengths.contains(&rows) {
                lengths.push(rows);
            }
            shards.push(Shard {
                part: lengths.iter().position(|l| *l == rows).unwrap(),
                first_row,
                rows,
            });
        }
        let states = |s: &[SlotId]| s.iter().map(|&s| Feed::State(s)).collect::<Vec<_>>();
        let kept = |s: &[SlotId]| s.iter().map(|&s| Fetch::State(s)).collect::<Vec<_>>();
        let shard_graphs = lengths
            .iter()
            .map(|&rows| Part {
                graph: sizes.shard_graph(rows),
                feeds: [vec![Feed::Rows(0), Feed::Rows(1)], states(&w)].concat(),
                fetches: (0..=n).map(|i| Fetch::Sum((i + n) % (n + 1))).collect(),
            })
            .collect();
        let update = Some(Part {
            graph: sizes.update_graph(),
            feeds: [
                states(&w),
                states(&v),
                (0..=n).map(Feed::Sum).collect(),
                states(&[rate, count]),
            ]
            .concat(),
            fetches: [kept(&w), kept(&v), vec![Fetch::Value(0)], kept(&[count])].concat(),
        });
        Step {
            workspace: Workspace::default(),
            program: Program::from(ProgramSpec { shard_graphs, shards, update }),
            store,
            inputs: vec![
                numbers(&[sizes.batch, sizes.timesteps, sizes.features], 90),
                Tensor::new(&[sizes.batch, 1], (0..sizes.batch).map(|i| (i % 2) as f32).collect()),
            ],
            results: vec![Tensor::zeros(DType::F32, &[])],
        }
    }

    #[allow(dead_code)] // read by the allocation test, not by the benches
    pub fn loss(&self) -> f64 {
        self.results[0].to_f64()[0]
    }
}

/// The model of two layers of five and four units.
pub const SMALL: Sizes = Sizes { batch: 10, timesteps: 20, features: 1, units: [5, 4] };
