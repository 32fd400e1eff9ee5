//! The kernels of dense operations on f32, and of what moves elements of any type.

mod scalar;

pub(crate) mod eval;
pub(crate) mod cross_sum;
pub(crate) mod mask_layout;
pub(crate) mod matmul;
pub(crate) mod reduce;
pub(crate) mod strided;

mod tile;
mod tile_functions;
mod chain_layout;
pub(crate) mod fused;
