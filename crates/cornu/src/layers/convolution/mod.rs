//! Convolutions along time.

pub(crate) mod windows;
pub(crate) mod conv1d;
pub(crate) mod conv1d_transpose;
pub(crate) mod depthwise_conv1d;
pub(crate) mod separable_conv1d;
