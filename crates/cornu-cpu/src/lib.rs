//! The CPU back of cornu: kernels, threads, executor. The only crate of the project with `unsafe`.
//!
//! A [`Program`] is a training or prediction step: the shards of a batch run the same graph in
//! threads of their own, what is summed over shards is added in a fixed tree, and an update graph
//! runs once. [`Store`] holds what outlives a step.
//!
//! Invariants:
//! 1. Results depend on shapes and values alone: the same bits for any number of [`Threads`].
//! 2. [`Program::run`] allocates nothing after its first call and looks nothing up by name.
//! 3. A kernel is never the only definition of an operation: each is tested against
//!    [`Op::eval`](cornu_ir::Op::eval).
#![deny(unsafe_op_in_unsafe_fn)]

pub mod kernels;

mod memory;
mod workspace;
mod lock_set;
mod variable;
mod store;
mod fork_join;
mod threads;

mod body;
mod call;
mod kernel;
mod dense;
mod recurrent;
mod scan;
mod kernel_list;
mod frame;

mod spec;
mod sums;
mod addresses;
mod program_layout;
mod program;

pub use program::Program;
pub use program_layout::ProgramLayout;
pub use spec::{Feed, Fetch, Part, ProgramSpec, Shard, prediction_rows, shard_rows};
pub use store::{Reading, SlotId, Store, Writing};
pub use threads::Threads;
pub use variable::Variable;
pub use workspace::Workspace;

/// The `opt-level` with which cargo compiled this crate: `0` where nothing is optimized.
pub const OPT_LEVEL: &str = env!("CORNU_OPT_LEVEL");
