//! Layers that merge several inputs into one.

pub(crate) mod merge;
pub(crate) mod concatenate;
pub(crate) mod dot;
