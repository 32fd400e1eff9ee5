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
    /// Dense: (samples, …). Ragged: (timesteps of all samples, …).
    tensor: Tensor,
    /// Numbers of a sample, or of a timestep.
    row_len: usize,
    /// Where each sample's timesteps begin, the total last; none when dense.
    offsets: Option<Vec<usize>>,
}

impl Fed {
    /// Casts data. Ids and labels must be numbers of their range; `who` names the data in errors.
    pub(crate) fn new(who: &str, data: &Data, dtype: DType) -> Result<Self> {
        let array = data.values();
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
        let offsets = match data {
            Data::Dense(_) => None,
            Data::Ragged(r) => Some(r.offsets().to_vec()),
        };
        Ok(Self { tensor, row_len: dims[1..].iter().product(), offsets })
    }

    /// Samples.
    pub(crate) fn n_samples(&self) -> usize {
        self.offsets.as_ref().map_or(self.tensor.dims[0], |o| o.len() - 1)
    }

    /// Dims of a batch of so many samples; a ragged set stands for its longest sequence.
    pub(crate) fn spec(&self, batch: usize) -> cornu_ir::Spec {
        let mut dims = self.tensor.dims.clone();
        dims[0] = batch;
        if let Some(l) = self.lengths() {
            dims.insert(1, l.into_iter().max().unwrap_or(0));
        }
        cornu_ir::Spec::known(self.tensor.dtype(), &dims)
    }

    /// Timesteps of each sample, when ragged.
    pub(crate) fn lengths(&self) -> Option<Vec<usize>> {
        self.offsets.as_ref().map(|o| o.windows(2).map(|w| w[1] - w[0]).collect())
    }

    /// Copies samples into a batch buffer, which keeps its memory from batch to batch. Sequences of unequal length are filled up
    /// with `pad`, where it is given.
    pub(crate) fn gather(&self, rows: &[u32], batch: &mut Tensor, pad: Option<f64>) -> Result<()> {
        let n = self.row_len;
        batch.dims.clear();
        batch.dims.push(rows.len());
        let span = |r: u32| match &self.offsets {
            None => (r as usize, 1),
            Some(o) => (o[r as usize], o[r as usize + 1] - o[r as usize]),
        };
        let mut longest = 1;
        if self.offsets.is_some() {
            let lengths = rows.iter().map(|&r| span(r).1);
            longest = lengths.clone().max().unwrap_or(0);
            if pad.is_none() && lengths.clone().any(|l| l != longest) {
                return Err(super::predict::ragged_error(&lengths.collect::<Vec<_>>()));
            }
            batch.dims.push(longest);
        }
        batch.dims.extend(&self.tensor.dims[1..]);
        cornu_ir::with_type!(self.tensor.dtype(), T => {
            let src = self.tensor.view();
            let src = src.get::<T>();
            let filler = Tensor::scalar_of(self.tensor.dtype(), pad.unwrap_or(0.0));
            let filler = filler.view().get::<T>()[0];
            let dst = buffer::<T>(&mut batch.data);
            dst.clear();
            for &r in rows {
                let (first, len) = span(r);
                dst.extend_from_slice(&src[first * n..(first + len) * n]);
                dst.resize(dst.len() + (longest - len) * n, filler);
            }
        });
        Ok(())
    }

    /// A batch buffer of its type.
    pub(crate) fn empty_batch(&self) -> Tensor {
        Tensor::zeros(self.tensor.dtype(), &[0])
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
