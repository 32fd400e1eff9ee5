//! Activations as layers.

pub(crate) mod function;
pub(crate) mod rectifiers;
pub(crate) mod softmax;
