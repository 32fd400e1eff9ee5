//! Copying a graph node by node while some nodes are replaced.

use crate::graph::{Graph, Node, NodeId, Op, Port, Source, Value};
use crate::spec::Spec;
use crate::var::ValueId;

/// A graph being copied: `map` tells where each old value went.
pub struct Rewriter {
    /// The new graph.
    pub graph: Graph,
    map: Vec<Option<ValueId>>,
}

impl Rewriter {
    /// A copy that holds the inputs of `old` so far.
    pub fn new(old: &Graph) -> Self {
        let mut r = Rewriter { graph: Graph::default(), map: vec![None; old.values.len()] };
        for (i, p) in old.inputs.iter().enumerate() {
            let id = r.value(old.spec(p.value).clone(), Source::Input(i));
            r.graph.inputs.push(Port { name: p.name.clone(), value: id });
            r.bind(p.value, id);
        }
        r
    }

    fn value(&mut self, spec: Spec, source: Source) -> ValueId {
        self.graph.values.push(Value { spec, source });
        ValueId(self.graph.values.len() as u32 - 1)
    }

    /// The new value of an old one.
    pub fn get(&self, old: ValueId) -> ValueId {
        self.map[old.0 as usize].expect("inputs stand before uses")
    }

    /// Says where an old value went.
    pub fn bind(&mut self, old: ValueId, new: ValueId) {
        self.map[old.0 as usize] = Some(new);
    }

    /// Appends a node of new values.
    pub fn push(
        &mut self,
        op: Op,
        ins: Vec<ValueId>,
        specs: impl IntoIterator<Item = Spec>,
    ) -> Vec<ValueId> {
        let node = NodeId(self.graph.nodes.len() as u32);
        let outs: Vec<ValueId> = specs
            .into_iter()
            .enumerate()
            .map(|(i, s)| self.value(s, Source::Node(node, i)))
            .collect();
        self.graph.nodes.push(Node { op, ins, outs: outs.clone() });
        outs
    }

    /// Copies an old node as it is.
    pub fn copy(&mut self, old: &Graph, node: &Node) {
        let ins = node.ins.iter().map(|v| self.get(*v)).collect();
        let outs = self.push(node.op.clone(), ins, node.outs.iter().map(|v| old.spec(*v).clone()));
        node.outs.iter().zip(outs).for_each(|(o, n)| self.bind(*o, n));
    }

    /// The new graph, with the outputs of the old.
    pub fn finish(mut self, old: &Graph) -> Graph {
        self.graph.outputs = old
            .outputs
            .iter()
            .map(|p| Port { name: p.name.clone(), value: self.get(p.value) })
            .collect();
        self.graph
    }
}
