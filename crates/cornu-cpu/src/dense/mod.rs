//! The kernels of dense operations on f32, and of what moves elements of any type.

pub(crate) mod mask_layout;
pub(crate) mod matmul;
pub(crate) mod tile;
pub(crate) mod reduce;
pub(crate) mod strided;

pub(crate) mod fused;
