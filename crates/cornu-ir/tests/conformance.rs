//! Every primitive against its own rules: shapes as it says, gradients as central differences find
//! them.

use cornu_ir::{
    Buffer, Builder, Op, Spec, Tensor, grad::gradient, interpret::interpret, op::Sample,
};

fn run(op: &Op, ins: &[Tensor]) -> Vec<Tensor> {
    let b = Builder::new();
    let vars: Vec<_> = ins.iter().map(|t| b.input("x", t.spec())).collect();
    for o in b.apply(op.clone(), &vars) {
        b.output("y", o);
    }
    let g = b.finish().unwrap_or_else(|e| panic!("{e}"));
    cornu_ir::verify::verify(&g).unwrap();
    interpret(&g, ins)
}

fn weights(t: &Tensor, k: usize) -> Vec<f64> {
    (0..t.n_elements()).map(|i| ((i * 7 + k * 13) % 11) as f64 / 5.0 - 1.0).collect()
}

/// The sum of all float outputs, each element with a weight of its own.
fn weighted(op: &Op, ins: &[Tensor], used: &[usize]) -> f64 {
    run(op, ins)
        .iter()
        .enumerate()
        .filter(|(k, t)| used.contains(k) && t.dtype().is_float())
        .map(|(k, t)| t.to_f64().iter().zip(weights(t, k)).map(|(a, w)| a * w).sum::<f64>())
        .sum()
}

fn check_gradient(s: &Sample<Op>) {
    if matches!(&s.op, Op::Lstm(cell) if cell.int8) {
        // Rounded numbers have no slope.
        return;
    }
    // The saved rows that recurrent primitives hand to their gradient carry none themselves.
    let used: Vec<usize> = match &s.op {
        Op::Lstm(_) => vec![0, 3, 4],
        Op::Gru(_) => vec![0, 2],
        op => (0..op.n_outputs()).collect(),
    };
    let b = Builder::new();
    let vars: Vec<_> = s.ins.iter().map(|t| b.input("x", t.spec())).collect();
    let outs = b.apply(s.op.clone(), &vars);
    let values = run(&s.op, &s.ins);
    let seeds: Vec<_> = outs
        .iter()
        .zip(&values)
        .enumerate()
        .filter(|(k, (_, t))| used.contains(k) && t.dtype().is_float())
        .map(|(k, (o, t))| (*o, b.constant(Tensor::new(&t.dims, weights(t, k)))))
        .collect();
    let grads = gradient(&seeds, &vars);
    let flows: Vec<bool> = grads.iter().map(Option::is_some).collect();
    for g in grads.iter().flatten() {
        b.output("d", *g);
    }
    let g = b.finish().unwrap_or_else(|e| panic!("{}: {e}", s.op.name()));
    cornu_ir::verify::verify(&g).unwrap_or_else(|e| panic!("{}: {e}", s.op.name()));
    let mut found = interpret(&g, &s.ins).into_iter();
    for (i, flows) in flows.iter().enumerate() {
        // The mask of recurrent dropout is drawn, not learnt: recurrent primitives give it no
        // gradient.
        let has_mask = match &s.op {
            Op::Lstm(cell) => cell.recurrent_mask,
            Op::Gru(cell) => cell.recurrent_mask,
            Op::SimpleRnn(cell) => cell.recurrent_mask,
            _ => false,
        };
        let is_mask = has_mask && i + 2 == s.ins.len();
        if !s.ins[i].dtype().is_float() || is_mask {
            continue;
        }
        let found =
            if *flows { found.next().unwrap().to_f64() } else { vec![0.0; s.ins[i].n_elements()] };
        for k in 0..s.ins[i].n_elements() {
            let at = |d: f64| {
                let mut ins = s.ins.clone();
                if let Buffer::F64(v) = &mut ins[i].data {
                    v[k] += d;
                }
                weighted(&s.op, &ins, &used)
            };
            let h = 1e-5;
            let want = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
            let scale = want.abs().max(1.0);
            assert!(
                (found[k] - want).abs() <= 1e-6 * scale,
                "{:?}: input {i}, element {k}: {} by rule, {want} by differences",
                s.op,
                found[k]
            );
        }
    }
}

#[test]
fn every_primitive_has_cases_and_its_shapes() {
    let samples = Op::all_samples();
    for name in Op::NAMES.iter().filter(|n| !["StopGradient"].contains(n) && !n.ends_with("Grad")) {
        assert!(samples.iter().any(|s| s.op.name() == *name), "{name} has no cases");
    }
    for s in &samples {
        let specs: Vec<Spec> = s.ins.iter().map(Tensor::spec).collect();
        let want = s.op.spec(&specs).unwrap_or_else(|e| panic!("{e}"));
        let got = run(&s.op, &s.ins);
        assert_eq!(want, got.iter().map(Tensor::spec).collect::<Vec<_>>(), "{:?}", s.op);
        assert_eq!(want.len(), s.op.n_outputs(), "{:?}", s.op);
        // Unknown dims in, unknown dims out: the symbolic stage must accept what the concrete one
        // does.
        let vague: Vec<Spec> =
            specs.iter().map(|s| Spec::new(s.dtype, vec![None; s.rank()])).collect();
        let loose = s.op.spec(&vague).unwrap_or_else(|e| panic!("unknown dims: {e}"));
        for (l, w) in loose.iter().zip(&want) {
            assert!(l.agrees(w), "{:?}: {l} against {w}", s.op);
        }
    }
}

#[test]
fn every_gradient_agrees_with_central_differences() {
    for s in Op::all_samples() {
        check_gradient(&s);
    }
}
