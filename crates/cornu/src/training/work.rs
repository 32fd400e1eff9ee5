//! How much work a graph is: operations of floating point, bytes read a timestep.

use cornu_cpu::ProgramSpec;
use cornu_ir::{Graph, Op, ValueId};

/// Operations of floating point of a concrete graph, roughly: products exactly, everything else one
/// an element.
pub(super) fn flops(g: &Graph) -> f64 {
    g.nodes.iter().map(|node| flops_of(g, node)).sum()
}

fn flops_of(g: &Graph, node: &cornu_ir::graph::Node) -> f64 {
    let n = |v: &ValueId| g.spec(*v).n_elements().unwrap_or(0) as f64;
    let product_of_weights = |node: &cornu_ir::graph::Node, first: usize| {
        let rows = g.spec(node.ins[0]).dims[0].unwrap_or(0) as f64;
        2.0 * rows
            * node.ins[first..]
                .iter()
                .filter(|v| {
                    g.spec(**v).rank() == 2 && g.spec(**v).dims[0] != g.spec(node.ins[0]).dims[0]
                })
                .map(n)
                .sum::<f64>()
    };
    match &node.op {
        Op::MatMul(m) => {
            let s = g.spec(node.ins[0]);
            let k = if m.transpose_a { s.dims[s.rank() - 2] } else { s.dims[s.rank() - 1] };
            2.0 * n(&node.outs[0]) * k.unwrap_or(0) as f64
        }
        Op::Scan(s) => s.steps.unwrap_or(0) as f64 * flops(&s.body),
        op if ["Lstm", "Gru", "SimpleRnn"].contains(&op.name()) => product_of_weights(node, 1),
        op if op.name().ends_with("Grad") => 2.0 * product_of_weights(node, 1),
        Op::Constant(_) | Op::Reshape(_) => 0.0,
        _ => node.outs.iter().map(n).sum(),
    }
}

/// Bytes of the largest recurrent weights: what a timestep reads.
pub(super) fn step_bytes(g: &Graph) -> usize {
    let recurrent = g.nodes.iter().filter(|n| ["Lstm", "Gru", "SimpleRnn"].contains(&n.op.name()));
    recurrent
        .map(|n| g.spec(n.ins[2]))
        .map(|s| s.n_elements().unwrap_or(0) * s.dtype.size_bytes())
        .max()
        .unwrap_or(0)
}

/// Operations of floating point of the matrix products of a step, by the operation that takes them.
pub(super) fn product_flops(spec: &ProgramSpec) -> Vec<(&'static str, f64)> {
    let mut all: Vec<(&'static str, f64)> = Vec::new();
    for shard in &spec.shards {
        let g = &spec.shard_graphs[shard.part].graph;
        let uses = g.use_counts();
        for node in &g.nodes {
            let flops = node_product_flops(g, node, &uses);
            match all.iter_mut().find(|(name, _)| *name == node.op.name()) {
                Some(row) => row.1 += flops,
                None => all.push((node.op.name(), flops)),
            }
        }
    }
    all
}

fn node_product_flops(g: &Graph, node: &cornu_ir::graph::Node, uses: &[u32]) -> f64 {
    let n = |v: ValueId| g.spec(v).n_elements().unwrap_or(0) as f64;
    let rows = || g.spec(node.ins[0]).dims[0].unwrap_or(0) as f64;
    match &node.op {
        Op::MatMul(_) => flops_of(g, node),
        Op::Scan(s) => {
            let uses = s.body.use_counts();
            s.steps.unwrap_or(0) as f64
                * s.body
                    .nodes
                    .iter()
                    .map(|node| node_product_flops(&s.body, node, &uses))
                    .sum::<f64>()
        }
        Op::Lstm(_) | Op::Gru(_) | Op::SimpleRnn(_) => {
            2.0 * rows() * (n(node.ins[1]) + n(node.ins[2]))
        }
        // The gradient of the inputs is taken only where something reads it.
        Op::LstmGrad(_) | Op::GruGrad(_) | Op::SimpleRnnGrad(_) => {
            let inputs = if uses[node.outs[0].0 as usize] > 0 { 2.0 } else { 1.0 };
            2.0 * rows() * (inputs * n(node.ins[1]) + 2.0 * n(node.ins[2]))
        }
        _ => 0.0,
    }
}
