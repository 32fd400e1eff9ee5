//! Data sets cast once to the types in which a graph takes them, and copied into batches.

use super::reader::{Range, Reader, slice_of};
use crate::data::{Array, Data, Values};
use crate::runtime::PackedRows;
use crate::{Error, Result};
use cornu_ir::tensor::{Element, Slice};
use cornu_ir::{Buffer, DType, Spec, Tensor};
use std::borrow::Cow;

/// A data set in the type in which a graph takes it.
pub(crate) struct Fed<'a> {
    source: Source<'a>,
    dtype: DType,
    /// Dense: (samples, …). Ragged: (timesteps of all samples, …).
    dims: Vec<usize>,
    /// Numbers of a sample, or of a timestep.
    row_len: usize,
    /// Where each sample's timesteps begin, the total last; none when dense.
    offsets: Option<Vec<usize>>,
    /// Whether each batch is filled up to its own longest sample, whose ends nobody is told: text.
    filled_up: bool,
}

/// Where the numbers are.
enum Source<'a> {
    Owned(Buffer),
    Borrowed(Slice<'a>),
    Read(Reader<'a>),
}

impl<'a> Fed<'a> {
    /// Casts data; what is borrowed or owned in C order and in the right type is not copied. Ids
    /// and labels must be numbers of their range; `who` names the data in errors.
    pub(crate) fn new(who: &str, data: Values<'a>, dtype: DType) -> Result<Self> {
        let (source, dims, offsets) = match data {
            Values::Held(Cow::Owned(Data::Dense(array))) => owned(who, array, dtype)?,
            Values::Held(Cow::Borrowed(Data::Dense(array))) => cast(who, array, dtype)?,
            Values::Held(Cow::Owned(Data::Ragged(r))) => {
                let offsets = r.offsets().to_vec();
                let (source, dims, _) = owned(who, r.into_values(), dtype)?;
                (source, dims, Some(offsets))
            }
            Values::Held(Cow::Borrowed(Data::Ragged(r))) => {
                let (source, dims, _) = cast(who, r.values(), dtype)?;
                (source, dims, Some(r.offsets().to_vec()))
            }
            Values::View(view) if type_of(&view.numbers) == dtype => {
                (Source::Borrowed(view.numbers), view.shape, None)
            }
            Values::View(view) => owned(who, view.to_array(), dtype)?,
            Values::Read(array) => {
                let known = array.info.sample_shape.iter().flatten().copied();
                let offsets = array.lengths().map(|lengths| {
                    let mut offsets = vec![0];
                    lengths.iter().for_each(|l| offsets.push(offsets[offsets.len() - 1] + l));
                    offsets
                });
                let n_rows = offsets.as_ref().map_or(array.rows.len(), |o| o[o.len() - 1]);
                let dims = std::iter::once(n_rows).chain(known).collect();
                (Source::Read(Reader::new(who, array, dtype)), dims, offsets)
            }
        };
        if dims.is_empty() {
            return Err(Error::Data(format!(
                "{who}: expected samples along axis 0. Received: a single number"
            )));
        }
        let row_len = dims[1..].iter().product();
        Ok(Self { source, dtype, dims, row_len, offsets, filled_up: false })
    }

    /// What a layer encoded, in the type it has.
    pub(crate) fn encoded(who: &str, data: Data, filled_up: bool) -> Result<Self> {
        let dtype = if data.dtype() == "int64" { DType::I64 } else { DType::F32 };
        Ok(Self { filled_up, ..Self::new(who, Values::Held(Cow::Owned(data)), dtype)? })
    }

    /// Returns the number of samples.
    pub(crate) fn n_samples(&self) -> usize {
        self.offsets.as_ref().map_or(self.dims[0], |o| o.len() - 1)
    }

    /// Dims of a batch of so many samples; a ragged set stands for its longest sequence.
    pub(crate) fn spec(&self, batch: usize) -> Spec {
        let mut dims = self.dims.clone();
        dims[0] = batch;
        if let Some(l) = self.all_lengths() {
            dims.insert(1, l.into_iter().max().unwrap_or(0));
        }
        Spec::known(self.dtype, &dims)
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
    pub(crate) fn pack(
        &self,
        samples: &[u32],
        batch: &mut Tensor,
        packed: &PackedRows,
    ) -> Result<()> {
        let n = self.row_len;
        batch.dims.clear();
        batch.dims.push(packed.all_rows());
        batch.dims.extend(&self.dims[1..]);
        let lengths = self.lengths_of(samples).unwrap_or_default();
        self.with_rows(samples, |src, first| {
            cornu_ir::with_type!(self.dtype, T => {
                let src = elements::<T>(&src);
                let dst = buffer::<T>(&mut batch.data);
                dst.clear();
                dst.resize(packed.all_rows() * n, T::default());
                packed.each(&lengths, |row, sample, t| {
                    let at = (first(sample) + t) * n;
                    dst[row * n..(row + 1) * n].copy_from_slice(&src[at..at + n]);
                });
            });
        })
    }

    /// Copies samples into a batch buffer, which keeps its memory from batch to batch. Sequences
    /// are filled up to `timesteps`, or to the longest of them.
    pub(crate) fn gather(
        &self,
        rows: &[u32],
        batch: &mut Tensor,
        timesteps: usize,
        filler: f64,
    ) -> Result<()> {
        let n = self.row_len;
        batch.dims.clear();
        batch.dims.push(rows.len());
        let Some(offsets) = &self.offsets else {
            batch.dims.extend(&self.dims[1..]);
            return self.gather_dense(rows, &mut batch.data);
        };
        let length = |r: u32| offsets[r as usize + 1] - offsets[r as usize];
        let longest = rows.iter().map(|&r| length(r)).max().unwrap_or(0);
        let timesteps = longest.max(if self.filled_up { 1 } else { timesteps });
        let filler = if self.filled_up { 0.0 } else { filler };
        batch.dims.push(timesteps);
        batch.dims.extend(&self.dims[1..]);
        self.with_rows(rows, |src, first| {
            cornu_ir::with_type!(self.dtype, T => {
                let src = elements::<T>(&src);
                let filler = Tensor::scalar_of(self.dtype, filler);
                let filler = filler.view().get::<T>()[0];
                let dst = buffer::<T>(&mut batch.data);
                dst.clear();
                for (i, &r) in rows.iter().enumerate() {
                    let (first, len) = (first(i), length(r));
                    dst.extend_from_slice(&src[first * n..(first + len) * n]);
                    dst.resize(dst.len() + (timesteps - len) * n, filler);
                }
            });
        })
    }

    /// Copies samples of one length, or reads them, into the memory of a batch.
    fn gather_dense(&self, rows: &[u32], batch: &mut Buffer) -> Result<()> {
        let n = self.row_len;
        let src = match &self.source {
            Source::Owned(buffer) => slice_of(buffer),
            Source::Borrowed(slice) => *slice,
            Source::Read(reader) => {
                reader.read(rows, rows.len() * n, batch)?;
                let state = reader.state();
                return reader.check(&state.ranges, slice_of(batch), rows, |row| row / n.max(1));
            }
        };
        cornu_ir::with_type!(self.dtype, T => {
            let src = elements::<T>(&src);
            let dst = buffer::<T>(batch);
            dst.clear();
            for &r in rows {
                dst.extend_from_slice(&src[r as usize * n..(r as usize + 1) * n]);
            }
        });
        Ok(())
    }

    /// Hands on the timesteps of samples, and where those of the `i`-th sample asked for begin.
    fn with_rows(
        &self,
        samples: &[u32],
        run: impl FnOnce(Slice<'_>, &dyn Fn(usize) -> usize),
    ) -> Result<()> {
        let offsets = self.offsets.as_deref().unwrap_or_default();
        let in_memory = |i: usize| offsets[samples[i] as usize];
        match &self.source {
            Source::Owned(buffer) => run(slice_of(buffer), &in_memory),
            Source::Borrowed(slice) => run(*slice, &in_memory),
            Source::Read(reader) => {
                let length = |s: u32| offsets[s as usize + 1] - offsets[s as usize];
                let mut first = vec![0];
                samples.iter().for_each(|&s| first.push(first[first.len() - 1] + length(s)));
                let expected = first[samples.len()] * self.row_len;
                let mut state = reader.state();
                reader.read(samples, expected, &mut state.buffer)?;
                let sample =
                    |at: usize| first.partition_point(|f| *f <= at / self.row_len.max(1)) - 1;
                reader.check(&state.ranges, slice_of(&state.buffer), samples, sample)?;
                run(slice_of(&state.buffer), &|i| first[i]);
            }
        }
        Ok(())
    }

    /// Fails on a number that is no class or id: whole, from 0 and below `n` (or the one that is
    /// ignored). Numbers of a data set are checked batch by batch.
    pub(crate) fn check_range(
        &self,
        who: &str,
        what: &'static str,
        n: usize,
        ignored: Option<i64>,
    ) -> Result<()> {
        let range = Range { who: who.to_owned(), what, n, ignored };
        let sample = |at: usize| {
            let row = at / self.row_len.max(1);
            self.offsets.as_ref().map_or(row, |o| o.partition_point(|first| *first <= row) - 1)
        };
        match &self.source {
            Source::Owned(buffer) => range.check(slice_of(buffer), sample),
            Source::Borrowed(slice) => range.check(*slice, sample),
            Source::Read(reader) => {
                let mut state = reader.state();
                // Two layers may read one input: each limit holds.
                state.ranges.retain(|r| r.what != what || r.n < range.n);
                if state.ranges.iter().all(|r| r.what != what) {
                    state.ranges.push(range);
                }
                Ok(())
            }
        }
    }

    /// A batch buffer of its type.
    pub(crate) fn empty_batch(&self) -> Tensor {
        Tensor::zeros(self.dtype, &[0])
    }
}

/// The type of a slice's elements.
fn type_of(slice: &Slice<'_>) -> DType {
    cornu_ir::View { dims: &[], data: *slice }.dtype()
}

/// The elements of a slice that has the type of the data.
fn elements<'s, T: Element>(slice: &Slice<'s>) -> &'s [T] {
    T::of(slice).expect("a slice has the type of its data")
}

/// Numbers with their dims and, where ragged, offsets.
type Taken<'a> = (Source<'a>, Vec<usize>, Option<Vec<usize>>);

/// An array's numbers in another type.
fn cast<'a>(who: &str, array: &Array, dtype: DType) -> Result<Taken<'a>> {
    let here = |e: crate::data::DataError| Error::from(e.within(who));
    let buffer = match dtype {
        DType::F32 => Buffer::F32(array.to_f32().map_err(here)?.iter().copied().collect()),
        DType::F64 => Buffer::F64(array.to_f64().map_err(here)?.iter().copied().collect()),
        DType::I32 => Buffer::I32(array.to_i32().map_err(here)?.iter().copied().collect()),
        DType::I64 => Buffer::I64(array.to_i64().map_err(here)?.iter().copied().collect()),
        DType::Bool => {
            Buffer::Bool(array.to_bool().map_err(here)?.iter().map(|b| u8::from(*b)).collect())
        }
    };
    Ok((Source::Owned(buffer), array.shape().to_vec(), None))
}

/// An array's numbers in its own memory where the type is right.
fn owned<'a>(who: &str, array: Array, dtype: DType) -> Result<Taken<'a>> {
    let dims = array.shape().to_vec();
    let buffer = match (array, dtype) {
        (Array::F32(a), DType::F32) => Buffer::F32(in_order(a)),
        (Array::F64(a), DType::F64) => Buffer::F64(in_order(a)),
        (Array::I32(a), DType::I32) => Buffer::I32(in_order(a)),
        (Array::I64(a), DType::I64) => Buffer::I64(in_order(a)),
        (array, dtype) => return cast(who, &array, dtype),
    };
    Ok((Source::Owned(buffer), dims, None))
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
