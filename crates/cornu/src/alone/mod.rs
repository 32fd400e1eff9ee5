//! Layers, losses, metrics and optimizers used alone, on arrays: each runs a small program that is
//! made once for each shape.

mod layer;
mod loss;
mod metric;
mod optimizer;

pub use metric::MetricState;
pub use optimizer::Stepper;
