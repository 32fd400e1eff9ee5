//! Keras's sequence models in Rust: build, train, save and run them.
//!
//! A model is symbols ([`Input`], layers called on symbols, [`Model::new`]); shapes may hold `None`
//! until data arrives. It is lowered to a graph of [`cornu_ir`] once batch and timesteps are
//! numbers, and run by [`cornu_cpu`].
#![forbid(unsafe_code)]

pub mod saving;
pub mod error;
pub mod config;
pub mod data;
pub mod initializers;
pub mod regularizers;
pub mod constraints;
pub mod activations;
mod lowering;
mod architecture;
pub mod layers;
pub mod ops;
mod registry;
pub mod losses;
pub mod metrics;
mod runtime;
pub mod model;
pub mod compile;
pub mod optimizers;
pub mod training;
pub mod files;
pub mod summary;
pub mod explain;
pub mod inspect;

pub use error::{Error, Result};
pub use files::Opened;
pub use layers::*;
pub use model::{Input, Model, Sequential, Symbol};
pub use ops::Operation;
pub use training::{Compile, CompiledModel, Evaluate, Fit, History, Predict};
