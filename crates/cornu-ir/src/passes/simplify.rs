//! Local rules: what undoes itself, moves nothing or does nothing is left out.

use crate::graph::{Graph, Node, ValueId};
use crate::op::Op;
use crate::ops::{BinaryFn, Reshape, Transpose};
use crate::passes::Rewriter;
use crate::tensor::Tensor;

/// Applies the local rules once, front to back.
pub fn simplify(graph: &Graph) -> Graph {
    let mut r = Rewriter::new(graph);
    for n in &graph.nodes {
        match rule(&r, n, graph) {
            Some(Rule::Is(v)) => r.bind(n.outs[0], v),
            Some(Rule::Becomes(op, ins)) => {
                let outs = r.push(op, ins, [graph.spec(n.outs[0]).clone()]);
                r.bind(n.outs[0], outs[0]);
            }
            None => r.copy(graph, n),
        }
    }
    r.finish(graph)
}

enum Rule {
    /// The node's output is this value.
    Is(ValueId),
    /// The node is this one instead.
    Becomes(Op, Vec<ValueId>),
}

/// Whether a value is one number everywhere, and which.
fn splat(g: &Graph, v: ValueId) -> Option<f64> {
    match &g.producer(v)?.op {
        Op::Constant(c) if c.value.n_elements() == 1 => Some(first(&c.value)),
        Op::Broadcast(_) | Op::Reshape(_) => splat(g, g.producer(v)?.ins[0]),
        _ => None,
    }
}

fn first(t: &Tensor) -> f64 {
    t.to_f64()[0]
}

fn rule(r: &Rewriter, n: &Node, old: &Graph) -> Option<Rule> {
    let g = &r.graph;
    let ins: Vec<ValueId> = n.ins.iter().map(|v| r.get(*v)).collect();
    let made = |v: ValueId| g.producer(v);
    match &n.op {
        Op::Transpose(t) => {
            if t.perm.iter().enumerate().all(|(i, &p)| i == p) {
                return Some(Rule::Is(ins[0]));
            }
            let inner = made(ins[0])?;
            let Op::Transpose(before) = &inner.op else { return None };
            let perm: Vec<usize> = t.perm.iter().map(|&p| before.perm[p]).collect();
            let source = inner.ins[0];
            if perm.iter().enumerate().all(|(i, &p)| i == p) {
                return Some(Rule::Is(source));
            }
            Some(Rule::Becomes(Transpose { perm }.into(), vec![source]))
        }
        Op::Reshape(s) => {
            let inner = made(ins[0]).filter(|n| matches!(n.op, Op::Reshape(_)));
            let source = inner.map_or(ins[0], |n| n.ins[0]);
            if g.spec(source).dims == s.dims {
                return Some(Rule::Is(source));
            }
            inner.map(|_| Rule::Becomes(Reshape { dims: s.dims.clone() }.into(), vec![source]))
        }
        Op::Broadcast(b) if g.spec(ins[0]).dims == b.dims => Some(Rule::Is(ins[0])),
        Op::Binary(b) => {
            let (x, y) = (splat(g, ins[0]), splat(g, ins[1]));
            let is_float = old.spec(n.outs[0]).dtype.is_float();
            match b.f {
                BinaryFn::Mul if is_float && y == Some(1.0) => Some(Rule::Is(ins[0])),
                BinaryFn::Mul if is_float && x == Some(1.0) => Some(Rule::Is(ins[1])),
                BinaryFn::Div if is_float && y == Some(1.0) => Some(Rule::Is(ins[0])),
                BinaryFn::Add if is_float && y == Some(0.0) => Some(Rule::Is(ins[0])),
                BinaryFn::Add if is_float && x == Some(0.0) => Some(Rule::Is(ins[1])),
                BinaryFn::Sub if is_float && y == Some(0.0) => Some(Rule::Is(ins[0])),
                _ => None,
            }
        }
        Op::Reduce(x) if x.axes.is_empty() => Some(Rule::Is(ins[0])),
        _ => None,
    }
}
