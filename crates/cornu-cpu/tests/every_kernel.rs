//! Every kernel against the loops that define its operation, on the samples of all primitives and
//! on shapes that cross the kernels' tiles; in single precision.

use cornu_cpu::kernels::isa::Isa;
use cornu_cpu::{Feed, Fetch, Part, Program, ProgramSpec, Shard, Store, Threads, Workspace};
use cornu_ir::grad::gradient;
use cornu_ir::op::sample_numbers;
use cornu_ir::ops::*;
use cornu_ir::{
    Buffer, Builder, DType, Graph, Op, Scan, Spec, Tensor, Var, interpret::interpret, passes,
};
use proptest::prelude::*;
use std::sync::Arc;

fn single_type(t: DType) -> DType {
    if t == DType::F64 { DType::F32 } else { t }
}

fn single(t: &Tensor) -> Tensor {
    match &t.data {
        Buffer::F64(v) => Tensor::new::<f32>(&t.dims, v.iter().map(|&x| x as f32).collect()),
        _ => t.clone(),
    }
}

/// A graph in single precision.
fn single_graph(g: &Graph) -> Graph {
    let mut g = g.clone();
    g.values.iter_mut().for_each(|v| v.spec.dtype = single_type(v.spec.dtype));
    g.nodes.iter_mut().for_each(|n| n.op = single_op(&n.op));
    g
}

/// An operation in single precision.
fn single_op(op: &Op) -> Op {
    match op.clone() {
        Op::Constant(c) => Constant { value: single(&c.value) }.into(),
        Op::Random(r) => Random { dtype: single_type(r.dtype), ..r }.into(),
        Op::Cast(c) => Cast { dtype: single_type(c.dtype) }.into(),
        Op::Scan(s) => Scan { body: Arc::new(single_graph(&s.body)), ..s }.into(),
        Op::Fused(f) => {
            let code = f.code.iter().map(|i| match *i {
                Instr::Number(t, x) => Instr::Number(single_type(t), x),
                Instr::Cast(t, a) => Instr::Cast(single_type(t), a),
                i => i,
            });
            Fused { code: code.collect(), ..f }.into()
        }
        op => op,
    }
}

/// The outputs of a graph by its kernels, on one shard.
fn run(graph: &Graph, ins: &[Tensor], n_threads: usize) -> Vec<Tensor> {
    let mut results: Vec<Tensor> = (graph.outputs.iter())
        .map(|p| {
            let s = graph.spec(p.value);
            Tensor::zeros(s.dtype, &s.numbers().unwrap())
        })
        .collect();
    let part = Part {
        graph: graph.clone(),
        feeds: (0..ins.len()).map(Feed::Whole).collect(),
        fetches: (0..results.len()).map(Fetch::First).collect(),
    };
    let mut program = Program::from(ProgramSpec {
        shard_graphs: vec![part],
        shards: vec![Shard { part: 0, first_row: 0, rows: 1 }],
        update: None,
    });
    let views: Vec<_> = ins.iter().map(Tensor::view).collect();
    for _ in 0..2 {
        let mut outs: Vec<_> = results.iter_mut().map(Tensor::view_mut).collect();
        program.run(
            &Threads::new(n_threads),
            &mut Workspace::default(),
            &Store::new(),
            &views,
            &mut outs,
        );
    }
    results
}

/// Single precision: a few ulp a function, more where a sum cancels.
const TOLERANCE: f64 = 1e-5;

fn check(what: &str, graph: &Graph, ins: &[Tensor]) {
    let want = interpret(graph, ins);
    for graph in [graph.clone(), passes::run(graph.clone())] {
        for (k, (got, want)) in run(&graph, ins, 1).iter().zip(&want).enumerate() {
            assert_eq!(got.spec(), want.spec(), "{what}");
            for (i, (g, w)) in got.to_f64().iter().zip(want.to_f64()).enumerate() {
                let near = (g - w).abs() <= TOLERANCE * w.abs().max(1.0)
                    || (g.is_nan() && w.is_nan())
                    || *g == w;
                assert!(near, "{what}: output {k}[{i}] is {g}, not {w}\n{graph}");
            }
        }
    }
}

/// An operation alone, and with its gradient where it has one.
fn check_op(op: &Op, ins: &[Tensor]) {
    let what = format!("{op:?}");
    for with_gradient in [false, true] {
        let b = Builder::new();
        let vars: Vec<Var<'_>> = ins.iter().map(|t| b.input("x", t.spec())).collect();
        let outs = b.apply(op.clone(), &vars);
        outs.iter().for_each(|o| b.output("y", *o));
        if with_gradient {
            // What recurrent operations keep for their gradient carries none itself.
            let kept = |k: usize| {
                (matches!(op, Op::Lstm(_)) && (k == 1 || k == 2))
                    || (matches!(op, Op::Gru(_)) && k == 1)
            };
            let weight =
                |v: Var<'_>, k: usize| sample_numbers(&v.spec().numbers().unwrap(), 7 + k as u64);
            let seeds: Vec<_> = (outs.iter().enumerate())
                .filter(|(k, o)| o.dtype().is_float() && !kept(*k))
                .map(|(k, o)| {
                    (
                        *o,
                        b.constant(if o.dtype() == DType::F32 {
                            single(&weight(*o, k))
                        } else {
                            weight(*o, k)
                        }),
                    )
                })
                .collect();
            gradient(&seeds, &vars).into_iter().flatten().for_each(|g| b.output("d", g));
        }
        check(&what, &b.finish().unwrap(), ins);
    }
}

/// This file's tests on each tier of instructions that the CPU has.
#[test]
fn every_tier() {
    if std::env::var_os("CORNU_ISA").is_some() {
        return;
    }
    for tier in Isa::ALL.into_iter().filter(|isa| isa.is_supported()) {
        let this = std::env::current_exe().unwrap();
        let run = std::process::Command::new(this).env("CORNU_ISA", tier.name()).output().unwrap();
        assert!(run.status.success(), "{}: {run:?}", tier.name());
    }
}

#[test]
fn samples_of_all_primitives() {
    for s in Op::all_samples() {
        let ins: Vec<Tensor> = s.ins.iter().map(single).collect();
        check_op(&single_op(&s.op), &ins);
        check_op(&s.op, &s.ins);
    }
}

fn numbers(dims: &[usize], seed: u64) -> Tensor {
    single(&sample_numbers(dims, seed))
}

#[test]
fn products_of_many_sizes() {
    for (i, &(m, k, n)) in [
        (1, 1, 1),
        (1, 40, 3),
        (7, 3, 50),
        (33, 600, 17),
        (64, 5, 300),
        (130, 70, 65),
        (3, 0, 4),
        (0, 3, 4),
    ]
    .iter()
    .enumerate()
    {
        for (transpose_a, transpose_b) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let a = if transpose_a { [k, m] } else { [m, k] };
            let b = if transpose_b { [n, k] } else { [k, n] };
            check_op(
                &MatMul { transpose_a, transpose_b }.into(),
                &[numbers(&a, i as u64), numbers(&b, 50 + i as u64)],
            );
        }
    }
}

#[test]
fn reductions_and_moves_of_many_shapes() {
    let x = numbers(&[5, 33, 2, 19], 3);
    for f in [ReduceFn::Sum, ReduceFn::Max, ReduceFn::Min, ReduceFn::Prod] {
        for axes in [
            vec![0],
            vec![1],
            vec![3],
            vec![0, 1],
            vec![2, 3],
            vec![0, 2],
            vec![1, 3],
            vec![0, 3],
            vec![0, 1, 2, 3],
        ] {
            check_op(&Reduce { f, axes }.into(), std::slice::from_ref(&x));
        }
    }
    for perm in
        [vec![3, 2, 1, 0], vec![0, 2, 1, 3], vec![1, 0, 2, 3], vec![0, 3, 1, 2], vec![2, 3, 0, 1]]
    {
        check_op(&Transpose { perm }.into(), std::slice::from_ref(&x));
    }
    check_op(&Slice { axis: 3, start: 2, end: Some(17), step: 4 }.into(), std::slice::from_ref(&x));
    check_op(
        &Pad { axis: 1, low: 1, high: 2, interior: 1, value: -0.5 }.into(),
        std::slice::from_ref(&x),
    );
    check_op(&Reverse { axis: 1 }.into(), std::slice::from_ref(&x));
    check_op(
        &Windows { axis: 1, length: 3, stride: 2, dilation: 2 }.into(),
        std::slice::from_ref(&x),
    );
    check_op(&Transpose { perm: vec![1, 0] }.into(), &[numbers(&[70, 130], 4)]);
}

#[test]
fn every_pointwise_function_across_tiles() {
    let x = numbers(&[37, 83], 5);
    let y = numbers(&[37, 83], 6);
    for &f in UnaryFn::ALL {
        let domain = match f {
            UnaryFn::Log | UnaryFn::Sqrt | UnaryFn::Rsqrt | UnaryFn::Log1p => {
                x.to_f64().iter().map(|x| x.abs() as f32 + 0.3).collect()
            }
            UnaryFn::Asin | UnaryFn::Acos => x.to_f64().iter().map(|x| *x as f32 * 0.6).collect(),
            _ => x.view().get::<f32>().to_vec(),
        };
        check_op(&Unary { f }.into(), &[Tensor::new(&[37, 83], domain)]);
    }
    for &f in BinaryFn::ALL.iter().filter(|f| **f != BinaryFn::Mod) {
        let positive =
            Tensor::new(&[37, 83], y.to_f64().iter().map(|y| y.abs() as f32 + 0.2).collect());
        let one = if f == BinaryFn::Pow { &positive } else { &x };
        check_op(&Binary { f }.into(), &[one.clone(), positive.clone()]);
    }
    for &f in CompareFn::ALL {
        check_op(&Compare { f }.into(), &[x.clone(), y.clone()]);
    }
}

#[test]
fn special_numbers_pass_through_chains() {
    let x = Tensor::new(
        &[9],
        vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e-40, 3e38, -3e38, 0.5],
    );
    for f in [
        UnaryFn::Neg,
        UnaryFn::Abs,
        UnaryFn::Relu,
        UnaryFn::Sign,
        UnaryFn::Floor,
        UnaryFn::Ceil,
        UnaryFn::Round,
        UnaryFn::IsNan,
        UnaryFn::Exp,
        UnaryFn::Tanh,
        UnaryFn::Sigmoid,
    ] {
        check_op(&Unary { f }.into(), std::slice::from_ref(&x));
    }
    for f in [BinaryFn::Max, BinaryFn::Min, BinaryFn::Add] {
        check_op(&Binary { f }.into(), &[x.clone(), Tensor::new(&[9], vec![0.25f32; 9])]);
        check_op(&Binary { f }.into(), &[Tensor::new(&[9], vec![0.25f32; 9]), x.clone()]);
    }
    check_op(&Cast { dtype: DType::I32 }.into(), std::slice::from_ref(&x));
}

/// Operands of every reach, lengths that no tile divides, threads inside the chain.
#[test]
fn long_chains_do_not_depend_on_threads() {
    let b = Builder::new();
    let known = |d: &[usize]| Spec::known(DType::F32, d);
    let (x, row, column, s) = (
        b.input("x", known(&[700, 301])),
        b.input("row", known(&[301])),
        b.input("column", known(&[700, 1])),
        b.input("s", known(&[])),
    );
    let y = ((x + row) * column - s).tanh();
    b.output("y", y);
    b.output("z", (y * 0.5).gt(x).select(y / 3.0, x * x));
    let g = b.finish().unwrap();
    let ins = [numbers(&[700, 301], 1), numbers(&[301], 2), numbers(&[700, 1], 3), numbers(&[], 4)];
    check("long chain", &g, &ins);
    let part = |g: &Graph| Part {
        graph: passes::run(g.clone()),
        feeds: (0..4).map(Feed::Whole).collect(),
        fetches: vec![Fetch::Value(0), Fetch::Value(1)],
    };
    let outcome = |n: usize| {
        let mut program =
            Program::from(ProgramSpec { update: Some(part(&g)), ..ProgramSpec::default() });
        let mut out =
            [Tensor::zeros(DType::F32, &[700, 301]), Tensor::zeros(DType::F32, &[700, 301])];
        let [a, b] = &mut out;
        program.run(
            &Threads::new(n),
            &mut Workspace::default(),
            &Store::new(),
            &ins.each_ref().map(Tensor::view),
            &mut [a.view_mut(), b.view_mut()],
        );
        out
    };
    assert_eq!(outcome(1), outcome(2));
    assert_eq!(outcome(1), outcome(5));
    assert_eq!(outcome(1).to_vec(), run(&passes::run(g.clone()), &ins, 1));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// A prediction's row is the same bits whatever the batch and its place in it.
    #[test]
    fn rows_of_a_prediction_do_not_depend_on_the_batch(seed in any::<u64>()) {
        let (t, f, u) = (5, 3 + seed as usize % 20, 4 + seed as usize % 37);
        let shapes = [vec![f, 4 * u], vec![u, 4 * u], vec![4 * u], vec![u, 7], vec![7]];
        let graph = |rows: usize| {
            let b = Builder::new();
            let known = |d: &[usize]| Spec::known(DType::F32, d);
            let x = b.input("x", known(&[rows, t, f]));
            let weights = shapes.each_ref().map(|d| b.input("w", known(d)));
            let packed = x.transpose(&[1, 0, 2]).reshape(&[Some(t * rows), Some(f)]);
            let zero = b.full(DType::F32, &[Some(rows), Some(u)], 0.0);
            let sizes = b.constant(Tensor::new(&[t], vec![rows as i32; t]));
            let int8 = seed % 3 == 0;
            let cell = Lstm {
                units: u,
                activation: Activation::Tanh,
                recurrent_activation: Activation::Sigmoid,
                use_bias: true,
                recurrent_mask: false,
                int8,
            };
            let [w, r, bias, ..] = weights;
            let h = b.apply(cell, &[packed, w, r, bias, zero, zero, sizes])[3];
            let y = h.matmul(weights[3]) + weights[4];
            b.output("y", cornu_ir::composites::softmax(y, &[-1]));
            passes::run(b.finish().unwrap())
        };
        let weights = shapes.each_ref().map(|d| numbers(d, seed));
        let data = numbers(&[32, t, f], seed ^ 1);
        let width = t * f;
        let predict = |rows: &[usize]| -> Vec<f32> {
            let row = |r: &usize| &data.view().get::<f32>()[r * width..(r + 1) * width];
            let x: Vec<f32> = rows.iter().flat_map(row).copied().collect();
            let mut ins = vec![Tensor::new(&[rows.len(), t, f], x)];
            ins.extend(weights.iter().cloned());
            run(&graph(rows.len()), &ins, 1)[0].view().get::<f32>().to_vec()
        };
        let all: Vec<usize> = (0..32).collect();
        let want = predict(&all);
        let turned: Vec<usize> = all.iter().rev().copied().collect();
        for (k, r) in predict(&turned).chunks(7).rev().enumerate() {
            prop_assert_eq!(r, &want[k * 7..(k + 1) * 7]);
        }
        for size in [1, 2, 7] {
            let some: Vec<f32> = all.chunks(size).flat_map(predict).collect();
            prop_assert_eq!(&some, &want);
        }
    }
}

#[test]
fn layouts_of_random_masks() {
    for seed in 0..40u64 {
        let (b, t) = (1 + seed as usize % 7, 1 + seed as usize % 11);
        let live = sample_numbers(&[b, t], seed)
            .to_f64()
            .iter()
            .map(|x| (*x > seed as f64 / 20.0 - 1.0) as u8)
            .collect();
        let mask = Tensor::new::<u8>(&[b, t], live);
        for (reverse, zero_masked) in [(false, false), (true, false), (false, true), (true, true)] {
            check_op(&MaskLayout { reverse, zero_masked }.into(), std::slice::from_ref(&mask));
        }
    }
}
