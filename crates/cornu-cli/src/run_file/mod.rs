//! RUN.toml: data, layers, compile and fit settings of a run, in Keras's words.

mod tables;
mod lines;
mod reading;
mod keras_objects;
mod building;
mod run;
mod page;

pub use page::page;
pub use reading::{Source, is_run_file, schema};
pub use run::{Given, RunOf, opened};
