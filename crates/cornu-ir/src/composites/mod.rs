//! Composites: formulas of primitives, a file a family. No kernel, no gradient of their own.

pub mod einsum;
pub mod softmax;
pub mod unit_length;
pub mod crossentropy;
pub mod ctc;

pub use crossentropy::{binary_crossentropy, categorical_crossentropy, class_crossentropy};
pub use ctc::ctc;
pub use einsum::einsum;
pub use softmax::{log_softmax, logsumexp, softmax};
pub use unit_length::unit_length_within;
