//! Activations as layers.

pub(crate) mod rectifiers;
pub(crate) mod parametric;
pub(crate) mod function;
pub(crate) mod softmax;
