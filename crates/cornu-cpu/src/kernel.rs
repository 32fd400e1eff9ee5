//! The kernel of a step: chosen once when a graph is laid out, then called with addresses.

use crate::dense::fused::FusedKernel;
use crate::dense::mask_layout;
use crate::dense::matmul::MatMulKernel;
use crate::dense::reduce::ReduceKernel;
use crate::dense::strided::Strided;
use crate::memory::{view_at, view_mut_at};
use crate::recurrent;
use crate::scan::ScanKernel;
use crate::threads::Threads;
use cornu_ir::graph::{Graph, Node};
use cornu_ir::plan::{Place, Plan};
use cornu_ir::tensor::Slice;
use cornu_ir::{DType, Op, Spec, ValueId, View, ViewMut};

/// Type and dims of a value, all numbers.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) dtype: DType,
    pub(crate) dims: Vec<usize>,
    pub(crate) n: usize,
}

impl Shape {
    pub(crate) fn of(spec: &Spec) -> Shape {
        let dims = spec.numbers().expect("a concrete graph");
        Shape { dtype: spec.dtype, n: dims.iter().product(), dims }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.n * self.dtype.size_bytes()
    }
}

/// What a kernel is called with: the values it reads and makes, by their numbers in the graph.
pub(crate) struct Call<'a> {
    pub(crate) op: &'a Op,
    pub(crate) shapes: &'a [Shape],
    /// Address of each value; null where a value lies nowhere.
    pub(crate) addresses: &'a [*mut u8],
    pub(crate) ins: &'a [u32],
    pub(crate) outs: &'a [u32],
    /// As many bytes as [`Kernel::scratch_bytes`] said, on a cache line.
    pub(crate) scratch: *mut u8,
    /// What the step packs of its weights, on a cache line; null if it packs none.
    pub(crate) kept: *mut u8,
    /// Whether a run before packed the same weights there.
    pub(crate) is_kept: bool,
    /// Where the step may use threads of its own.
    pub(crate) threads: Option<&'a Threads>,
}

impl<'a> Call<'a> {
    pub(crate) fn in_shape(&self, i: usize) -> &'a Shape {
        &self.shapes[self.ins[i] as usize]
    }

    pub(crate) fn out_shape(&self, i: usize) -> &'a Shape {
        &self.shapes[self.outs[i] as usize]
    }

    pub(crate) fn in_address(&self, i: usize) -> *const u8 {
        self.addresses[self.ins[i] as usize]
    }

    /// Null when nothing reads the output.
    pub(crate) fn out_address(&self, i: usize) -> *mut u8 {
        self.addresses[self.outs[i] as usize]
    }

    /// # Safety
    /// The call's addresses hold values of their shapes, and no output that is written lies over an
    /// input.
    pub(crate) unsafe fn view(&self, i: usize) -> View<'a> {
        let s = self.in_shape(i);
        // SAFETY: the caller's promise.
        unsafe { view_at(s.dtype, &s.dims, s.n, self.in_address(i)) }
    }

    /// # Safety
    /// As [`Call::view`]; each output is taken once.
    pub(crate) unsafe fn view_mut(&self, i: usize) -> Option<ViewMut<'a>> {
        let (s, at) = (self.out_shape(i), self.out_address(i));
        // SAFETY: the caller's promise.
        (!at.is_null()).then(|| unsafe { view_mut_at(s.dtype, &s.dims, s.n, at) })
    }
}

/// How a step is run.
#[derive(Debug)]
pub(crate) enum Kernel {
    /// By the loops that define the operation.
    Eval,
    /// The elements as they are.
    Copy,
    /// Elements moved without a look at them.
    Strided(Strided),
    /// A chain of pointwise operations.
    Fused(Box<FusedKernel>),
    /// A reduction of f32.
    Reduce(ReduceKernel),
    /// A matrix product of f32.
    MatMul(MatMulKernel),
    /// The packed layout of a mask, with the elements of its scratch.
    MaskLayout(usize),
    /// A recurrent operation of f32, with the elements of its scratch.
    Recurrent(usize),
    /// By the plan of its body, a timestep at a time.
    Scan(Box<ScanKernel>),
}

impl Kernel {
    /// The kernel of a node of a concrete graph.
    pub(crate) fn of(graph: &Graph, node: &Node) -> Kernel {
        let shape = |v: &ValueId| Shape::of(graph.spec(*v));
        let ins: Vec<Shape> = node.ins.iter().map(shape).collect();
        let is_f32 = ins.first().is_some_and(|s| s.dtype == DType::F32);
        match &node.op {
            Op::Scan(scan) => Kernel::Scan(Box::new(ScanKernel::new(scan))),
            Op::CrossSum(_) => Kernel::Copy,
            Op::MatMul(op) if is_f32 => Kernel::MatMul(MatMulKernel::new(op, &ins[0], &ins[1])),
            Op::Reduce(op) if is_f32 => {
                ReduceKernel::new(op, &ins[0]).map_or(Kernel::Eval, Kernel::Reduce)
            }
            Op::Transpose(_)
            | Op::Slice(_)
            | Op::Reverse(_)
            | Op::Broadcast(_)
            | Op::Windows(_)
            | Op::Pad(_) => Strided::new(&node.op, &ins[0], &shape(&node.outs[0]))
                .map_or(Kernel::Eval, Kernel::Strided),
            Op::MaskLayout(_) => Kernel::MaskLayout(mask_layout::scratch_elements(&ins[0].dims)),
            op if is_f32 => {
                recurrent::scratch_elements(op, &ins).map_or(Kernel::Eval, Kernel::Recurrent)
            }
            _ => Kernel::Eval,
        }
    }

    /// What the plan decides of a kernel: which outputs are written over which inputs, which are
    /// wanted.
    pub(crate) fn placed(self, plan: &Plan, node: &Node) -> Kernel {
        let Op::Fused(op) = &node.op else { return self };
        let ins: Vec<Shape> = node.ins.iter().map(|v| Shape::of(plan.graph.spec(*v))).collect();
        let place = |v: &ValueId| plan.places[v.0 as usize];
        let over: Vec<Vec<usize>> = (node.outs.iter())
            .map(|o| (0..ins.len()).filter(|&i| plan.shares(*o, node.ins[i])).collect())
            .collect();
        let wanted: Vec<bool> = node.outs.iter().map(|o| place(o) != Place::Nowhere).collect();
        let kernel = FusedKernel::new(op, &ins.iter().collect::<Vec<_>>(), &over, &wanted);
        assert!(
            kernel.is_some() || over.iter().all(Vec::is_empty),
            "a chain too long for its kernel is written to memory of its own"
        );
        kernel.map_or(Kernel::Eval, |k| Kernel::Fused(Box::new(k)))
    }

    /// Bytes of scratch that a call takes.
    pub(crate) fn scratch_bytes(&self) -> usize {
        match self {
            Kernel::MatMul(k) => k.scratch_bytes(),
            Kernel::Recurrent(n) | Kernel::MaskLayout(n) => 4 * n,
            Kernel::Scan(k) => k.scratch_bytes(),
            _ => 0,
        }
    }
}

/// Values that most operations read or make at most: their views need no heap.
const N_VIEWS: usize = 16;

/// Runs an operation by the loops that define it.
///
/// # Safety
/// The call's addresses hold values of their shapes, and no output that is written lies over an
/// input.
pub(crate) unsafe fn eval(call: &Call<'_>) {
    let (n_ins, n_outs) = (call.ins.len(), call.outs.len());
    // SAFETY: the caller's promise.
    unsafe {
        if n_ins <= N_VIEWS && n_outs <= N_VIEWS {
            let mut ins = [View { dims: &[], data: Slice::F32(&[]) }; N_VIEWS];
            let mut outs: [Option<ViewMut<'_>>; N_VIEWS] = [const { None }; N_VIEWS];
            (0..n_ins).for_each(|i| ins[i] = call.view(i));
            (0..n_outs).for_each(|i| outs[i] = call.view_mut(i));
            call.op.eval(&ins[..n_ins], &mut outs[..n_outs]);
        } else {
            let ins: Vec<View<'_>> = (0..n_ins).map(|i| call.view(i)).collect();
            let mut outs: Vec<Option<ViewMut<'_>>> =
                (0..n_outs).map(|i| call.view_mut(i)).collect();
            call.op.eval(&ins, &mut outs);
        }
    }
}
