//! Programs of several shards against the interpreter, for any number of threads.

use cornu_cpu::{
    Feed, Fetch, Part, Program, ProgramSpec, Shard, SlotId, Store, Threads, Workspace,
};
use cornu_ir::grad::gradient;
use cornu_ir::op::sample_numbers;
use cornu_ir::ops::{CrossSum, Random, RandomKind};
use cornu_ir::{Buffer, Builder, DType, Graph, Scan, Spec, Tensor, Var, interpret::interpret};

fn f32s(t: Tensor) -> Tensor {
    let v = t.to_f64().iter().map(|&x| x as f32).collect();
    Tensor::new::<f32>(&t.dims, v)
}

fn numbers(dims: &[usize], seed: u64) -> Tensor {
    f32s(sample_numbers(dims, seed))
}

fn known(dims: &[usize]) -> Spec {
    Spec::known(DType::F32, dims)
}

/// Normalization over the batch, two dense layers with dropout drawn by row, a scan over features,
/// a loss: what training meets. Outputs: predictions, summed loss and gradients, and the batch's
/// mean.
fn step(rows: usize, batch: usize) -> Graph {
    let b = Builder::new();
    let x = b.input("x", known(&[rows, 6]));
    let y = b.input("y", known(&[rows, 2]));
    let (w1, b1, w2) =
        (b.input("w1", known(&[6, 5])), b.input("b1", known(&[5])), b.input("w2", known(&[5, 2])));
    let key = b.input("key", Spec::known(DType::I64, &[]));
    let row = b.input("row", Spec::known(DType::I64, &[]));
    let over_batch = |v: Var<'_>| -> _ {
        v.builder().apply1(CrossSum, &[v.builder().var(v.id()).sum(&[0], false)]).id()
    };
    let mean = b.var(over_batch(x)) / batch as f64;
    let centred = x - mean;
    let var = b.var(over_batch(centred * centred)) / batch as f64;
    let n = centred * (var + 1e-3).rsqrt();
    let u = b.apply1(
        Random {
            kind: RandomKind::Uniform,
            dtype: DType::F32,
            dims: vec![Some(rows), Some(6)],
            salt: 3,
        },
        &[key, row],
    );
    let dropped = u.ge(0.25).select(n / 0.75, 0.0);
    let h = (dropped.matmul(w1) + b1).tanh();
    let (last, _) =
        Scan::build(&b, &[], &[h], &[h.transpose(&[1, 0])], Some(5), false, |_, _, s, x| {
            let next = (s[0] * 0.5 + x[0].expand_dims(1)).sigmoid();
            (vec![next], vec![])
        });
    let p = last[0].matmul(w2);
    let d = p - y;
    let loss = (d * d).sum_all();
    b.output("p", p);
    b.output("loss", loss);
    for (g, w) in
        gradient(&[(loss, loss.ones_like())], &[w1, b1, w2]).into_iter().zip(["w1", "b1", "w2"])
    {
        b.output(w, g.unwrap());
    }
    b.output("mean", mean);
    b.finish().unwrap()
}

fn update() -> Graph {
    let b = Builder::new();
    let shapes: [&[usize]; 3] = [&[6, 5], &[5], &[5, 2]];
    let w: Vec<_> = shapes.iter().map(|s| b.input("w", known(s))).collect();
    let g: Vec<_> = shapes.iter().map(|s| b.input("g", known(s))).collect();
    let loss = b.input("loss", known(&[]));
    let m = b.input("moment", known(&[6, 5]));
    for i in 0..3 {
        b.output("w", w[i] - g[i] * 0.01);
    }
    b.output("m", m * 0.9 + w[0] * g[0]);
    b.output("loss", loss / 2.0);
    b.finish().unwrap()
}

struct Outcome {
    predictions: Vec<f32>,
    loss: f32,
    state: Vec<Vec<f32>>,
}

const KEY: i64 = 77;

fn weights() -> Vec<Tensor> {
    vec![
        numbers(&[6, 5], 1),
        numbers(&[5], 2),
        numbers(&[5, 2], 3),
        numbers(&[6, 5], 4),
        Tensor::zeros(DType::F32, &[6]),
    ]
}

fn train(batch: usize, cut: &[usize], n_threads: usize, n_runs: usize) -> Outcome {
    let mut store = Store::new();
    let slots: Vec<SlotId> = weights().iter().map(|w| store.push(w)).collect();
    let mut sizes: Vec<usize> = cut.to_vec();
    sizes.sort_unstable();
    sizes.dedup();
    let feeds = vec![
        Feed::Rows(0),
        Feed::Rows(1),
        Feed::State(slots[0]),
        Feed::State(slots[1]),
        Feed::State(slots[2]),
        Feed::Whole(2),
        Feed::FirstRow,
    ];
    let fetches = vec![
        Fetch::Rows(0),
        Fetch::Sum(3),
        Fetch::Sum(0),
        Fetch::Sum(1),
        Fetch::Sum(2),
        Fetch::State(slots[4]),
    ];
    let graphs = sizes
        .iter()
        .map(|&n| Part {
            graph: cornu_ir::passes::run(step(n, batch)),
            feeds: feeds.clone(),
            fetches: fetches.clone(),
        })
        .collect();
    let mut first_row = 0;
    let shards = cut
        .iter()
        .map(|&rows| {
            first_row += rows;
            Shard {
                part: sizes.iter().position(|s| *s == rows).unwrap(),
                first_row: first_row - rows,
                rows,
            }
        })
        .collect();
    let mut feeds: Vec<Feed> = slots[..3].iter().map(|&s| Feed::State(s)).collect();
    feeds.extend([Feed::Sum(0), Feed::Sum(1), Feed::Sum(2), Feed::Sum(3), Feed::State(slots[3])]);
    let mut fetches: Vec<Fetch> = slots[..4].iter().map(|&s| Fetch::State(s)).collect();
    fetches.push(Fetch::Value(1));
    let update = Some(Part { graph: cornu_ir::passes::run(update()), feeds, fetches });
    let mut program = Program::from(ProgramSpec { shard_graphs: graphs, shards, update });
    let threads = Threads::new(n_threads);
    let ins = [numbers(&[batch, 6], 8), numbers(&[batch, 2], 9), Tensor::scalar(KEY)];
    let mut results = [Tensor::zeros(DType::F32, &[batch, 2]), Tensor::zeros(DType::F32, &[])];
    let mut workspace = Workspace::default();
    for _ in 0..n_runs {
        let views: Vec<_> = ins.iter().map(Tensor::view).collect();
        let mut outs: Vec<_> = results.iter_mut().map(Tensor::view_mut).collect();
        program.run(&threads, &mut workspace, &store, &views, &mut outs);
    }
    let [p, loss] = results;
    Outcome {
        predictions: p.view().get::<f32>().to_vec(),
        loss: loss.view().get::<f32>()[0],
        state: slots.iter().map(|&s| store.read().view(s).get::<f32>().to_vec()).collect(),
    }
}

/// The same by the interpreter on the whole batch.
fn interpreted(batch: usize, n_runs: usize) -> Outcome {
    let mut state = weights();
    let mut last = Vec::new();
    let mut loss = Tensor::zeros(DType::F32, &[]);
    for _ in 0..n_runs {
        let mut ins = vec![numbers(&[batch, 6], 8), numbers(&[batch, 2], 9)];
        ins.extend(state[..3].iter().cloned());
        ins.extend([Tensor::scalar(KEY), Tensor::scalar(0i64)]);
        last = interpret(&step(batch, batch), &ins);
        let mut ins: Vec<Tensor> = state[..3].to_vec();
        ins.extend([
            last[2].clone(),
            last[3].clone(),
            last[4].clone(),
            last[1].clone(),
            state[3].clone(),
        ]);
        let mut outs = interpret(&update(), &ins);
        loss = outs.pop().unwrap();
        state = outs;
        state.push(last[5].clone());
    }
    let floats = |t: &Tensor| t.view().get::<f32>().to_vec();
    Outcome {
        predictions: floats(&last[0]),
        loss: floats(&loss)[0],
        state: state.iter().map(floats).collect(),
    }
}

fn close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= 2e-5 * b.abs().max(1.0), "{a} is not {b}");
    }
}

#[test]
fn shards_give_what_the_whole_batch_gives() {
    for cut in [vec![7], vec![3, 3, 1], vec![2, 2, 2, 1], vec![1; 7]] {
        let (got, want) = (train(7, &cut, 1, 3), interpreted(7, 3));
        close(&got.predictions, &want.predictions);
        close(&[got.loss], &[want.loss]);
        got.state.iter().zip(&want.state).for_each(|(a, b)| close(a, b));
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let bits = |n| {
        let o = train(23, &[5, 5, 5, 5, 3], n, 4);
        (o.predictions, o.loss.to_bits(), o.state)
    };
    let one = bits(1);
    assert_eq!(one, bits(1));
    assert_eq!(one, bits(2));
    assert_eq!(one, bits(5));
}

#[test]
fn states_may_change_places() {
    let b = Builder::new();
    let (x, y) = (b.input("x", known(&[3])), b.input("y", known(&[3])));
    b.output("x", y);
    b.output("y", x);
    b.output("both", x + y);
    let mut store = Store::new();
    let (sx, sy) = (store.push(&numbers(&[3], 1)), store.push(&numbers(&[3], 2)));
    let part = Part {
        graph: b.finish().unwrap(),
        feeds: vec![Feed::State(sx), Feed::State(sy)],
        fetches: vec![Fetch::State(sx), Fetch::State(sy), Fetch::Value(0)],
    };
    let mut program = Program::from(ProgramSpec { update: Some(part), ..ProgramSpec::default() });
    let mut both = Tensor::zeros(DType::F32, &[3]);
    program.run(&Threads::new(1), &mut Workspace::default(), &store, &[], &mut [both.view_mut()]);
    assert_eq!(store.variable(sx).tensor(), numbers(&[3], 2));
    assert_eq!(store.variable(sy).tensor(), numbers(&[3], 1));
    assert!(matches!(both.data, Buffer::F32(v) if v.iter().all(|x| *x != 0.0)));
}

#[test]
fn a_stateful_graph_keeps_the_rows_of_each_shard() {
    let graph = |rows: usize| {
        let b = Builder::new();
        let (x, h) = (b.input("x", known(&[rows, 2])), b.input("h", known(&[rows, 2])));
        b.output("h", h * 0.5 + x);
        b.output("first", x.slice(0, 0, 1).sum_all());
        b.finish().unwrap()
    };
    let mut store = Store::new();
    let slot = store.push(&Tensor::zeros(DType::F32, &[5, 2]));
    let part = |rows| Part {
        graph: graph(rows),
        feeds: vec![Feed::Rows(0), Feed::StateRows(slot)],
        fetches: vec![Fetch::StateRows(slot), Fetch::First(0)],
    };
    let shards =
        vec![Shard { part: 0, first_row: 0, rows: 3 }, Shard { part: 1, first_row: 3, rows: 2 }];
    let mut program =
        Program::from(ProgramSpec { shard_graphs: vec![part(3), part(2)], shards, update: None });
    let x = numbers(&[5, 2], 5);
    let mut first = Tensor::zeros(DType::F32, &[]);
    for _ in 0..2 {
        program.run(
            &Threads::new(2),
            &mut Workspace::default(),
            &store,
            &[x.view()],
            &mut [first.view_mut()],
        );
    }
    let want: Vec<f32> = x.view().get::<f32>().iter().map(|x| x * 0.5 + x).collect();
    assert_eq!(store.read().view(slot).get::<f32>(), want);
    assert_eq!(first.to_f64()[0], x.to_f64()[0] + x.to_f64()[1]);
}

/// An embedding trained for some steps by programs in turn, each of which cuts the batch its own
/// way; indices outside the table are left out. The table, the bytes that the programs ask for and
/// those that they share.
fn embed(cuts: &[&[usize]], n_threads: usize) -> (Vec<f32>, Vec<usize>, usize) {
    let (batch, t, v, u) = (cuts[0].iter().sum::<usize>(), 40, 300, 64);
    let graph = |rows: usize| {
        let b = Builder::new();
        let index = b.input("index", Spec::known(DType::I32, &[rows, t]));
        let y = b.input("y", known(&[rows, u]));
        let table = b.input("table", known(&[v, u]));
        let d = table.gather(index).sum(&[1], false) - y;
        let loss = (d * d).sum_all();
        b.output("d", gradient(&[(loss, loss.ones_like())], &[table])[0].unwrap());
        cornu_ir::passes::run(b.finish().unwrap())
    };
    let b = Builder::new();
    let (w, d) = (b.input("w", known(&[v, u])), b.input("d", known(&[v, u])));
    b.output("w", w - d * 0.01);
    let update = b.finish().unwrap();
    let mut store = Store::new();
    let slot = store.push(&numbers(&[v, u], 3));
    let part = |rows| Part {
        graph: graph(rows),
        feeds: vec![Feed::Rows(0), Feed::Rows(1), Feed::State(slot)],
        fetches: vec![Fetch::Sum(0)],
    };
    let program = |cut: &&[usize]| {
        let shards = cut
            .iter()
            .enumerate()
            .map(|(i, &rows)| Shard { part: i, first_row: cut[..i].iter().sum(), rows })
            .collect();
        let update = Some(Part {
            graph: update.clone(),
            feeds: vec![Feed::State(slot), Feed::Sum(0)],
            fetches: vec![Fetch::State(slot)],
        });
        Program::from(ProgramSpec {
            shard_graphs: cut.iter().map(|&n| part(n)).collect(),
            shards,
            update,
        })
    };
    let mut programs: Vec<Program> = cuts.iter().map(program).collect();
    let threads = Threads::new(n_threads);
    let mut workspace = Workspace::default();
    for step in 0..3 {
        // Other rows in each step: what a step added must not be seen by the next.
        let index = (0..batch * t).map(|k| ((k * k + 7 * step) % (v + 20)) as i32 - 10).collect();
        programs[step % cuts.len()].run(
            &threads,
            &mut workspace,
            &store,
            &[Tensor::new(&[batch, t], index).view(), numbers(&[batch, u], step as u64).view()],
            &mut [],
        );
    }
    (
        store.read().view(slot).get::<f32>().to_vec(),
        programs.iter().map(Program::arena_bytes).collect(),
        workspace.bytes(),
    )
}

#[test]
fn gradients_of_an_embedding_need_no_table_of_each_shard() {
    let shards: &[usize] = &[8, 8, 8, 6];
    let (whole, ..) = embed(&[&[30]], 1);
    let (cut, bytes, shared) = embed(&[shards], 1);
    close(&cut, &whole);
    assert_eq!((cut.clone(), bytes.clone(), shared), embed(&[shards], 2));
    assert_eq!(cut, embed(&[shards], 5).0);
    let b = Builder::new();
    let (index, y, table) = (
        b.input("index", Spec::known(DType::I32, &[30, 40])),
        b.input("y", known(&[30, 64])),
        b.input("table", known(&[300, 64])),
    );
    let d = table.gather(index).sum(&[1], false) - y;
    let loss = (d * d).sum_all();
    b.output("w", table - gradient(&[(loss, loss.ones_like())], &[table])[0].unwrap() * 0.01);
    let g = b.finish().unwrap();
    let mut w = numbers(&[300, 64], 3);
    for step in 0..3 {
        let index = (0..30 * 40).map(|k| (k * k + 7 * step) % 320 - 10).collect();
        w = interpret(&g, &[Tensor::new(&[30, 40], index), numbers(&[30, 64], step as u64), w])
            .remove(0);
    }
    close(&whole, w.view().get());
    // Four shards' rows and one table, not four tables.
    assert!(bytes[0] < 4 * (2 * 30 * 40 * 64 + 2 * 300 * 64 + 40_000), "{bytes:?} bytes");
    assert_eq!(shared, bytes[0]);
}

#[test]
fn programs_on_one_store_share_its_memory() {
    let (small, large): (&[usize], &[usize]) = (&[10, 10, 10], &[30]);
    let (alone, ..) = embed(&[large], 1);
    for cuts in [[small, large], [large, small]] {
        let (mixed, bytes, shared) = embed(&cuts, 2);
        close(&mixed, &alone);
        // The first arena is as large as the largest program's: what moves to it finds its values
        // there.
        assert!(
            shared < bytes[0] + bytes[1] && shared >= *bytes.iter().max().unwrap(),
            "{shared} of {bytes:?}"
        );
    }
}
