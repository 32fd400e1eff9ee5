//! Model files: opened, saved, converted.

mod kind;
mod legacy_compile;
mod open;
mod weights;
mod partial_weights;
mod convert;
mod quantize;

pub use convert::{convert, convert_with};
pub use open::Opened;
pub use partial_weights::{LoadWeights, LoadedWeights};
pub use quantize::{QuantizationLoss, quantize_int8, quantize_int8_with};
