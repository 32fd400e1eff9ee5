//! Data on their way into a run: cast once to the types of the model's entries, then cut into batches.

use crate::data::{Array, Data, Ragged};
use crate::{Error, Result};
use cornu_ir::{DType, Tensor, View};

/// Data as `fit`, `evaluate` and `predict` take them: arrays, one or several.
pub trait IntoData {
    /// As one data set for each entry.
    fn into_data(self) -> Vec<Data>;
}

impl IntoData for &Data {
    fn into_data(self) -> Vec<Data> {
        vec![self.clone()]
    }
}

impl IntoData for Vec<Data> {
    fn into_data(self) -> Vec<Data> {
        self
    }
}

impl IntoData for &[Data] {
    fn into_data(self) -> Vec<Data> {
        self.to_vec()
    }
}

impl IntoData for &Array {
    fn into_data(self) -> Vec<Data> {
        vec![Data::Dense(self.clone())]
    }
}

impl IntoData for &Ragged {
    fn into_data(self) -> Vec<Data> {
        vec![Data::Ragged(self.clone())]
    }
}

impl<T, D> IntoData for &ndarray::Array<T, D>
where
    T: Clone,
    D: ndarray::Dimension,
    Array: From<ndarray::ArrayD<T>>,
{
    fn into_data(self) -> Vec<Data> {
        vec![Data::Dense(Array::from(self.clone().into_dyn()))]
    }
}

/// A data set cast to the type in which a graph takes it.
pub(crate) struct Fed {
    tensor: Tensor,
    row_len: usize,
}

impl Fed {
    /// Casts an array. Ids and labels must be numbers of their range; `who` names the data in errors.
    pub(crate) fn new(who: &str, array: &Array, dtype: DType) -> Result<Self> {
        let here = |e: crate::data::DataError| Error::from(e.within(who));
        let dims = array.shape().to_vec();
        let tensor = match dtype {
            DType::F32 => Tensor::new(&dims, array.to_f32().map_err(here)?.iter().copied().collect::<Vec<_>>()),
            DType::F64 => Tensor::new(&dims, array.to_f64().map_err(here)?.iter().copied().collect::<Vec<_>>()),
            DType::I32 => Tensor::new(&dims, array.to_i32().map_err(here)?.iter().copied().collect::<Vec<_>>()),
            DType::I64 => Tensor::new(&dims, array.to_i64().map_err(here)?.iter().copied().collect::<Vec<_>>()),
            DType::Bool => Tensor::new(&dims, array.to_bool().map_err(here)?.iter().map(|b| *b as u8).collect::<Vec<_>>()),
        };
        if dims.is_empty() {
            return Err(Error::Data(format!("{who}: expected samples along axis 0. Received: a single number")));
        }
        let row_len = dims[1..].iter().product();
        Ok(Self { tensor, row_len })
    }

    /// A tensor as it is.
    pub(crate) fn of(tensor: Tensor) -> Self {
        let row_len = tensor.dims[1..].iter().product();
        Self { tensor, row_len }
    }

    /// Samples.
    pub(crate) fn n_samples(&self) -> usize {
        self.tensor.dims[0]
    }

    /// Dims, samples first.
    pub(crate) fn dims(&self) -> &[usize] {
        &self.tensor.dims
    }

    /// Element type.
    pub(crate) fn dtype(&self) -> DType {
        self.tensor.dtype()
    }

    /// Copies rows into a batch buffer, which keeps its memory from batch to batch.
    pub(crate) fn gather(&self, rows: &[u32], batch: &mut Tensor) {
        batch.dims.clear();
        batch.dims.push(rows.len());
        batch.dims.extend(&self.tensor.dims[1..]);
        cornu_ir::with_type!(self.tensor.dtype(), T => {
            let src = self.tensor.view();
            let src = src.get::<T>();
            let n = self.row_len;
            let dst = buffer::<T>(&mut batch.data);
            dst.clear();
            for &r in rows {
                dst.extend_from_slice(&src[r as usize * n..(r as usize + 1) * n]);
            }
        });
    }

    /// A batch buffer of its type.
    pub(crate) fn empty_batch(&self) -> Tensor {
        let mut dims = self.tensor.dims.clone();
        dims[0] = 0;
        Tensor::zeros(self.tensor.dtype(), &dims)
    }
}

/// The vector of a buffer, made anew when its type is another.
fn buffer<T: cornu_ir::tensor::Element + BufferOf>(b: &mut cornu_ir::Buffer) -> &mut Vec<T> {
    T::vec(b)
}

/// Access to the vector of a buffer by element type.
pub(crate) trait BufferOf: Sized {
    /// The vector. The buffer was made of this type.
    fn vec(b: &mut cornu_ir::Buffer) -> &mut Vec<Self>;
}

macro_rules! buffer_of {
    ($($t:ty, $V:ident);*) => {$(
        impl BufferOf for $t {
            fn vec(b: &mut cornu_ir::Buffer) -> &mut Vec<Self> {
                match b {
                    cornu_ir::Buffer::$V(v) => v,
                    _ => unreachable!("a batch buffer has the type of its data"),
                }
            }
        }
    )*};
}
buffer_of! { f32, F32; f64, F64; i32, I32; i64, I64; u8, Bool }

/// Views of batch buffers.
pub(crate) fn views(batches: &[Tensor]) -> Vec<View<'_>> {
    batches.iter().map(Tensor::view).collect()
}
