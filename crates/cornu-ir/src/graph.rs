//! A graph: operations in an order in which every input stands before its use; and the closed list
//! of the operations.

use crate::op::{At, Primitive, Sample};
use crate::ops::*;
use crate::spec::{Dim, ShapeError, Spec};
use crate::tensor::{View, ViewMut};
use crate::var::{ValueId, Var};
use std::fmt;
use std::sync::Arc;

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

/// A graph repeated over time, as an operation: its body runs once a timestep.
///
/// Inputs of the scan and of its body, in order: `n_constants` values that stay, `n_carries` that
/// go from step to step, and sequences, of which the body gets the row of its step (axis 0 of the
/// scan's input is time). Outputs, in order: the carries after the last step, then sequences of
/// what the body gives beyond its carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// What a step does.
    pub body: Arc<Graph>,
    /// Values that stay.
    pub n_constants: usize,
    /// Values that go from step to step.
    pub n_carries: usize,
    /// Timesteps.
    pub steps: Dim,
    /// From the last step to the first; sequences keep their order.
    pub reverse: bool,
}

macro_rules! primitives {
    ($($Name:ident)*) => {
        /// Every primitive operation.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)]
        pub enum Op { $($Name($Name)),* }

        $(impl From<$Name> for Op {
            fn from(op: $Name) -> Op { Op::$Name(op) }
        })*

        impl Op {
            /// The operation's name, as printed.
            pub fn name(&self) -> &'static str {
                match self { $(Op::$Name(_) => stringify!($Name)),* }
            }
            /// See [`Primitive::spec`].
            pub fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
                match self { $(Op::$Name(op) => op.spec(ins)),* }
            }
            /// See [`Primitive::vjp`].
            pub fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
                match self { $(Op::$Name(op) => op.vjp(at)),* }
            }
            /// See [`Primitive::n_outputs`].
            pub fn n_outputs(&self) -> usize {
                match self { $(Op::$Name(op) => op.n_outputs()),* }
            }
            /// See [`Primitive::flops`].
            pub fn flops(&self, ins: &[&Spec], outs: &[&Spec]) -> f64 {
                match self { $(Op::$Name(op) => op.flops(ins, outs)),* }
            }
            /// See [`Primitive::product_flops`].
            pub fn product_flops(&self, ins: &[&Spec], outs: &[&Spec], read: &[bool]) -> f64 {
                match self { $(Op::$Name(op) => op.product_flops(ins, outs, read)),* }
            }
            /// See [`Primitive::step_bytes`].
            pub fn step_bytes(&self, ins: &[&Spec]) -> usize {
                match self { $(Op::$Name(op) => op.step_bytes(ins)),* }
            }
            /// See [`Primitive::eval`].
            pub fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
                match self { $(Op::$Name(op) => op.eval(ins, outs)),* }
            }
            /// The cases of all primitives.
            pub fn all_samples() -> Vec<Sample<Op>> {
                let mut all = Vec::new();
                $(for s in $Name::samples() {
                    all.push(Sample::new(s.op.into(), s.ins));
                })*
                all
            }
            /// The names of all primitives.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($Name)),*];
        }
    };
}

// In the order a newcomer should read them: values, pointwise, shapes, sums, products, indices,
// time, batch, chains.
primitives! {
    Constant Iota Random
    Unary Binary Compare Select Cast Bits Bitcast
    StopGradient Reshape Broadcast Transpose Slice Reverse Pad Concat
    Reduce ArgReduce Cumulative Sort
    MatMul LinearSolve Determinant Cholesky Eigen
    Gather ScatterAdd ScatterReduce Windows FoldWindows
    MaskLayout Lstm LstmGrad Gru GruGrad SimpleRnn SimpleRnnGrad Scan
    CrossSum
    Fused
}
