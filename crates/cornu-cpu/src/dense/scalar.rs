//! A number as the bytes of an element.

use crate::memory::address;
use cornu_ir::{DType, Tensor};

/// The bytes of a number as an element of a type, at the start of eight.
pub(super) fn scalar_bytes(dtype: DType, x: f64) -> [u8; 8] {
    let value = Tensor::scalar_of(dtype, x);
    let mut bytes = [0; 8];
    // SAFETY: the tensor holds one element of the type, which takes at most eight bytes.
    unsafe {
        std::ptr::copy_nonoverlapping(
            address(&value.view()),
            bytes.as_mut_ptr(),
            dtype.size_bytes(),
        )
    };
    bytes
}
