//! A graph: operations in an order in which every input stands before its use.

use crate::op::Op;
use crate::spec::Spec;
use std::fmt;

/// Index of a value in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

/// Index of a node in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The graph's input of this index.
    Input(usize),
    /// An output of a node.
    Node(NodeId, usize),
}

/// A value: its spec and its source.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Element type and dims.
    pub spec: Spec,
    /// What makes it.
    pub source: Source,
}

/// An operation with its inputs and outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What is done.
    pub op: Op,
    /// To what.
    pub ins: Vec<ValueId>,
    /// Making what.
    pub outs: Vec<ValueId>,
}

/// An input or output of the graph with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Name, for messages and printing.
    pub name: String,
    /// The value.
    pub value: ValueId,
}

/// Operations in topological order, with named inputs and outputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// All values.
    pub values: Vec<Value>,
    /// All nodes, inputs before uses.
    pub nodes: Vec<Node>,
    /// What is fed.
    pub inputs: Vec<Port>,
    /// What is asked for.
    pub outputs: Vec<Port>,
}

impl Graph {
    /// Spec of a value.
    pub fn spec(&self, v: ValueId) -> &Spec {
        &self.values[v.0 as usize].spec
    }

    /// The node that makes a value, if one does.
    pub fn producer(&self, v: ValueId) -> Option<&Node> {
        match self.values[v.0 as usize].source {
            Source::Node(n, _) => Some(&self.nodes[n.0 as usize]),
            Source::Input(_) => None,
        }
    }

    /// Whether every dim is a number, so that the graph can be planned.
    pub fn is_concrete(&self) -> bool {
        self.values.iter().all(|v| v.spec.numbers().is_some())
    }

    /// How many times each value is read, graph outputs included.
    pub fn use_counts(&self) -> Vec<u32> {
        let mut n = vec![0; self.values.len()];
        for v in self.nodes.iter().flat_map(|n| &n.ins).chain(self.outputs.iter().map(|p| &p.value))
        {
            n[v.0 as usize] += 1;
        }
        n
    }
}

impl fmt::Display for Graph {
    /// The stable textual form: a line an input, a line a node, a line of outputs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for p in &self.inputs {
            writeln!(f, "%{} = input {:?} : {}", p.value.0, p.name, self.spec(p.value))?;
        }
        for n in &self.nodes {
            let outs: Vec<_> = n.outs.iter().map(|v| format!("%{}", v.0)).collect();
            let ins: Vec<_> = n.ins.iter().map(|v| format!("%{}", v.0)).collect();
            let specs: Vec<_> = n.outs.iter().map(|v| self.spec(*v).to_string()).collect();
            writeln!(
                f,
                "{} = {:?}({}) : {}",
                outs.join(", "),
                n.op,
                ins.join(", "),
                specs.join(", ")
            )?;
        }
        let outs: Vec<_> =
            self.outputs.iter().map(|p| format!("{:?} %{}", p.name, p.value.0)).collect();
        writeln!(f, "return {}", outs.join(", "))
    }
}
