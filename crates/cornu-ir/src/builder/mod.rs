//! Recording a graph: a [`Builder`] holds it, a [`Var`] is a value in it on which formulas are
//! written as in a paper.
//!
//! A broken shape rule does not interrupt a formula: the builder keeps the first error, later
//! operations on it are skipped, and [`Builder::check`] or [`Builder::finish`] returns it.
//!
//! ```
//! use cornu_ir::{Builder, DType, Spec, Tensor, interpret::interpret};
//! let b = Builder::new();
//! let x = b.input("x", Spec::known(DType::F64, &[2, 3]));
//! let y = (x * 2.0 + 1.0).sum(&[-1], false);
//! b.output("y", y);
//! let g = b.finish().unwrap();
//! let out = interpret(&g, &[Tensor::new(&[2, 3], vec![0.0f64, 1.0, 2.0, 3.0, 4.0, 5.0])]);
//! assert_eq!(out[0].to_f64(), vec![9.0, 27.0]);
//! ```

mod shape;
mod pointwise;
mod reduction;
mod product;

pub use crate::var::Operand;
pub use pointwise::broadcast_dims;
pub use shape::{axis_of, concat, stack};

use crate::graph::{Graph, Node, NodeId, Op, Port, Source, Value};
use crate::ops::Constant;
use crate::spec::{DType, Dim, ShapeError, Spec};
use crate::tensor::Tensor;
use crate::var::{Recorder, ValueId, Var};
use std::any::Any;
use std::cell::{Ref, RefCell};
use std::ops::Range;

/// A graph being written.
#[derive(Default)]
pub struct Builder {
    graph: RefCell<Graph>,
    error: RefCell<Option<ShapeError>>,
}

impl Builder {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new input of the graph.
    pub fn input(&self, name: impl Into<String>, spec: Spec) -> Var<'_> {
        let mut g = self.graph.borrow_mut();
        let id = ValueId(g.values.len() as u32);
        let index = g.inputs.len();
        g.values.push(Value { spec, source: Source::Input(index) });
        g.inputs.push(Port { name: name.into(), value: id });
        Var::new(self, id)
    }

    /// Asks for a value.
    pub fn output(&self, name: impl Into<String>, v: Var<'_>) {
        self.graph.borrow_mut().outputs.push(Port { name: name.into(), value: v.id() });
    }

    /// The first broken rule so far.
    pub fn check(&self) -> Result<(), ShapeError> {
        self.error.borrow().clone().map_or(Ok(()), Err)
    }

    /// The graph, or the first broken rule.
    pub fn finish(self) -> Result<Graph, ShapeError> {
        match self.error.into_inner() {
            Some(e) => Err(e),
            None => Ok(self.graph.into_inner()),
        }
    }

    /// The graph so far.
    pub fn graph(&self) -> std::cell::Ref<'_, Graph> {
        self.graph.borrow()
    }

    /// Records a broken rule found by a composite.
    pub fn fail(&self, e: ShapeError) {
        self.error.borrow_mut().get_or_insert(e);
    }

    /// Appends an operation. After an error the outputs are placeholders that nothing will run.
    pub fn apply(&self, op: impl Into<Op>, ins: &[Var<'_>]) -> Vec<Var<'_>> {
        self.append(op.into(), ins).map(|id| Var::new(self, ValueId(id))).collect()
    }

    /// Appends an operation with one output.
    pub fn apply1(&self, op: impl Into<Op>, ins: &[Var<'_>]) -> Var<'_> {
        Var::new(self, ValueId(self.append(op.into(), ins).start))
    }

    /// Appends an operation; returns the ids of its outputs.
    fn append(&self, op: Op, ins: &[Var<'_>]) -> Range<u32> {
        let specs: Vec<Spec> = ins.iter().map(Var::spec).collect();
        let outs =
            if self.error.borrow().is_some() { Err(None) } else { op.spec(&specs).map_err(Some) };
        let outs = outs.unwrap_or_else(|e| {
            if let Some(e) = e {
                self.fail(e);
            }
            let n = op.n_outputs();
            vec![specs.first().cloned().unwrap_or(Spec::new(DType::F32, vec![])); n]
        });
        let mut g = self.graph.borrow_mut();
        let node = NodeId(g.nodes.len() as u32);
        let first = g.values.len() as u32;
        for (i, spec) in outs.into_iter().enumerate() {
            g.values.push(Value { spec, source: Source::Node(node, i) });
        }
        let made = first..g.values.len() as u32;
        let outs = made.clone().map(ValueId).collect();
        g.nodes.push(Node { op, ins: ins.iter().map(|v| v.id()).collect(), outs });
        made
    }

    /// The value of an id of this graph.
    pub fn var(&self, id: ValueId) -> Var<'_> {
        assert!((id.0 as usize) < self.graph.borrow().values.len(), "value of another graph");
        Var::new(self, id)
    }

    /// A constant tensor.
    pub fn constant(&self, t: Tensor) -> Var<'_> {
        self.apply1(Constant { value: t }, &[])
    }

    /// A constant of rank 0.
    pub fn scalar(&self, dtype: DType, x: f64) -> Var<'_> {
        self.constant(Tensor::scalar_of(dtype, x))
    }

    /// A tensor of one repeated number.
    pub fn full(&self, dtype: DType, dims: &[Dim], x: f64) -> Var<'_> {
        self.scalar(dtype, x).broadcast_to(dims)
    }

    /// Copies another graph's nodes into this one, its inputs bound to `ins`; returns its outputs.
    pub fn inline<'g>(&'g self, graph: &Graph, ins: &[Var<'g>]) -> Vec<Var<'g>> {
        let mut map: Vec<Option<Var<'g>>> = vec![None; graph.values.len()];
        for (p, v) in graph.inputs.iter().zip(ins) {
            map[p.value.0 as usize] = Some(*v);
        }
        let get = |map: &[Option<Var<'g>>], v: &ValueId| {
            map[v.0 as usize].expect("inputs stand before uses")
        };
        for n in &graph.nodes {
            let ins: Vec<Var<'g>> = n.ins.iter().map(|v| get(&map, v)).collect();
            for (old, new) in n.outs.iter().zip(self.apply(n.op.clone(), &ins)) {
                map[old.0 as usize] = Some(new);
            }
        }
        graph.outputs.iter().map(|p| get(&map, &p.value)).collect()
    }
}

impl Recorder for Builder {
    fn spec(&self, v: ValueId) -> Ref<'_, Spec> {
        Ref::map(self.graph.borrow(), |g| g.spec(v))
    }
}

impl<'g> Var<'g> {
    /// The builder that records its graph.
    pub fn builder(self) -> &'g Builder {
        let recorder: &'g dyn Any = self.recorder();
        recorder.downcast_ref().expect("a builder makes every value")
    }
}
