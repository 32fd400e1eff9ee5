//! How much work a graph is: operations of floating point, bytes read a timestep.

use cornu_cpu::ProgramSpec;
use cornu_ir::Graph;

/// Operations of floating point of a concrete graph, roughly: products exactly, everything else one
/// an element.
pub(super) fn flops(g: &Graph) -> f64 {
    g.flops()
}

/// Bytes of the largest recurrent weights: what a timestep reads.
pub(super) fn step_bytes(g: &Graph) -> usize {
    g.step_bytes()
}

/// Operations of floating point of the matrix products of a step, by the operation that takes them.
pub(super) fn product_flops(spec: &ProgramSpec) -> Vec<(&'static str, f64)> {
    let mut all: Vec<(&'static str, f64)> = Vec::new();
    for shard in &spec.shards {
        for (name, flops) in spec.shard_graphs[shard.part].graph.product_flops() {
            match all.iter_mut().find(|(have, _)| *have == name) {
                Some(row) => row.1 += flops,
                None => all.push((name, flops)),
            }
        }
    }
    all
}
