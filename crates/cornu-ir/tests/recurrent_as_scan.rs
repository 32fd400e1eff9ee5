//! The recurrent primitives against the same cells written as a scan of small operations: outputs
//! and gradients.

use cornu_ir::Scan;
use cornu_ir::builder::concat;
use cornu_ir::op::sample_numbers;
use cornu_ir::ops::{Activation, Gru, Lstm, SimpleRnn};
use cornu_ir::{Builder, DType, Dim, Tensor, Var, grad::gradient, interpret::interpret};

const B: usize = 3;
const T: usize = 4;
const F: usize = 2;
const U: usize = 3;

/// Weights, bias, states and recurrent mask of a cell of `gates` parts.
fn arrays(gates: usize, bias: &[usize], n_states: usize) -> Vec<Tensor> {
    let mut all = vec![
        sample_numbers(&[T, B, F], 1),
        sample_numbers(&[F, gates * U], 2),
        sample_numbers(&[U, gates * U], 3),
        sample_numbers(bias, 4),
    ];
    all.extend((0..n_states).map(|i| sample_numbers(&[B, U], 5 + i as u64)));
    all.push(sample_numbers(&[B, gates * U], 9));
    all
}

/// Runs a primitive and the scan of a step on the same inputs; the output rows (T, B, U), the last
/// states and their gradients must agree.
fn agree(
    ins: &[Tensor],
    n_states: usize,
    primitive: impl for<'g> Fn(Var<'g>, &[Var<'g>], Var<'g>) -> (Var<'g>, Vec<Var<'g>>),
    step: impl for<'g> Fn(&[Var<'g>], Var<'g>, &[Var<'g>]) -> Vec<Var<'g>>,
) {
    let run = |as_scan: bool| {
        let b = Builder::new();
        let vars: Vec<Var<'_>> = ins.iter().map(|t| b.input("x", t.spec())).collect();
        let (states, constants) =
            (&vars[4..4 + n_states], [vars[1], vars[2], vars[3], vars[4 + n_states]]);
        let dims: Vec<Dim> = vec![Some(T), Some(B), Some(U)];
        let (rows, last) = if as_scan {
            let (last, kept) =
                Scan::build(&b, &constants, states, &[vars[0]], Some(T), false, |_, c, s, x| {
                    let next = step(c, x[0], s);
                    let h = next[0];
                    (next, vec![h])
                });
            (kept[0], last)
        } else {
            let sizes = b.full(DType::I32, &[Some(T)], B as f64);
            let (rows, last) =
                primitive(vars[0].reshape(&[Some(T * B), Some(F)]), &vars[1..], sizes);
            (rows.reshape(&dims), last)
        };
        let outs: Vec<Var<'_>> = std::iter::once(rows).chain(last).collect();
        let seeds: Vec<_> = outs
            .iter()
            .enumerate()
            .map(|(k, o)| {
                (*o, b.constant(sample_numbers(&o.spec().numbers().unwrap(), 20 + k as u64)))
            })
            .collect();
        let wrt = &vars[..4 + n_states];
        let grads = gradient(&seeds, wrt);
        outs.iter().for_each(|o| b.output("y", *o));
        grads.iter().for_each(|g| b.output("d", g.expect("every input counts")));
        let g = b.finish().unwrap_or_else(|e| panic!("{e}"));
        interpret(&g, ins)
    };
    for (i, (a, b)) in run(false).iter().zip(run(true)).enumerate() {
        assert_eq!(a.dims, b.dims, "value {i}");
        for (a, b) in a.to_f64().iter().zip(b.to_f64()) {
            // Sums in another order, in f64.
            assert!(
                (a - b).abs() <= 1e-12 * b.abs().max(1.0),
                "value {i}: {a} by the primitive, {b} by the scan"
            );
        }
    }
}

fn part<'g>(v: Var<'g>, k: usize) -> Var<'g> {
    v.slice(-1, k * U, (k + 1) * U)
}

/// The products of a state with the columns of each gate, each by a mask of its own.
fn masked_product<'g>(state: Var<'g>, mask: Var<'g>, weights: Var<'g>, gates: usize) -> Var<'g> {
    concat(
        &(0..gates).map(|k| (state * part(mask, k)).matmul(part(weights, k))).collect::<Vec<_>>(),
        -1,
    )
}

#[test]
fn lstm_is_its_scan() {
    let op = Lstm {
        units: U,
        activation: Activation::Tanh,
        recurrent_activation: Activation::Sigmoid,
        use_bias: true,
        recurrent_mask: true,
        int8: false,
    };
    agree(
        &arrays(4, &[4 * U], 2),
        2,
        |x, ins, sizes| {
            let outs = x.builder().apply(op.clone(), &[&[x], ins, &[sizes]].concat());
            (outs[0], outs[3..].to_vec())
        },
        |c, x, s| {
            let z = x.matmul(c[0]) + masked_product(s[0], c[3], c[1], 4) + c[2];
            let c = part(z, 1).sigmoid() * s[1] + part(z, 0).sigmoid() * part(z, 2).tanh();
            vec![part(z, 3).sigmoid() * c.tanh(), c]
        },
    );
}

#[test]
fn gru_is_its_scan() {
    for reset_after in [true, false] {
        let op = Gru {
            units: U,
            activation: Activation::Tanh,
            recurrent_activation: Activation::Sigmoid,
            reset_after,
            use_bias: true,
            recurrent_mask: true,
        };
        let bias: &[usize] = if reset_after { &[2, 3 * U] } else { &[3 * U] };
        agree(
            &arrays(3, bias, 1),
            1,
            |x, ins, sizes| {
                let outs = x.builder().apply(op.clone(), &[&[x], ins, &[sizes]].concat());
                (outs[0], vec![outs[2]])
            },
            |c, x, s| {
                let (mut a, mut q) = (x.matmul(c[0]), masked_product(s[0], c[3], c[1], 3));
                if reset_after {
                    (a, q) = (a + c[2].index(0, 0), q + c[2].index(0, 1));
                } else {
                    a = a + c[2];
                }
                let [z, r] = [0, 1].map(|k| (part(a, k) + part(q, k)).sigmoid());
                let inner = if reset_after {
                    r * part(q, 2)
                } else {
                    (r * s[0] * part(c[3], 2)).matmul(part(c[1], 2))
                };
                vec![z * s[0] + (1.0 - z) * (part(a, 2) + inner).tanh()]
            },
        );
    }
}

#[test]
fn simple_rnn_is_its_scan() {
    let op = SimpleRnn {
        units: U,
        activation: Activation::Softsign,
        use_bias: true,
        recurrent_mask: true,
    };
    agree(
        &arrays(1, &[U], 1),
        1,
        |x, ins, sizes| {
            let outs = x.builder().apply(op.clone(), &[&[x], ins, &[sizes]].concat());
            (outs[0], vec![outs[1]])
        },
        |c, x, s| {
            let z = x.matmul(c[0]) + (s[0] * c[3]).matmul(c[1]) + c[2];
            vec![z / (z.abs() + 1.0)]
        },
    );
}
