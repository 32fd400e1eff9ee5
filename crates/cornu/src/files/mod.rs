//! Model files: opened, saved, converted.

mod kind;
mod keras3_form;
mod legacy_optimizer;
mod legacy_compile;
mod open;
mod weights;
mod partial_weights;
mod convert;
mod quantize;

pub use convert::{convert, convert_with};
pub(crate) use kind::Kind;
pub use open::Opened;
pub(crate) use open::origin_of;
pub use partial_weights::{LoadWeights, LoadedWeights};
pub use quantize::{QuantizationLoss, quantize_int8, quantize_int8_with};
