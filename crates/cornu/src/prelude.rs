//! Everything for programs that build and train models: `use cornu::prelude::*;`.
//!
//! Losses, metrics, optimizers and other families stand in modules of their own (`losses`,
//! `metrics`, `optimizers`, …), for some of their names are alike.

pub use crate::callbacks::{
    self, Callback, EarlyStopping, ModelCheckpoint, ReduceLROnPlateau, Run,
};
pub use crate::data::{
    Array, BatchMaker, ClassNames, Data, PadSequences, Ragged, StandardScaler, TrainTestSplit,
    Windows, argmax, to_categorical,
};
pub use crate::layers::{self, *};
pub use crate::{
    Compile, CompiledModel, Error, Evaluate, Fit, History, Input, Logs, Model, Opened, Outputs,
    Predict, Registry, Result, Streams, Symbol, initializers, losses, metrics, optimizers,
    optimizers::schedules, regularizers, report,
};
