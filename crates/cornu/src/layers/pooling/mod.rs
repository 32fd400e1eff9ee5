//! Pooling along time.

pub(crate) mod window_pooling;
pub(crate) mod global_pooling;
pub(crate) mod adaptive_pooling;
