//! A graph laid out and its kernels chosen ([`Layout`]), and the memory of one run of it
//! ([`Frame`]).

use crate::body::{Body, BodyRun};
use crate::call::{Call, Shape};
use crate::kernel::{Kernel, Packed, Request};
use crate::kernel_list::choose;
use crate::memory::{Block, address};
use crate::threads::Threads;
use cornu_ir::Op;
use cornu_ir::graph::Graph;
use cornu_ir::plan::{ALIGN_BYTES, OutputPlace, Place, Plan};
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

/// A graph laid out, its kernels chosen: what all shards of one size share.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) plan: Plan,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) steps: Vec<BoundStep>,
    /// Values that lie in each input's and each output's buffer.
    input_values: Vec<Vec<u32>>,
    output_values: Vec<Vec<u32>>,
    /// Outputs that hand on an input whose buffer an output replaces, with their place in the
    /// staging block.
    staged: Vec<(usize, usize)>,
    staging_bytes: usize,
    /// The other outputs that are copied after the steps.
    copied: Vec<usize>,
    kept_bytes: usize,
}

/// One step: its kernel and its values.
#[derive(Debug)]
pub(crate) struct BoundStep {
    pub(crate) node: usize,
    kernel: Box<dyn Kernel>,
    ins: Vec<u32>,
    outs: Vec<u32>,
    scratch: usize,
    kept: Option<Kept>,
}

/// Weights that a step packs: its inputs, the place of the packed ones in the frame's block, and
/// which inputs of the graph they are, where all of them are variables of the store.
#[derive(Debug)]
struct Kept {
    ins: [usize; 2],
    at: usize,
    variables: Option<[usize; 2]>,
}

impl Layout {
    /// Lays out a concrete graph.
    pub(crate) fn new(graph: Graph, outputs: &[OutputPlace]) -> Layout {
        let chosen = RefCell::new(Vec::new());
        let plan = Plan::new(graph, outputs, &|g, n| {
            let kernel = choose(&Request { graph: g, node: n, lay_out: lay_out_body });
            let bytes = kernel.scratch_bytes();
            chosen.borrow_mut().push(kernel);
            bytes
        });
        let shapes = plan.graph.values.iter().map(|v| Shape::of(&v.spec)).collect();
        let of_place = |want: Place| {
            (0..plan.places.len() as u32)
                .filter(|&v| plan.places[v as usize] == want)
                .collect::<Vec<u32>>()
        };
        let input_values =
            (0..plan.graph.inputs.len()).map(|i| of_place(Place::Input(i))).collect();
        let output_values =
            (0..plan.graph.outputs.len()).map(|i| of_place(Place::Output(i))).collect();
        let mut kept_bytes = 0;
        let mut keep = |packed: Packed| {
            let at = kept_bytes;
            kept_bytes += packed.bytes.next_multiple_of(ALIGN_BYTES);
            Kept { ins: packed.ins, at, variables: None }
        };
        let steps = plan
            .steps
            .iter()
            .zip(chosen.into_inner())
            .map(|(s, mut kernel)| {
                let n = &plan.graph.nodes[s.node];
                kernel.place(&plan, n);
                let ids = |v: &[cornu_ir::ValueId]| v.iter().map(|v| v.0).collect();
                BoundStep {
                    node: s.node,
                    kept: kernel.packed().map(&mut keep),
                    kernel,
                    ins: ids(&n.ins),
                    outs: ids(&n.outs),
                    scratch: s.scratch.0,
                }
            })
            .collect();
        let mut layout = Layout {
            plan,
            shapes,
            steps,
            input_values,
            output_values,
            staged: vec![],
            staging_bytes: 0,
            copied: vec![],
            kept_bytes,
        };
        for &i in &layout.plan.copies {
            match layout.plan.places[layout.plan.graph.outputs[i].value.0 as usize] {
                Place::Input(k) if outputs.contains(&OutputPlace::Replaces(k)) => {
                    layout.staged.push((i, layout.staging_bytes));
                    layout.staging_bytes += layout.output(i).bytes().next_multiple_of(ALIGN_BYTES);
                }
                _ => layout.copied.push(i),
            }
        }
        layout
    }

    /// Notes which inputs are variables of the store: what is packed of those alone stays good as
    /// long as they are not written.
    pub(crate) fn mark_states(&mut self, is_state: impl Fn(usize) -> bool) {
        for step in &mut self.steps {
            if let Some(kept) = &mut step.kept {
                let input = |i: usize| match self.plan.places[step.ins[i] as usize] {
                    Place::Input(k) => is_state(k).then_some(k),
                    _ => None,
                };
                kept.variables = input(kept.ins[0]).zip(input(kept.ins[1])).map(|(a, b)| [a, b]);
            }
        }
    }

    /// Shape of the graph's input.
    pub(crate) fn input(&self, i: usize) -> &Shape {
        &self.shapes[self.plan.graph.inputs[i].value.0 as usize]
    }

    /// Shape of the graph's output.
    pub(crate) fn output(&self, i: usize) -> &Shape {
        &self.shapes[self.plan.graph.outputs[i].value.0 as usize]
    }

    /// The operation of a step.
    pub(crate) fn op(&self, step: usize) -> &Op {
        &self.plan.graph.nodes[self.steps[step].node].op
    }

    /// The steps at which shards meet.
    pub(crate) fn meetings(&self) -> Vec<usize> {
        (0..self.steps.len()).filter(|&s| matches!(self.op(s), Op::CrossSum(_))).collect()
    }
}

/// The memory of one run of a layout: where each value lies.
#[derive(Debug)]
pub(crate) struct Frame {
    addresses: Vec<*mut u8>,
    outputs: Vec<*mut u8>,
    arena: *mut u8,
    staging: Block,
    /// What steps packed of their weights, and by step the stamps of the variables that it was
    /// packed from.
    kept: Block,
    kept_of: Vec<[u64; 2]>,
    /// By input the stamp of the variable that it is; 0 for all others.
    stamps: Vec<u64>,
    /// The runs of the graphs that kernels run inside their steps, by step.
    bodies: Vec<Option<Box<dyn BodyRun>>>,
}

// SAFETY: a frame's addresses lie in the arena it was moved to, in its layout's constants, which
// nothing writes, and in buffers that whoever runs it answers for.
unsafe impl Send for Frame {}
// SAFETY: a shared frame changes nothing.
unsafe impl Sync for Frame {}

impl Frame {
    /// A frame that [`Frame::move_to`] has yet to give an arena.
    pub(crate) fn new(layout: &Layout) -> Frame {
        let constant = |p: &Place| match *p {
            Place::Constant(n) => match &layout.plan.graph.nodes[n].op {
                Op::Constant(c) => address(&c.value.view()).cast_mut(),
                _ => unreachable!("a constant's node"),
            },
            _ => std::ptr::null_mut(),
        };
        Frame {
            addresses: layout.plan.places.iter().map(constant).collect(),
            outputs: vec![std::ptr::null_mut(); layout.plan.graph.outputs.len()],
            arena: std::ptr::null_mut(),
            staging: Block::new(layout.staging_bytes),
            kept: Block::new(layout.kept_bytes),
            kept_of: vec![[0; 2]; layout.steps.len()],
            stamps: vec![0; layout.plan.graph.inputs.len()],
            bodies: layout.steps.iter().map(|s| Some(s.kernel.body()?.begin())).collect(),
        }
    }

    /// Gives the frame the memory at an address as its arena: as many bytes as its plan says, on a
    /// cache line. True if it was elsewhere.
    pub(crate) fn move_to(&mut self, layout: &Layout, arena: *mut u8) -> bool {
        if self.arena == arena {
            return false;
        }
        self.arena = arena;
        for (address, place) in self.addresses.iter_mut().zip(&layout.plan.places) {
            if let Place::Arena(at) = *place {
                *address = arena.wrapping_add(at);
            }
        }
        for (step, body) in layout.steps.iter().zip(&mut self.bodies) {
            if let Some(body) = body {
                body.move_to(arena.wrapping_add(step.scratch));
            }
        }
        true
    }

    /// Says which value of which variable an input is in the next run.
    pub(crate) fn set_stamp(&mut self, i: usize, stamp: u64) {
        self.stamps[i] = stamp;
    }

    /// Says where an input lies.
    pub(crate) fn set_input(&mut self, layout: &Layout, i: usize, at: *const u8) {
        for &v in &layout.input_values[i] {
            self.addresses[v as usize] = at.cast_mut();
        }
    }

    /// Says where an output goes.
    pub(crate) fn set_output(&mut self, layout: &Layout, i: usize, at: *mut u8) {
        self.outputs[i] = at;
        for &v in &layout.output_values[i] {
            self.addresses[v as usize] = at;
        }
    }

    /// Where an output goes.
    pub(crate) fn output(&self, i: usize) -> *mut u8 {
        self.outputs[i]
    }

    /// Runs some steps.
    ///
    /// # Safety
    /// `layout` made the frame, which was moved to an arena that nothing else uses. Inputs and
    /// outputs were set to memory of their shapes: outputs apart from each other and from all
    /// inputs but those they replace, and nothing else reads or writes them meanwhile.
    pub(crate) unsafe fn run(
        &mut self,
        layout: &Layout,
        steps: Range<usize>,
        threads: Option<&Threads>,
    ) {
        for s in steps {
            // SAFETY: the frame is as this function asks, and the steps run in order.
            unsafe { self.step(layout, s, threads) }
        }
    }

    /// Runs one step.
    ///
    /// # Safety
    /// The frame, its arena, inputs and outputs are as [`Frame::run`] asks; all steps before this
    /// one have run on them.
    #[inline]
    pub(crate) unsafe fn step(&mut self, layout: &Layout, s: usize, threads: Option<&Threads>) {
        let step = &layout.steps[s];
        let mut is_kept = false;
        if let Some(inputs) = step.kept.as_ref().and_then(|k| k.variables) {
            let stamps = inputs.map(|i| self.stamps[i]);
            is_kept = self.kept_of[s] == stamps;
            self.kept_of[s] = stamps;
        }
        let mut call = Call {
            op: &layout.plan.graph.nodes[step.node].op,
            shapes: &layout.shapes,
            addresses: &self.addresses,
            ins: &step.ins,
            outs: &step.outs,
            scratch: self.arena.wrapping_add(step.scratch),
            kept: step
                .kept
                .as_ref()
                .map_or(std::ptr::null_mut(), |k| self.kept.start().wrapping_add(k.at)),
            is_kept,
            threads,
            body: self.bodies[s].as_deref_mut(),
        };
        // SAFETY: the plan put every value that is read or made in memory of its own for its life,
        // and the step's scratch and packed weights, too; inputs and outputs were set as `run`
        // asks. The body's run was moved to the scratch with the frame.
        unsafe { step.kernel.run(&mut call) }
    }

    /// Addresses of a step's first input and first output.
    pub(crate) fn ends(&self, layout: &Layout, s: usize) -> (*const u8, *mut u8) {
        let step = &layout.steps[s];
        (self.addresses[step.ins[0] as usize], self.addresses[step.outs[0] as usize])
    }

    /// Copies to their buffers the outputs that no step could write there.
    ///
    /// # Safety
    /// The frame, its arena, inputs and outputs are as [`Frame::run`] asks; all steps have run on
    /// them.
    pub(crate) unsafe fn copy_outputs(&self, layout: &Layout) {
        let source =
            |i: usize| self.addresses[layout.plan.graph.outputs[i].value.0 as usize].cast_const();
        // SAFETY: sources, buffers and parts of the staging block are of the output's shape. What
        // another output would overwrite is staged first.
        unsafe {
            for &(i, at) in &layout.staged {
                std::ptr::copy_nonoverlapping(
                    source(i),
                    self.staging.start().add(at),
                    layout.output(i).bytes(),
                );
            }
            for &(i, at) in &layout.staged {
                std::ptr::copy_nonoverlapping(
                    self.staging.start().add(at),
                    self.outputs[i],
                    layout.output(i).bytes(),
                );
            }
            for &i in &layout.copied {
                std::ptr::copy_nonoverlapping(source(i), self.outputs[i], layout.output(i).bytes());
            }
        }
    }
}

/// Lays out a graph whose outputs go to memory of their own.
fn lay_out_body(graph: Graph) -> Box<dyn Body> {
    let outputs = vec![OutputPlace::Own; graph.outputs.len()];
    Box::new(Arc::new(Layout::new(graph, &outputs)))
}

impl Body for Arc<Layout> {
    fn arena_bytes(&self) -> usize {
        self.plan.arena_bytes
    }

    fn input_bytes(&self, i: usize) -> usize {
        self.input(i).bytes()
    }

    fn output_bytes(&self, i: usize) -> usize {
        self.output(i).bytes()
    }

    fn begin(&self) -> Box<dyn BodyRun> {
        Box::new(LayoutRun { layout: self.clone(), frame: Frame::new(self) })
    }
}

/// A frame with its layout.
#[derive(Debug)]
struct LayoutRun {
    layout: Arc<Layout>,
    frame: Frame,
}

impl BodyRun for LayoutRun {
    fn move_to(&mut self, arena: *mut u8) {
        self.frame.move_to(&self.layout, arena);
    }

    fn set_input(&mut self, i: usize, at: *const u8) {
        self.frame.set_input(&self.layout, i, at);
    }

    fn set_output(&mut self, i: usize, at: *mut u8) {
        self.frame.set_output(&self.layout, i, at);
    }

    unsafe fn run(&mut self) {
        // SAFETY: `BodyRun::run` asks for what the frame asks.
        unsafe {
            self.frame.run(&self.layout, 0..self.layout.steps.len(), None);
            self.frame.copy_outputs(&self.layout);
        }
    }
}
