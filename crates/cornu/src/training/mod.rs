//! From a model and data to runs: batches, programs cached by shape, training steps, epochs.

mod feed;
mod runtime;
mod predict;
mod compiled;

pub use feed::IntoData;
pub use predict::Predict;
pub use runtime::Runtime;
pub use compiled::Compiled;
