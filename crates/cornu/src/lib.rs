//! Keras's sequence models in Rust: build, train, save and run them.

#![forbid(unsafe_code)]

pub mod saving;

pub mod data;
