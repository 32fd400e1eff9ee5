//! Arrays as tensors of the graph, and back.

use super::array::{Array, filled};
use super::cast::Cast;
use super::error::Result;
use cornu_ir::{Buffer, DType, Tensor};

/// A tensor of an array's values in a type.
pub(crate) fn tensor_of(array: &Array, dtype: DType) -> crate::Result<Tensor> {
    let dims = array.shape();
    let made = || -> Result<Tensor> {
        Ok(match dtype {
            DType::F32 => Tensor::new(dims, listed(array.to_f32()?)),
            DType::F64 => Tensor::new(dims, listed(array.to_f64()?)),
            DType::I32 => Tensor::new(dims, listed(array.to_i32()?)),
            DType::I64 => Tensor::new(dims, listed(array.to_i64()?)),
            DType::Bool => {
                Tensor::new(dims, array.to_bool()?.iter().map(|b| u8::from(*b)).collect::<Vec<_>>())
            }
        })
    };
    Ok(made()?)
}

/// The values in their logical order.
fn listed<T: Copy>(values: Cast<'_, T>) -> Vec<T> {
    values.iter().copied().collect()
}

/// The array of a tensor's values.
pub(crate) fn array_of(t: &Tensor) -> Array {
    match &t.data {
        Buffer::F32(v) => Array::F32(filled(&t.dims, v.clone())),
        Buffer::F64(v) => Array::F64(filled(&t.dims, v.clone())),
        Buffer::I32(v) => Array::I32(filled(&t.dims, v.clone())),
        Buffer::I64(v) => Array::I64(filled(&t.dims, v.clone())),
        Buffer::Bool(v) => Array::Bool(filled(&t.dims, v.iter().map(|b| *b != 0).collect())),
    }
}

impl From<Tensor> for Array {
    fn from(t: Tensor) -> Self {
        array_of(&t)
    }
}
