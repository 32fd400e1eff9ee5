//! Model files: opened, saved, converted.

mod kind;
mod legacy_compile;
mod open;
mod weights;
mod convert;
mod quantize;

pub use convert::convert;
pub use open::Opened;
pub use quantize::{QuantizationLoss, quantize_int8};
