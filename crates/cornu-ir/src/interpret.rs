//! The oracle: a graph run node by node with the plain loops that define each operation.

use crate::graph::Graph;
use crate::tensor::{Tensor, View, ViewMut};

/// The outputs of a graph for given inputs. The graph must be concrete and the inputs of its specs:
/// both are checked with a panic, for this is a tool of tests and of operations that have no
/// kernel.
pub fn interpret(graph: &Graph, inputs: &[Tensor]) -> Vec<Tensor> {
    assert_eq!(graph.inputs.len(), inputs.len(), "inputs of the graph");
    let mut values: Vec<Option<Tensor>> = vec![None; graph.values.len()];
    for (p, t) in graph.inputs.iter().zip(inputs) {
        assert!(
            graph.spec(p.value).agrees(&t.spec()),
            "input `{}`: expected {}, got {}",
            p.name,
            graph.spec(p.value),
            t.spec()
        );
        values[p.value.0 as usize] = Some(t.clone());
    }
    for n in &graph.nodes {
        let mut outs: Vec<Tensor> = n
            .outs
            .iter()
            .map(|v| {
                let s = graph.spec(*v);
                Tensor::zeros(s.dtype, &s.numbers().expect("a concrete graph"))
            })
            .collect();
        let ins: Vec<View<'_>> = n
            .ins
            .iter()
            .map(|v| values[v.0 as usize].as_ref().expect("inputs stand before uses").view())
            .collect();
        let mut views: Vec<Option<ViewMut<'_>>> =
            outs.iter_mut().map(|t| Some(t.view_mut())).collect();
        n.op.eval(&ins, &mut views);
        drop(views);
        for (v, t) in n.outs.iter().zip(outs) {
            values[v.0 as usize] = Some(t);
        }
    }
    graph
        .outputs
        .iter()
        .map(|p| values[p.value.0 as usize].clone().expect("outputs are made"))
        .collect()
}
