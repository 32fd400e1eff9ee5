//! The verifier: what must hold of every graph, checked after each pass in debug builds and tests.

use crate::graph::{Graph, Source};

/// The first rule that a graph breaks.
pub fn verify(graph: &Graph) -> Result<(), String> {
    let mut made = vec![false; graph.values.len()];
    for (i, p) in graph.inputs.iter().enumerate() {
        let value = graph
            .values
            .get(p.value.0 as usize)
            .ok_or_else(|| format!("input `{}` names no value", p.name))?;
        if value.source != Source::Input(i) {
            return Err(format!("input `{}` is not its value's source", p.name));
        }
        made[p.value.0 as usize] = true;
    }
    for (i, n) in graph.nodes.iter().enumerate() {
        let name = n.op.name();
        if let Some(v) = n.ins.iter().find(|v| !made.get(v.0 as usize).copied().unwrap_or(false)) {
            return Err(format!("node {i} ({name}) reads %{} before it is made", v.0));
        }
        let ins: Vec<_> = n.ins.iter().map(|v| graph.spec(*v).clone()).collect();
        let outs = n.op.spec(&ins).map_err(|e| format!("node {i}: {e}"))?;
        if outs.len() != n.outs.len() {
            return Err(format!(
                "node {i} ({name}) has {} outputs, expected {}",
                n.outs.len(),
                outs.len()
            ));
        }
        for (k, (v, spec)) in n.outs.iter().zip(&outs).enumerate() {
            let value = &graph.values[v.0 as usize];
            if !spec.agrees(&value.spec) {
                return Err(format!(
                    "node {i} ({name}) makes {spec}, its value says {}",
                    value.spec
                ));
            }
            if value.source != Source::Node(crate::NodeId(i as u32), k) || made[v.0 as usize] {
                return Err(format!("%{} is not made once by node {i} ({name})", v.0));
            }
            made[v.0 as usize] = true;
        }
    }
    match graph.outputs.iter().find(|p| !made.get(p.value.0 as usize).copied().unwrap_or(false)) {
        Some(p) => Err(format!("output `{}` is not made", p.name)),
        None => Ok(()),
    }
}
