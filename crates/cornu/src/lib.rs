//! Keras's sequence models in Rust: build, train, save and run them.
//!
//! Layers are called on symbols, which begin at [`Input`]; [`Model::new`] makes the model between
//! symbols, [`Model::compile`] what can be trained. Names, settings and defaults are Keras's, and
//! so are the files. [`guide`] explains each step; [`prelude`] has what most programs use.
//!
//! A whole program: is the sum of a series above 10?
//!
//! ```
//! use cornu::prelude::*;
//! use ndarray::{Array2, Array3, Axis};
//!
//! fn main() -> cornu::Result<()> {
//!     // 200 series of 20 timesteps of 1 feature.
//!     let number = |i: usize| (i * 7919 + i * i * 104729) % 1000;
//!     let x = Array3::from_shape_fn((200, 20, 1), |(b, t, _)| {
//!         (number(b * 20 + t) + number(b) / 2) as f32 / 1200.0
//!     });
//!     let y: Vec<f32> = x.outer_iter().map(|s| f32::from(s.sum() > 10.0)).collect();
//!
//!     let inputs = Input::new([20, 1]); // (None, 20, 1): the batch stays open
//!     let h = Lstm::new(8).call(&inputs)?; // (None, 8)
//!     let outputs = Dense::new(1).activation("sigmoid").call(&h)?; // (None, 1)
//!     let model = Model::new(&inputs, &outputs)?;
//!     println!("{}", model.summary());
//!
//!     let settings = Compile::new(optimizers::Adam::new(0.02), "binary_crossentropy");
//!     let mut model = model.compile(settings.metrics(["accuracy"]))?;
//!     let fit = Fit::new().batch_size(20).epochs(20).verbose(0);
//!     let history = model.fit(&x, &y, fit)?;
//!     let loss = history.get("loss").unwrap_or_default();
//!     assert!(loss[19] < 0.6 * loss[0], "{loss:?}");
//!
//!     let path = std::env::temp_dir().join("cornu_front_page.keras");
//!     model.save(&path)?; // Keras opens it, too
//!     let opened = Model::open(&path)?;
//!     let p = opened.predict(x.select(Axis(0), &[0, 1, 2]), Predict::new())?;
//!     let p: Array2<f32> = p.into_f32()?.into_dimensionality().expect("two axes");
//!     assert_eq!(p.dim(), (3, 1));
//!     Ok(())
//! }
//! ```
//!
//! # What stands where
//!
//! | to do | there is |
//! |---|---|
//! | build | [`Input`], [`layers`], [`Model`], [`Sequential`], [`ops`] |
//! | train | [`Compile`], [`Fit`], [`callbacks`], [`optimizers`], [`losses`], [`metrics`] |
//! | run | [`Predict`], [`Outputs`], [`Streams`], [`Evaluate`] |
//! | read data | [`data`], [`IntoData`] |
//! | open and save | [`Opened`], [`Model::open`], [`Model::save`], [`files`] |
//! | report | [`summary`], [`explain`], [`report`], [`History`] |
//! | write classes of your own | [`extend`], [`Registry`] |
//!
//! Inside, a model is lowered to a graph of `cornu_ir` once batch and timesteps are numbers, and
//! run by `cornu_cpu`.
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
//! | `toml` | yes | extension files in TOML, the classes of keras.io's examples that are assumed |
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
mod legacy;
pub mod activations;
mod lowering;
mod architecture;
pub mod layers;
pub mod ops;
mod extension;
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
pub mod guide;

pub use alone::{MetricState, Stepper};
pub use architecture::{Input, IntoCall, IntoLayers, IntoSymbols, Sequential, Symbol};
pub use data::IntoData;
pub use error::{Error, Result};
pub use files::Opened;
pub use layers::*;
pub use lowering::Registry;
pub use model::Model;
pub use ops::Operation;
pub use training::{
    Compile, CompiledModel, EpochLoss, Evaluate, Fit, History, Interruption, IntoLoss,
    IntoLossWeights, IntoMetric, IntoMetrics, IntoOptimizer, Logs, ModelRef, Output, Outputs,
    Predict, Streams, Unequal, bench, callbacks,
};
