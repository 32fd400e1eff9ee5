//! The gradient: a pass that writes the derivatives of values into the graph that holds them.

use crate::op::At;
use crate::var::Var;

/// Gradients of `Σ seed·output` for each of `wrt`: `None` where an output does not depend on it.
///
/// Backward is ordinary graph: printed, verified, fused and run like forward.
///
/// ```
/// use cornu_ir::{Builder, DType, Spec, Tensor, grad::gradient, interpret::interpret};
/// let b = Builder::new();
/// let x = b.input("x", Spec::known(DType::F64, &[2]));
/// let y = (x * x).sum_all();
/// let dx = gradient(&[(y, y.ones_like())], &[x])[0].unwrap();
/// b.output("dx", dx);
/// let g = b.finish().unwrap();
/// let at = Tensor::new(&[2], vec![3.0f64, -1.0]);
/// assert_eq!(interpret(&g, &[at])[0].to_f64(), vec![6.0, -2.0]);
/// ```
pub fn gradient<'g>(seeds: &[(Var<'g>, Var<'g>)], wrt: &[Var<'g>]) -> Vec<Option<Var<'g>>> {
    let Some((first, _)) = seeds.first() else { return vec![None; wrt.len()] };
    let b = first.builder();
    if b.check().is_err() {
        return vec![None; wrt.len()];
    }
    // Which values lie between `wrt` and the outputs: only their gradients are written.
    let (needed, n_nodes) = {
        let g = b.graph();
        let mut needed = vec![false; g.values.len()];
        wrt.iter().for_each(|v| needed[v.id().0 as usize] = true);
        for n in &g.nodes {
            if n.ins.iter().any(|v| needed[v.0 as usize]) {
                n.outs.iter().for_each(|v| needed[v.0 as usize] |= g.spec(*v).dtype.is_float());
            }
        }
        (needed, g.nodes.len())
    };
    let mut grads: Vec<Option<Var<'g>>> = vec![None; needed.len()];
    let add = |grads: &mut [Option<Var<'g>>], v: Var<'g>, d: Var<'g>| {
        let sum = &mut grads[v.id().0 as usize];
        *sum = Some(sum.map_or(d, |sum| sum + d));
    };
    for (v, seed) in seeds {
        if needed[v.id().0 as usize] {
            add(&mut grads, *v, *seed);
        }
    }
    for n in (0..n_nodes).rev() {
        let node = {
            let node = &b.graph().nodes[n];
            let is_reached = node.outs.iter().any(|v| grads[v.0 as usize].is_some());
            if !is_reached || !node.ins.iter().any(|v| needed[v.0 as usize]) {
                continue;
            }
            node.clone()
        };
        let reached: Vec<Option<Var<'g>>> = node.outs.iter().map(|v| grads[v.0 as usize]).collect();
        let ins: Vec<Var<'g>> = node.ins.iter().map(|v| b.var(*v)).collect();
        let outs: Vec<Var<'g>> = node.outs.iter().map(|v| b.var(*v)).collect();
        let d_ins = node.op.vjp(&At { ins: &ins, outs: &outs, grads: &reached });
        debug_assert_eq!(d_ins.len(), ins.len(), "{} gives one gradient an input", node.op.name());
        for (v, d) in ins.iter().zip(d_ins) {
            if let Some(d) = d.filter(|_| needed[v.id().0 as usize]) {
                add(&mut grads, *v, d);
            }
        }
    }
    wrt.iter().map(|v| grads[v.id().0 as usize]).collect()
}
