//! Local rules: what undoes itself, moves nothing or does nothing is left out.

use super::rewrite::Rewriter;
use crate::graph::{Graph, Node, Op};
use crate::ops::{BinaryFn, Reshape, Transpose};
use crate::spec::{DType, Spec};
use crate::tensor::Tensor;
use crate::var::ValueId;

/// Applies the local rules once, front to back.
pub fn simplify(graph: &Graph) -> Graph {
    let mut r = Rewriter::new(graph);
    let uses = graph.use_counts();
    for n in &graph.nodes {
        if let Some(turned) = turned_index(&r, n, &uses) {
            let Turned { perm, op, values, index } = turned;
            let dims: Vec<_> = perm.iter().map(|&p| r.graph.spec(index).dims[p]).collect();
            let index =
                r.push(Transpose { perm }.into(), vec![index], [Spec::new(DType::I32, dims)])[0];
            let outs = r.push(op, vec![values, index], [graph.spec(n.outs[0]).clone()]);
            r.bind(n.outs[0], outs[0]);
            continue;
        }
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

/// A gather or scatter whose index is turned, so that its rows need not be.
struct Turned {
    perm: Vec<usize>,
    op: Op,
    values: ValueId,
    index: ValueId,
}

/// Whether a node turns rows that a gather made for it alone, or scatters rows that were turned for
/// it alone, each row staying whole.
fn turned_index(r: &Rewriter, n: &Node, uses: &[u32]) -> Option<Turned> {
    let g = &r.graph;
    let first = r.get(*n.ins.first()?);
    let inner = g.producer(first).filter(|_| uses[n.ins[0].0 as usize] == 1)?;
    let stays = |perm: &[usize], rank: usize| (rank..perm.len()).all(|i| perm[i] == i);
    match (&n.op, &inner.op) {
        (Op::Transpose(t), Op::Gather(_)) => {
            let rank = g.spec(inner.ins[1]).rank();
            stays(&t.perm, rank).then(|| Turned {
                perm: t.perm[..rank].to_vec(),
                op: inner.op.clone(),
                values: inner.ins[0],
                index: inner.ins[1],
            })
        }
        (Op::ScatterAdd(_), Op::Transpose(t)) => {
            let index = r.get(n.ins[1]);
            let rank = g.spec(index).rank();
            stays(&t.perm, rank).then(|| {
                let mut perm = vec![0; rank];
                (0..rank).for_each(|i| perm[t.perm[i]] = i);
                Turned { perm, op: n.op.clone(), values: inner.ins[0], index }
            })
        }
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpret::interpret;
    use crate::op::sample_numbers;
    use crate::{Builder, Tensor, grad::gradient};

    #[test]
    fn an_index_is_turned_and_not_the_rows() {
        let b = Builder::new();
        let rows = b.input("rows", Spec::new(DType::F64, vec![Some(5), Some(4)]));
        let index = b.input("index", Spec::new(DType::I32, vec![Some(2), Some(3)]));
        let y = rows.gather(index).transpose(&[1, 0, 2]);
        b.output("y", y);
        b.output("d", gradient(&[(y, y * y)], &[rows])[0].unwrap());
        let graph = b.finish().unwrap();
        let ins = [sample_numbers(&[5, 4], 3), Tensor::new(&[2, 3], vec![4i32, 0, -1, 4, 2, 9])];
        let simple = crate::passes::dce(&simplify(&graph));
        crate::verify::verify(&simple).unwrap();
        let is_turned =
            |n: &Node| matches!(n.op, Op::Transpose(_)).then(|| simple.spec(n.outs[0]).dtype);
        assert!(
            simple.nodes.iter().filter_map(is_turned).all(|dtype| dtype == DType::I32),
            "{simple}"
        );
        for (was, is) in interpret(&graph, &ins).iter().zip(interpret(&simple, &ins)) {
            assert_eq!(was.dims, is.dims);
            was.to_f64()
                .iter()
                .zip(is.to_f64())
                .for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{a} {b}"));
        }
    }
}
