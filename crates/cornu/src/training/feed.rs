//! Data sets cast once to the types in which a graph takes them, and copied into batches.

use crate::data::{Array, Data};
use crate::runtime::PackedRows;
use crate::{Error, Result};
use cornu_ir::tensor::Element;
use cornu_ir::{DType, Spec, Tensor};
use std::borrow::Cow;

/// A data set cast to the type in which a graph takes it.
pub(crate) struct Fed {
    /// Dense: (samples, …). Ragged: (timesteps of all samples, …).
    tensor: Tensor,
    /// Numbers of a sample, or of a timestep.
    row_len: usize,
    /// Where each sample's timesteps begin, the total last; none when dense.
    offsets: Option<Vec<usize>>,
    /// Whether each batch is filled up to its own longest sample, whose ends nobody is told: text.
    filled_up: bool,
}

impl Fed {
    /// Casts data; what is owned and of the right type is moved. Ids and labels must be numbers of
    /// their range; `who` names the data in errors.
    pub(crate) fn new(who: &str, data: Cow<'_, Data>, dtype: DType) -> Result<Self> {
        let dims = data.values().shape().to_vec();
        let (tensor, offsets) = match data {
            Cow::Owned(Data::Dense(array)) => (moved(who, array, dtype)?, None),
            Cow::Owned(Data::Ragged(r)) => {
                let offsets = r.offsets().to_vec();
                (moved(who, r.into_values(), dtype)?, Some(offsets))
            }
            Cow::Borrowed(Data::Dense(array)) => (cast(who, array, dtype)?, None),
            Cow::Borrowed(Data::Ragged(r)) => {
                (cast(who, r.values(), dtype)?, Some(r.offsets().to_vec()))
            }
        };
        if dims.is_empty() {
            return Err(Error::Data(format!(
                "{who}: expected samples along axis 0. Received: a single number"
            )));
        }
        Ok(Self { tensor, row_len: dims[1..].iter().product(), offsets, filled_up: false })
    }

    /// What a layer encoded, in the type it has.
    pub(crate) fn encoded(who: &str, data: Data, filled_up: bool) -> Result<Self> {
        let dtype = if data.dtype() == "int64" { DType::I64 } else { DType::F32 };
        Ok(Self { filled_up, ..Self::new(who, Cow::Owned(data), dtype)? })
    }

    /// Samples.
    pub(crate) fn n_samples(&self) -> usize {
        self.offsets.as_ref().map_or(self.tensor.dims[0], |o| o.len() - 1)
    }

    /// Dims of a batch of so many samples; a ragged set stands for its longest sequence.
    pub(crate) fn spec(&self, batch: usize) -> Spec {
        let mut dims = self.tensor.dims.clone();
        dims[0] = batch;
        if let Some(l) = self.all_lengths() {
            dims.insert(1, l.into_iter().max().unwrap_or(0));
        }
        Spec::known(self.tensor.dtype(), &dims)
    }

    /// Timesteps of each sample, when ragged.
    pub(crate) fn lengths(&self) -> Option<Vec<usize>> {
        self.all_lengths().filter(|_| !self.filled_up)
    }

    fn all_lengths(&self) -> Option<Vec<usize>> {
        self.offsets.as_ref().map(|o| o.windows(2).map(|w| w[1] - w[0]).collect())
    }

    pub(crate) fn lengths_of(&self, rows: &[u32]) -> Option<Vec<usize>> {
        let o = self.offsets.as_ref().filter(|_| !self.filled_up)?;
        Some(rows.iter().map(|&r| o[r as usize + 1] - o[r as usize]).collect())
    }

    /// Dims of a batch of samples, in packed rows or not.
    pub(crate) fn batch_spec(&self, samples: &[u32], packed: &PackedRows, in_rows: bool) -> Spec {
        let mut spec = self.spec(samples.len());
        match self.lengths_of(samples) {
            Some(_) if in_rows => {
                spec.dims.remove(1);
                spec.dims[0] = Some(packed.all_rows());
            }
            Some(lengths) => spec.dims[1] = lengths.into_iter().max().max(Some(packed.timesteps)),
            None => {}
        }
        spec
    }

    /// Copies sequences into packed rows. Rows that are no sequence's own are 0.
    pub(crate) fn pack(&self, samples: &[u32], batch: &mut Tensor, packed: &PackedRows) {
        let n = self.row_len;
        batch.dims.clear();
        batch.dims.push(packed.all_rows());
        batch.dims.extend(&self.tensor.dims[1..]);
        let lengths = self.lengths_of(samples).unwrap_or_default();
        let first: Vec<usize> =
            self.offsets.iter().flat_map(|o| samples.iter().map(|&s| o[s as usize])).collect();
        cornu_ir::with_type!(self.tensor.dtype(), T => {
            let src = self.tensor.view();
            let src = src.get::<T>();
            let dst = buffer::<T>(&mut batch.data);
            dst.clear();
            dst.resize(packed.all_rows() * n, T::default());
            packed.each(&lengths, |row, sample, t| {
                let at = (first[sample] + t) * n;
                dst[row * n..(row + 1) * n].copy_from_slice(&src[at..at + n]);
            });
        });
    }

    /// Copies samples into a batch buffer, which keeps its memory from batch to batch. Sequences
    /// are filled up to `timesteps`, or to the longest of them.
    pub(crate) fn gather(&self, rows: &[u32], batch: &mut Tensor, timesteps: usize, filler: f64) {
        let n = self.row_len;
        batch.dims.clear();
        batch.dims.push(rows.len());
        let span = |r: u32| match &self.offsets {
            None => (r as usize, 1),
            Some(o) => (o[r as usize], o[r as usize + 1] - o[r as usize]),
        };
        let longest = rows.iter().map(|&r| span(r).1).max().unwrap_or(0);
        let timesteps = longest.max(if self.filled_up { 1 } else { timesteps });
        let filler = if self.filled_up { 0.0 } else { filler };
        let width = if self.offsets.is_some() { timesteps } else { 1 };
        if self.offsets.is_some() {
            batch.dims.push(timesteps);
        }
        batch.dims.extend(&self.tensor.dims[1..]);
        cornu_ir::with_type!(self.tensor.dtype(), T => {
            let src = self.tensor.view();
            let src = src.get::<T>();
            let filler = Tensor::scalar_of(self.tensor.dtype(), filler);
            let filler = filler.view().get::<T>()[0];
            let dst = buffer::<T>(&mut batch.data);
            dst.clear();
            for &r in rows {
                let (first, len) = span(r);
                dst.extend_from_slice(&src[first * n..(first + len) * n]);
                dst.resize(dst.len() + (width - len) * n, filler);
            }
        });
    }

    /// Fails on a number that is no class or id: whole, from 0 and below `n` (or the one that is
    /// ignored).
    // The element type is a parameter of the macro's branches: for one of them the cast is idle.
    #[allow(clippy::unnecessary_cast)]
    pub(crate) fn check_range(
        &self,
        who: &str,
        what: &str,
        n: usize,
        ignored: Option<i64>,
    ) -> Result<()> {
        let wrong = |x: f64| x.is_nan() || x < 0.0 || x >= n as f64;
        let found = cornu_ir::with_type!(self.tensor.dtype(), T => {
            let values = self.tensor.view();
            let mut values = values.get::<T>().iter().map(|x| *x as f64).enumerate();
            values.find(|(_, x)| wrong(*x) && ignored != Some(*x as i64))
        });
        let Some((at, x)) = found else { return Ok(()) };
        let row = at / self.row_len.max(1);
        let sample =
            self.offsets.as_ref().map_or(row, |o| o.partition_point(|first| *first <= row) - 1);
        Err(Error::Data(format!(
            "{who}: {what} must be whole numbers from 0 to {}. Received: {x} at sample {sample}",
            n.saturating_sub(1)
        )))
    }

    /// A batch buffer of its type.
    pub(crate) fn empty_batch(&self) -> Tensor {
        Tensor::zeros(self.tensor.dtype(), &[0])
    }
}

/// A tensor of an array's numbers.
fn cast(who: &str, array: &Array, dtype: DType) -> Result<Tensor> {
    let here = |e: crate::data::DataError| Error::from(e.within(who));
    let dims = array.shape();
    Ok(match dtype {
        DType::F32 => of_values(dims, array.to_f32().map_err(here)?.iter().copied()),
        DType::F64 => of_values(dims, array.to_f64().map_err(here)?.iter().copied()),
        DType::I32 => of_values(dims, array.to_i32().map_err(here)?.iter().copied()),
        DType::I64 => of_values(dims, array.to_i64().map_err(here)?.iter().copied()),
        DType::Bool => of_values(dims, array.to_bool().map_err(here)?.iter().map(|b| *b as u8)),
    })
}

fn of_values<T: Element>(dims: &[usize], values: impl Iterator<Item = T>) -> Tensor {
    Tensor::new(dims, values.collect::<Vec<T>>())
}

/// A tensor of an array's numbers, with the array's own memory where the type is right.
fn moved(who: &str, array: Array, dtype: DType) -> Result<Tensor> {
    let dims = array.shape().to_vec();
    Ok(match (array, dtype) {
        (Array::F32(a), DType::F32) => Tensor::new(&dims, in_order(a)),
        (Array::F64(a), DType::F64) => Tensor::new(&dims, in_order(a)),
        (Array::I64(a), DType::I64) => Tensor::new(&dims, in_order(a)),
        (array, dtype) => cast(who, &array, dtype)?,
    })
}

/// The elements of an array in its logical order.
fn in_order<T: Clone>(array: ndarray::ArrayD<T>) -> Vec<T> {
    let n = array.len();
    if array.is_standard_layout() {
        match array.into_raw_vec_and_offset() {
            (values, None | Some(0)) if values.len() == n => values,
            (values, at) => values[at.unwrap_or(0)..][..n].to_vec(),
        }
    } else {
        array.iter().cloned().collect()
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
