//! How much work the matrix products of a program are.

use cornu_cpu::ProgramSpec;

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
