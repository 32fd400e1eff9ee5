//! Composites: formulas of primitives, a file a family. No kernel, no gradient of their own.

pub mod einsum;
pub mod softmax;

pub use einsum::einsum;
pub use softmax::{log_softmax, logsumexp, softmax};
