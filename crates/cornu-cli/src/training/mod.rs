//! One training run: everything checked before it, nothing lost after it.

mod blame;
mod events;
mod results;
mod job;

pub use blame::Blame;
pub use job::{Ask, Job};
pub use results::Results;
