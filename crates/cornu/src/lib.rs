//! Keras's sequence models in Rust: build, train, save and run them.
//!
//! A model is symbols ([`Input`], layers called on symbols, [`Model::new`]); shapes may hold `None`
//! until data arrives. It is lowered to a graph of [`cornu_ir`] once batch and timesteps are
//! numbers, and run by [`cornu_cpu`].
//!
//! # Debug builds
//!
//! A crate in development is compiled without optimization, its dependencies too, and cornu's
//! kernels then run up to 200 times slower. A dependency cannot change that for itself: these lines
//! of the program's `Cargo.toml` do, and the first `fit` of a build without them says so.
//!
//! ```toml
//! [profile.dev.package."*"]
//! opt-level = 3
//! ```
//!
//! # Features
//!
//! `default-features = false` is the engine with `.keras`, `.h5`, `.npy`, `.npz` and `.jsonl`; what
//! is missing is an error that names its feature.
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `csv` | yes | `.csv` and `.tsv` files, the callback `CSVLogger` |
//! | `float16` | yes | arrays of float16 and bfloat16 in files |
//! | `http` | yes | the callback `RemoteMonitor` |
//! | `progress` | yes | the bar of `fit` on terminals, tables with wide characters |
//! | `regex` | yes | optimizers that choose weights by regular expressions |
//! | `safetensors` | yes | `.safetensors` files |
//! | `parquet` | no | `.parquet` files |
//! | `plot` | no | `History::plot`, `report::LinePlot`: SVG |
//!
//! Warnings go to the [`log`](https://docs.rs/log) facade.
//!
//! # Platforms
//!
//! Tested on Linux x86-64 (AVX-512, AVX2 and plain). The code is portable Rust without C; other
//! platforms build and are not tested.
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
pub mod report;
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
    Compile, CompiledModel, EpochLoss, Evaluate, Fit, History, Interruption, IntoLoss,
    IntoLossWeights, IntoMetric, IntoMetrics, IntoOptimizer, Logs, ModelRef, Output, Outputs,
    Predict, Streams, Unequal, bench, callbacks,
};
