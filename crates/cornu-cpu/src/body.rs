//! A graph that a kernel runs inside its step, as that kernel sees it: the body of a scan.
//!
//! Layouts of graphs hold kernels, so a kernel that runs a graph knows it by these traits alone.

use std::fmt::Debug;

/// A graph laid out, for a kernel that runs it inside its step. Each output has memory of its own.
pub(crate) trait Body: Debug + Send + Sync {
    /// Bytes of the arena that a run takes.
    fn arena_bytes(&self) -> usize;

    /// Bytes of an input.
    fn input_bytes(&self, i: usize) -> usize;

    /// Bytes of an output.
    fn output_bytes(&self, i: usize) -> usize;

    /// The memory of a run, which has yet to be moved to an arena.
    fn begin(&self) -> Box<dyn BodyRun>;
}

/// The memory of one run of a body.
pub(crate) trait BodyRun: Debug + Send + Sync {
    /// Gives the run the memory at an address as its arena: as many bytes as
    /// [`Body::arena_bytes`] says, on a cache line.
    fn move_to(&mut self, arena: *mut u8);

    /// Says where an input of the body lies.
    fn set_input(&mut self, i: usize, at: *const u8);

    /// Says where an output of the body goes.
    fn set_output(&mut self, i: usize, at: *mut u8);

    /// Runs the body once.
    ///
    /// # Safety
    /// The run was moved to an arena that nothing else uses. Inputs and outputs were set to memory
    /// of their shapes: outputs apart from each other and from all inputs, and nothing else reads
    /// or writes them meanwhile.
    unsafe fn run(&mut self);
}
