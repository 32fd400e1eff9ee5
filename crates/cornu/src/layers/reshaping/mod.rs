//! Layers that move, repeat and cut values.

pub(crate) mod flatten;
pub(crate) mod reshape;
pub(crate) mod permute;
pub(crate) mod repeat;
pub(crate) mod crop;
