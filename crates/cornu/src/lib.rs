//! Keras's sequence models in Rust: build, train, save and run them.
//!
//! A model is symbols ([`Input`], layers called on symbols, [`Model::new`]); shapes may hold `None`
//! until data arrives. It is lowered to a graph of [`cornu_ir`] once batch and timesteps are
//! numbers, and run by [`cornu_cpu`].
#![forbid(unsafe_code)]

pub mod saving;
pub mod error;
mod eager;
mod config;
pub mod data;
pub mod initializers;
pub mod regularizers;
pub mod constraints;
mod misnamed;
pub mod activations;
mod lowering;
mod architecture;
pub mod layers;
pub mod ops;
pub mod losses;
pub mod metrics;
mod runtime;
mod model;
mod compile;
pub mod optimizers;
mod registry;
mod training;
mod alone;
pub mod files;
pub mod summary;
pub mod explain;
pub mod inspect;
pub mod extend;
pub mod prelude;

pub use alone::{MetricState, Stepper};
pub use architecture::{Input, IntoCall, Sequential, Symbol};
pub use data::IntoData;
pub use error::{Error, Result};
pub use files::Opened;
pub use layers::*;
pub use lowering::Registry;
pub use model::{IntoSymbols, Model};
pub use ops::Operation;
pub use training::{
    Compile, CompiledModel, EpochLoss, Evaluate, Fit, History, IntoLoss, IntoLossWeights,
    IntoMetric, IntoMetrics, IntoOptimizer, Logs, ModelRef, Output, Outputs, Predict, Streams,
    Unequal, bench, callbacks,
};
