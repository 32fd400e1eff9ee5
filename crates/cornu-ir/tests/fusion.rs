//! The pass `fuse` on random graphs: the same bits as before, no pointwise operation left outside a
//! chain.

use cornu_ir::graph::{Node, Port};
use cornu_ir::op::sample_numbers;
use cornu_ir::plan::{OutputPlace, Plan};
use cornu_ir::{
    Builder, DType, Graph, Spec, Tensor, Var, interpret::interpret, passes::fuse, verify::verify,
};
use proptest::prelude::*;

/// A graph of `picks`: each number chooses an operation and its operands among what there is.
fn graph(picks: &[(u8, u8, u8, u8)]) -> Graph {
    let b = Builder::new();
    let known = |d: &[usize]| Spec::known(DType::F64, d);
    let mut values: Vec<Var<'_>> = vec![
        b.input("x", known(&[4, 3])),
        b.input("row", known(&[3])),
        b.input("column", known(&[4, 1])),
        b.input("s", known(&[])),
    ];
    for &(op, i, j, out) in picks {
        let (x, y) = (values[i as usize % values.len()], values[j as usize % values.len()]);
        let wide = |v: Var<'_>| {
            if v.rank() == 2 || v.rank() < 1 {
                v.id()
            } else {
                v.reshape(&[Some(1), v.dim(0)]).id()
            }
        };
        let (p, q) = (b.var(wide(x)), b.var(wide(y)));
        let v = match op % 14 {
            0 => p + q,
            1 => p * q,
            2 => x.tanh(),
            3 => p.gt(q).select(p, q),
            4 => x.cast(DType::I32).cast(DType::F64),
            5 => x * 0.5 - 1.0,
            6 if x.rank() == 2 => x.sum(&[1], true),
            7 if x.rank() == 2 => x.sum(&[0], false),
            8 if x.dims() == [Some(4), Some(3)] => {
                x.reshape(&[Some(12)]).sigmoid().reshape(&[Some(4), Some(3)])
            }
            9 if x.dims() == [Some(4), Some(3)] => x.transpose(&[1, 0]).sum_all(),
            10 => x.stop_gradient().abs(),
            11 => p.maximum(q) - q,
            12 => x.sum_all() / 8.0,
            _ => p - q * 0.25,
        };
        values.push(v);
        if out % 4 == 0 {
            b.output("y", v);
        }
    }
    b.output("last", *values.last().unwrap());
    b.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn fusion_keeps_every_bit(
        picks in proptest::collection::vec(any::<(u8, u8, u8, u8)>(), 1..60),
    ) {
        let g = graph(&picks);
        let fused = fuse(&g);
        verify(&fused).unwrap();
        let pointwise = |n: &&Node| {
            ["Unary", "Binary", "Select", "Compare", "Cast"].contains(&n.op.name())
        };
        prop_assert!(fused.nodes.iter().find(pointwise).is_none());
        let numbers = |(i, p): (usize, &Port)| {
            sample_numbers(&g.spec(p.value).numbers().unwrap(), i as u64 + 5)
        };
        let ins: Vec<Tensor> = g.inputs.iter().enumerate().map(numbers).collect();
        let bits_of = |t: &Tensor| t.to_f64().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let bits = |ts: Vec<Tensor>| {
            ts.iter().map(|t| (t.dims.clone(), bits_of(t))).collect::<Vec<_>>()
        };
        prop_assert_eq!(bits(interpret(&g, &ins)), bits(interpret(&fused, &ins)));
    }
}

#[test]
fn an_adam_step_is_one_chain_written_over_its_state() {
    let b = Builder::new();
    let known = |d: &[usize]| Spec::known(DType::F32, d);
    let (w, m, v, g) = (
        b.input("w", known(&[4, 3])),
        b.input("m", known(&[4, 3])),
        b.input("v", known(&[4, 3])),
        b.input("g", known(&[4, 3])),
    );
    let rate = b.input("rate", known(&[]));
    let m_next = m + (g - m) * 0.1;
    let v_next = v + (g * g - v) * 0.001;
    b.output("w", w - m_next * rate / (v_next.sqrt() + 1e-7));
    b.output("m", m_next);
    b.output("v", v_next);
    let fused = cornu_ir::passes::run(b.finish().unwrap());
    assert_eq!(fused.nodes.len(), 1, "{fused}");
    let plan = Plan::new(
        fused,
        &[OutputPlace::Replaces(0), OutputPlace::Replaces(1), OutputPlace::Replaces(2)],
        &|_, _| 0,
    );
    assert!(plan.copies.is_empty() && plan.arena_bytes == 0, "{plan}");
}
