//! Normalization of values, and of a layer's kernel.

pub(crate) mod batch_normalization;
pub(crate) mod layer_normalization;
pub(crate) mod group_normalization;
pub(crate) mod spectral_normalization;
