//! What graphs cost: written-down numbers, for shards are cut by them and their bits depend on it.

use cornu_ir::grad::gradient;
use cornu_ir::ops::{Activation, Gru, Lstm, SimpleRnn};
use cornu_ir::passes;
use cornu_ir::{Builder, DType, Graph, Op, Scan, Spec, Var};

fn dense(b: &Builder, transpose: bool) -> (Var<'_>, Vec<Var<'_>>) {
    let f = |dims: &[usize]| Spec::known(DType::F32, dims);
    let (x, w) = (b.input("x", f(&[32, 10])), b.input("w", f(&[10, 64])));
    let bias = b.input("b", f(&[64]));
    let h = (x.matmul(w) + bias).relu();
    let v = b.input("v", f(if transpose { &[3, 64] } else { &[64, 3] }));
    (h.matmul_with(v, false, transpose).sum_all(), vec![w, bias, v])
}

/// The cell's loss and its weights.
fn recurrent(b: &Builder, cell: usize) -> (Var<'_>, Vec<Var<'_>>) {
    let (units, features, rows, batch) = (16, 5, 40, 8);
    let f = |dims: &[usize]| Spec::known(DType::F32, dims);
    let gates = [4, 3, 1][cell] * units;
    let x = b.input("x", f(&[rows, features]));
    let (w, r) = (b.input("w", f(&[features, gates])), b.input("r", f(&[units, gates])));
    let h0 = b.input("h0", f(&[batch, units]));
    let sizes = b.input("batch_sizes", Spec::known(DType::I32, &[5]));
    let (tanh, sigmoid) = (Activation::Tanh, Activation::Sigmoid);
    let y = match cell {
        0 => {
            let bias = b.input("b", f(&[gates]));
            let op = Lstm {
                units,
                activation: tanh,
                recurrent_activation: sigmoid,
                use_bias: true,
                recurrent_mask: false,
                int8: false,
            };
            b.apply(op, &[x, w, r, bias, h0, h0, sizes])[0]
        }
        1 => {
            let bias = b.input("b", f(&[2, gates]));
            let op = Gru {
                units,
                activation: tanh,
                recurrent_activation: sigmoid,
                use_bias: true,
                reset_after: true,
                recurrent_mask: false,
            };
            b.apply(op, &[x, w, r, bias, h0, sizes])[0]
        }
        _ => {
            let op = SimpleRnn { units, activation: tanh, use_bias: false, recurrent_mask: false };
            b.apply(op, &[x, w, r, h0, sizes])[0]
        }
    };
    (y.sum_all(), vec![w, r])
}

fn scan(b: &Builder) -> (Var<'_>, Vec<Var<'_>>) {
    let f = |dims: &[usize]| Spec::known(DType::F32, dims);
    let (w, h) = (b.input("w", f(&[7, 7])), b.input("h", f(&[4, 7])));
    let x = b.input("x", f(&[6, 4, 7]));
    let (last, kept) = Scan::build(b, &[w], &[h], &[x], Some(6), false, |_, c, s, x| {
        let next = (s[0].matmul(c[0]) + x[0]).tanh();
        (vec![next], vec![next * x[0]])
    });
    (last[0].sum_all() + kept[0].sum_all(), vec![w])
}

/// A graph of a loss, with its gradient where `grad`.
fn graph(grad: bool, of: Formula) -> Graph {
    let b = Builder::new();
    {
        let (loss, weights) = of(&b);
        b.output("loss", loss);
        if grad {
            for d in gradient(&[(loss, loss.ones_like())], &weights).into_iter().flatten() {
                b.output("d", d);
            }
        }
    }
    b.finish().unwrap()
}

/// A graph on a builder: its loss and its weights.
type Formula = for<'g> fn(&'g Builder) -> (Var<'g>, Vec<Var<'g>>);

fn cases() -> [(&'static str, Formula); 6] {
    [
        ("dense", |b| dense(b, false)),
        ("dense, weights transposed", |b| dense(b, true)),
        ("lstm", |b| recurrent(b, 0)),
        ("gru", |b| recurrent(b, 1)),
        ("simple_rnn", |b| recurrent(b, 2)),
        ("scan", scan),
    ]
}

/// Name, whether with the gradient, operations of the graph as written and after the passes, bytes
/// a timestep, operations of the products.
const COSTS: &[(&str, bool, f64, f64, usize, &[(&str, f64)])] = &[
    ("dense", false, 59_393.0, 55_297.0, 0, &[("MatMul", 53_248.0)]),
    ("dense", true, 174_337.0, 124_993.0, 0, &[("MatMul", 118_784.0)]),
    ("dense, weights transposed", false, 59_393.0, 55_297.0, 0, &[("MatMul", 53_248.0)]),
    ("dense, weights transposed", true, 174_337.0, 124_993.0, 0, &[("MatMul", 118_784.0)]),
    ("lstm", false, 128_001.0, 128_001.0, 4096, &[("Lstm", 107_520.0)]),
    ("lstm", true, 385_281.0, 384_001.0, 4096, &[("Lstm", 107_520.0), ("LstmGrad", 189_440.0)]),
    ("gru", false, 98_561.0, 98_561.0, 3072, &[("Gru", 80_640.0)]),
    ("gru", true, 296_961.0, 295_681.0, 3072, &[("Gru", 80_640.0), ("GruGrad", 142_080.0)]),
    ("simple_rnn", false, 37_121.0, 37_121.0, 1024, &[("SimpleRnn", 26_880.0)]),
    (
        "simple_rnn",
        true,
        112_641.0,
        111_361.0,
        1024,
        &[("SimpleRnn", 26_880.0), ("SimpleRnnGrad", 47_360.0)],
    ),
    ("scan", false, 2859.0, 2691.0, 0, &[("Scan", 2352.0)]),
    ("scan", true, 15_354.0, 12_897.0, 0, &[("Scan", 11_760.0)]),
];

#[test]
fn graphs_cost_what_is_written_down() {
    let mut expected = COSTS.iter();
    for (name, of) in cases() {
        for grad in [false, true] {
            let written = graph(grad, of);
            let run = passes::run(written.clone());
            let mut products: Vec<(&str, f64)> = Vec::new();
            for (op, flops) in run.product_flops().into_iter().filter(|(_, flops)| *flops > 0.0) {
                match products.iter_mut().find(|(have, _)| *have == op) {
                    Some(row) => row.1 += flops,
                    None => products.push((op, flops)),
                }
            }
            let cost = (name, grad, written.flops(), run.flops(), run.step_bytes(), &products[..]);
            assert_eq!(Some(&cost), expected.next());
        }
    }
    assert_eq!(expected.next(), None);
}

/// Operations, those of products, and bytes a timestep of the samples of primitives that say more
/// than the default.
const OWN_COSTS: &[(&str, f64, f64, usize)] = &[
    ("Constant", 0.0, 0.0, 0),
    ("Reshape", 0.0, 0.0, 0),
    ("MatMul", 240.0, 240.0, 0),
    ("MatMul", 240.0, 240.0, 0),
    ("MatMul", 240.0, 240.0, 0),
    ("MatMul", 240.0, 240.0, 0),
    ("MatMul", 306.0, 306.0, 0),
    ("Lstm", 1404.0, 1080.0, 288),
    ("Lstm", 2052.0, 1080.0, 288),
    ("Lstm", 1404.0, 1080.0, 288),
    ("Lstm", 1404.0, 1080.0, 288),
    ("Gru", 1296.0, 810.0, 216),
    ("Gru", 1458.0, 810.0, 216),
    ("Gru", 1458.0, 810.0, 216),
    ("Gru", 972.0, 810.0, 216),
    ("Gru", 1296.0, 810.0, 216),
    ("SimpleRnn", 432.0, 270.0, 72),
    ("SimpleRnn", 594.0, 270.0, 72),
    ("SimpleRnn", 594.0, 270.0, 72),
    ("Scan", 216.0, 144.0, 0),
    ("Scan", 216.0, 144.0, 0),
];

#[test]
fn any_other_primitive_costs_one_operation_an_element() {
    let mut own = OWN_COSTS.iter();
    for s in Op::all_samples() {
        let b = Builder::new();
        let ins: Vec<Var<'_>> = s.ins.iter().map(|t| b.input("", t.spec())).collect();
        let outs = b.apply(s.op.clone(), &ins);
        let n_elements: usize = outs.iter().map(|v| v.spec().n_elements().unwrap()).sum();
        outs.into_iter().for_each(|v| b.output("", v));
        let g = b.finish().unwrap();
        let name = s.op.name();
        let cost = (name, g.flops(), g.product_flops()[0].1, g.step_bytes());
        if OWN_COSTS.iter().any(|row| row.0 == name) {
            assert_eq!(Some(&cost), own.next());
        } else {
            assert_eq!(cost, (name, n_elements as f64, 0.0, 0));
        }
    }
    assert_eq!(own.next(), None);
}
