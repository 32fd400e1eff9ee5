//! Dead code: nodes that no output needs are left out.

use super::rewrite::Rewriter;
use crate::graph::Graph;

/// Leaves out what no output needs; inputs stay.
pub fn dce(graph: &Graph) -> Graph {
    let mut live = vec![false; graph.values.len()];
    graph.outputs.iter().for_each(|p| live[p.value.0 as usize] = true);
    let mut keep = vec![false; graph.nodes.len()];
    for (i, n) in graph.nodes.iter().enumerate().rev() {
        keep[i] = n.outs.iter().any(|v| live[v.0 as usize]);
        if keep[i] {
            n.ins.iter().for_each(|v| live[v.0 as usize] = true);
        }
    }
    let mut r = Rewriter::new(graph);
    graph.nodes.iter().zip(keep).filter(|(_, k)| *k).for_each(|(n, _)| r.copy(graph, n));
    r.finish(graph)
}
