//! Common subexpressions: a node like an earlier one is that one.

use super::rewrite::Rewriter;
use crate::graph::{Graph, Op};
use crate::var::ValueId;
use std::collections::HashMap;
use std::mem::discriminant;

/// Replaces a node by an earlier one with the same operation on the same values. Nodes that couple
/// shards stay apart: each is a meeting point.
pub fn cse(graph: &Graph) -> Graph {
    let mut r = Rewriter::new(graph);
    let mut seen: HashMap<(std::mem::Discriminant<Op>, Vec<ValueId>), Vec<usize>> = HashMap::new();
    for n in &graph.nodes {
        let ins: Vec<ValueId> = n.ins.iter().map(|v| r.get(*v)).collect();
        let key = (discriminant(&n.op), ins);
        let same =
            seen.get(&key).and_then(|at| at.iter().copied().find(|&i| r.graph.nodes[i].op == n.op));
        match same {
            Some(i) if !matches!(n.op, Op::CrossSum(_)) => {
                let outs = r.graph.nodes[i].outs.clone();
                n.outs.iter().zip(outs).for_each(|(o, new)| r.bind(*o, new));
            }
            _ => {
                seen.entry(key).or_default().push(r.graph.nodes.len());
                r.copy(graph, n);
            }
        }
    }
    r.finish(graph)
}
