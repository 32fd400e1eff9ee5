//! Programs on several threads: shards, sums and chains on a pool, and two programs at once on one
//! pool. `cargo xtask sanitize` runs it under valgrind's checker of threads.
//!
//! Every result is the same bits as on one thread.

#[path = "../benches/two_lstms.rs"]
#[allow(dead_code)]
mod two_lstms;

use cornu_cpu::{Feed, Fetch, Part, Program, ProgramSpec, Shard, Store, Threads, Workspace};
use cornu_ir::{Builder, DType, Spec, Tensor, grad::gradient, passes};
use std::thread;
use two_lstms::{Sizes, Step, numbers};

const STEPS: usize = 2;
/// Three shards, the last one smaller.
const SIZES: Sizes = Sizes { batch: 40, timesteps: 3, features: 3, units: [5, 4] };

fn main() {
    // The tier is chosen before any thread starts.
    println!("tier {}", cornu_cpu::kernels::isa::isa().name());
    let one = Threads::new(1);
    let want = (train(&one), embed(&one));
    let pool = Threads::new(3);
    assert_eq!((train(&pool), embed(&pool)), want, "programs one after another on a pool");
    thread::scope(|s| {
        let [a, b] = [0, 1].map(|_| s.spawn(|| (train(&pool), embed(&pool))));
        for at_once in [a, b] {
            assert_eq!(at_once.join().expect("no panic"), want, "programs at once on a pool");
        }
    });
    println!("the same bits on {} threads", pool.n());
}

/// Losses of some steps of two LSTMs.
fn train(threads: &Threads) -> Vec<u64> {
    let mut step = Step::with_shards(SIZES, 16);
    (0..STEPS)
        .map(|_| {
            let views: Vec<_> = step.inputs.iter().map(Tensor::view).collect();
            let mut outs: Vec<_> = step.results.iter_mut().map(Tensor::view_mut).collect();
            step.program.run(threads, &mut step.workspace, &step.store, &views, &mut outs);
            step.loss().to_bits()
        })
        .collect()
}

/// An embedding large enough that the pool shares its sums and its update, after some steps.
fn embed(threads: &Threads) -> Vec<u32> {
    let (batch, t, v, u) = (12, 96, 1100, 64);
    let known = |dims: &[usize]| Spec::known(DType::F32, dims);
    let part = |rows: usize, slot| {
        let b = Builder::new();
        let index = b.input("index", Spec::known(DType::I32, &[rows, t]));
        let (y, table) = (b.input("y", known(&[rows, u])), b.input("table", known(&[v, u])));
        let d = table.gather(index).sum(&[1], false) - y;
        let loss = (d * d).sum_all();
        b.output("d", gradient(&[(loss, loss.ones_like())], &[table])[0].expect("a gradient"));
        b.output("s", table * (loss * 1e-9));
        Part {
            graph: passes::run(b.finish().expect("a right graph")),
            feeds: vec![Feed::Rows(0), Feed::Rows(1), Feed::State(slot)],
            fetches: vec![Fetch::Sum(0), Fetch::Sum(1)],
        }
    };
    let mut store = Store::new();
    let slot = store.push(&numbers(&[v, u], 3));
    let b = Builder::new();
    let [w, d, s] = ["w", "d", "s"].map(|name| b.input(name, known(&[v, u])));
    b.output("w", w - (d * 0.01).tanh() - s);
    let update = Part {
        graph: passes::run(b.finish().expect("a right graph")),
        feeds: vec![Feed::State(slot), Feed::Sum(0), Feed::Sum(1)],
        fetches: vec![Fetch::State(slot)],
    };
    let mut program = Program::from(ProgramSpec {
        shard_graphs: vec![part(4, slot)],
        shards: (0..3).map(|i| Shard { part: 0, first_row: 4 * i, rows: 4 }).collect(),
        update: Some(update),
    });
    let (y, n) = (numbers(&[batch, u], 5), batch * t);
    let index = Tensor::new(&[batch, t], (0..n).map(|k| ((k * k + 7) % v) as i32).collect());
    let mut workspace = Workspace::default();
    for _ in 0..STEPS {
        program.run(threads, &mut workspace, &store, &[index.view(), y.view()], &mut []);
    }
    store.read().view(slot).get::<f32>().iter().map(|x| x.to_bits()).collect()
}
