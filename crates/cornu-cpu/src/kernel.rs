//! `Kernel`: the way in which a step of a plan is run.
//!
//! A kernel is chosen for a node when its graph is laid out, states the memory that a call takes,
//! and is then called with addresses.

use crate::body::Body;
use crate::call::{Call, Shape};
use cornu_ir::graph::{Graph, Node};
use cornu_ir::plan::Plan;
use cornu_ir::{DType, Op};
use std::fmt::Debug;

/// A node of a concrete graph that needs a kernel.
pub(crate) struct Request<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) node: &'a Node,
    /// Lays out a graph that a kernel runs inside its step.
    pub(crate) lay_out: fn(Graph) -> Box<dyn Body>,
}

impl<'a> Request<'a> {
    pub(crate) fn op(&self) -> &'a Op {
        &self.node.op
    }

    /// True if the first input is f32.
    pub(crate) fn is_f32(&self) -> bool {
        self.node.ins.first().is_some_and(|v| self.graph.spec(*v).dtype == DType::F32)
    }

    pub(crate) fn in_shape(&self, i: usize) -> Shape {
        Shape::of(self.graph.spec(self.node.ins[i]))
    }

    pub(crate) fn out_shape(&self, i: usize) -> Shape {
        Shape::of(self.graph.spec(self.node.outs[i]))
    }
}

/// The way in which a step is run. What exists stands in the list of
/// [`kernel_list`](crate::kernel_list).
pub(crate) trait Kernel: Debug + Send + Sync {
    /// The kernel for a node, or `None` if this kind does not run it.
    fn choose(request: &Request<'_>) -> Option<Self>
    where
        Self: Sized;

    /// Bytes of scratch memory that a call takes.
    fn scratch_bytes(&self) -> usize {
        0
    }

    /// The weights that the kernel packs, to be kept from run to run.
    fn packed(&self) -> Option<Packed> {
        None
    }

    /// Learns what the plan decided about the kernel's node: which outputs are wanted, and which
    /// are written over which inputs.
    fn place(&mut self, _: &Plan, _: &Node) {}

    /// The graph that the kernel runs inside its step.
    fn body(&self) -> Option<&dyn Body> {
        None
    }

    /// Runs the step.
    ///
    /// # Safety
    /// - `call` is of the node that the kernel was chosen for, on a graph of the same shapes.
    /// - The address of each input holds initialized elements of its shape, and nothing writes
    ///   them meanwhile but the kernel itself.
    /// - The address of each output is null or writable for the elements of its shape; nothing else
    ///   reads or writes them meanwhile. Outputs lie apart from each other and from all inputs but
    ///   those that [`Kernel::place`] was told of.
    /// - `scratch` is writable for [`Kernel::scratch_bytes`], and `kept` for the bytes of
    ///   [`Kernel::packed`], for the call alone.
    /// - `body` is a run that [`Kernel::body`] began, moved to the start of `scratch`.
    unsafe fn run(&self, call: &mut Call<'_>);
}

/// Weights that a kernel packs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed {
    /// The inputs that hold the weights.
    pub(crate) ins: [usize; 2],
    /// Bytes of the packed weights.
    pub(crate) bytes: usize,
}
