//! From a model and data to runs: batches, programs cached by shape, training steps, epochs.

mod packed_rows;
mod feed;
mod work;
mod runtime;
mod shards;
mod predict;
mod compiled;
mod training_config;
mod step;
mod history;
mod position;
mod progress;
pub mod callbacks;
mod listeners;
mod evaluate;
mod fit;
mod on_batch;
mod streams;
pub mod bench;

pub use compiled::{Compile, Compiled};
pub use evaluate::Evaluate;
pub use feed::{EpochLoss, IntoData, Unequal};
pub use fit::Fit;
pub use history::{History, Logs, value_json};
pub use position::Position;
pub use predict::Predict;
pub use runtime::Runtime;
pub use step::{Examples, ProfileRow};
pub use streams::Streams;
