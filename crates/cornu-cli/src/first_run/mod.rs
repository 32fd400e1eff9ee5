//! A first RUN.toml, written by looking at the data.

mod look;
mod write;

pub use look::{Files, Seen};
pub use write::{TEMPLATE, text};
