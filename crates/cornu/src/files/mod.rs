//! Model files: opened, saved, converted.

mod kind;
mod keras3_form;
mod legacy_optimizer;
mod legacy_compile;
mod content;
mod open;
mod weights;
mod partial_weights;
mod convert;
mod quantize;

pub(crate) use content::origin_of;
pub use convert::{convert, convert_with};
pub(crate) use kind::Kind;
pub use open::Opened;
pub use partial_weights::{LoadWeights, LoadedWeights};
pub use quantize::{QuantizationLoss, quantize_int8, quantize_int8_with};
