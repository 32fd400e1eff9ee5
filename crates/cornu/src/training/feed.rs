//! Data on their way into a run: cast once to the types of the model's entries, then cut into
//! batches.

use super::packed_rows::PackedRows;
use crate::data::{Array, Data, Ragged};
use crate::{Error, Result};
use cornu_ir::{DType, Spec, Tensor, View};

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

/// What becomes of sequences of unequal length in one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Unequal {
    /// The model knows the lengths: layers, losses and metrics leave out what is past the end of a
    /// sequence, and recurrent layers do not compute it. A layer that cannot is an error.
    #[default]
    Known,
    /// They are filled up with a value, which a Masking layer (or an Embedding with `mask_zero`)
    /// then leaves out, as in Keras.
    Pad(f64),
    /// An error that names the ways out.
    Refuse,
}

impl Unequal {
    /// What stands past the end of a sequence.
    pub(crate) fn filler(self) -> f64 {
        if let Unequal::Pad(v) = self { v } else { 0.0 }
    }
}

/// How the losses of batches become that of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EpochLoss {
    /// Exact: a loss by timestep counts every timestep of sequences of unequal length alike,
    /// whatever batch it came in. Any other loss counts every sample alike.
    #[default]
    Timesteps,
    /// Keras's: every batch counts by its samples, so that a timestep in a batch of short sequences
    /// weighs more.
    Keras,
}

impl EpochLoss {
    /// `timesteps` or `keras`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "timesteps" => Ok(Self::Timesteps),
            "keras" => Ok(Self::Keras),
            other => Err(Error::argument("epoch_loss", "must be timesteps or keras", other)),
        }
    }
}

/// A batch on its way into a program.
#[derive(Default)]
pub(crate) struct Batch {
    /// Its arrays, which keep their memory from batch to batch: inputs, targets and weights, then
    /// bool (B, T), which timesteps are a sequence's own, where the sequences are of unequal
    /// length.
    pub(crate) arrays: Vec<Tensor>,
    /// How sequences of unequal length stand in packed rows.
    pub(crate) packed: Option<PackedRows>,
    /// Which of the arrays stand in them, (N of all shards, …); the others are (B, …).
    pub(crate) in_rows: Vec<bool>,
    /// The samples, in the order in which they are computed.
    pub(crate) samples: Vec<u32>,
}

/// Timesteps of each sample of a batch. Inputs of sequences must agree in them; none where no input
/// is one.
fn common_lengths(inputs: &[Fed], samples: &[u32]) -> Result<Option<Vec<usize>>> {
    let mut first: Option<Vec<usize>> = None;
    for f in inputs {
        let Some(lengths) = f.lengths_of(samples) else { continue };
        if first.as_ref().is_some_and(|l| *l != lengths) {
            return Err(Error::Data(
                "several inputs of sequences must agree in the timesteps of each sample".into(),
            ));
        }
        first = Some(lengths);
    }
    Ok(first)
}

/// Why sequences of unequal length make no rectangle, and the ways out.
fn ragged_error(lengths: &[usize]) -> Error {
    let (low, high) =
        (lengths.iter().min().copied().unwrap_or(0), lengths.iter().max().copied().unwrap_or(0));
    Error::Data(format!(
        "a batch is a rectangle (batch, timesteps, features): all its sequences must have the same \
            number of timesteps. Received: sequences of {low} to {high} timesteps. \
         Three ways out: batch size 1; batches of equal length (batches = \"equal-length\" \
            or \"bucket\"); sequences as they are (Unequal::Known), whose lengths the model knows \
            as by a mask"
    ))
}

impl Batch {
    /// Specs of the arrays.
    pub(crate) fn specs(&self) -> Vec<Spec> {
        self.arrays.iter().map(Tensor::spec).collect()
    }

    /// Copies samples of inputs and of what belongs to them into the batch. Sequences of unequal
    /// length that the model is to know are packed, in as many shards as `count_shards` says for
    /// the specs of such a batch; with `in_order` samples keep their places.
    pub(crate) fn gather(
        &mut self,
        inputs: &[Fed],
        further: &[&Fed],
        samples: &[u32],
        unequal: Unequal,
        in_order: bool,
        count_shards: impl FnOnce(&[Spec], &[bool], &PackedRows) -> Result<usize>,
    ) -> Result<()> {
        let sets = || inputs.iter().chain(further.iter().copied());
        let given = common_lengths(inputs, samples)?.unwrap_or_default();
        let longest = given.iter().copied().max().unwrap_or(0);
        let is_even = given.iter().all(|l| *l == longest) && (longest > 0 || given.is_empty());
        if unequal == Unequal::Refuse && !is_even {
            return Err(ragged_error(&given));
        }
        self.samples.clear();
        self.samples.extend(samples);
        let n_sets = sets().count();
        self.arrays.truncate(n_sets);
        self.arrays.extend(sets().skip(self.arrays.len()).map(Fed::empty_batch));
        let is_packed = !is_even && unequal == Unequal::Known;
        self.in_rows =
            sets().map(|f| is_packed && f.lengths_of(samples).as_ref() == Some(&given)).collect();
        self.packed = None;
        if is_packed {
            let whole = PackedRows::whole(&given);
            let mut specs: Vec<Spec> = sets()
                .zip(&self.in_rows)
                .map(|(f, in_rows)| f.batch_spec(samples, &whole, *in_rows))
                .collect();
            specs.push(Spec::known(DType::Bool, &[samples.len(), whole.timesteps]));
            let n_shards = count_shards(&specs, &self.in_rows, &whole)?;
            let (packed, order) = PackedRows::dealt(&given, n_shards, in_order);
            self.samples.clear();
            self.samples.extend(order.iter().map(|&i| samples[i]));
            self.packed = Some(packed);
        }
        for (i, (f, array)) in sets().zip(&mut self.arrays).enumerate() {
            match &self.packed {
                Some(packed) if self.in_rows[i] => f.pack(&self.samples, array, packed),
                Some(packed) => f.gather(&self.samples, array, packed.timesteps, 0.0),
                // Targets and weights by timestep are filled up with 0: the mask leaves them out.
                None => f.gather(
                    &self.samples,
                    array,
                    longest,
                    if i < inputs.len() { unequal.filler() } else { 0.0 },
                ),
            }
        }
        if let Some(packed) = &self.packed {
            let lengths =
                inputs.iter().find_map(|f| f.lengths_of(&self.samples)).unwrap_or_default();
            let own = lengths
                .iter()
                .flat_map(|l| (0..packed.timesteps).map(move |t| (t < *l) as u8))
                .collect();
            self.arrays.push(Tensor::new(&[self.samples.len(), packed.timesteps], own));
        }
        Ok(())
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
    /// Whether each batch is filled up to its own longest sample, whose ends nobody is told: text.
    filled_up: bool,
}

impl Fed {
    /// Casts data. Ids and labels must be numbers of their range; `who` names the data in errors.
    pub(crate) fn new(who: &str, data: &Data, dtype: DType) -> Result<Self> {
        let array = data.values();
        let here = |e: crate::data::DataError| Error::from(e.within(who));
        let dims = array.shape().to_vec();
        let tensor = match dtype {
            DType::F32 => Tensor::new(
                &dims,
                array.to_f32().map_err(here)?.iter().copied().collect::<Vec<_>>(),
            ),
            DType::F64 => Tensor::new(
                &dims,
                array.to_f64().map_err(here)?.iter().copied().collect::<Vec<_>>(),
            ),
            DType::I32 => Tensor::new(
                &dims,
                array.to_i32().map_err(here)?.iter().copied().collect::<Vec<_>>(),
            ),
            DType::I64 => Tensor::new(
                &dims,
                array.to_i64().map_err(here)?.iter().copied().collect::<Vec<_>>(),
            ),
            DType::Bool => Tensor::new(
                &dims,
                array.to_bool().map_err(here)?.iter().map(|b| *b as u8).collect::<Vec<_>>(),
            ),
        };
        if dims.is_empty() {
            return Err(Error::Data(format!(
                "{who}: expected samples along axis 0. Received: a single number"
            )));
        }
        let offsets = match data {
            Data::Dense(_) => None,
            Data::Ragged(r) => Some(r.offsets().to_vec()),
        };
        Ok(Self { tensor, row_len: dims[1..].iter().product(), offsets, filled_up: false })
    }

    /// What a layer encoded, in the type it has.
    pub(crate) fn encoded(who: &str, data: &Data, filled_up: bool) -> Result<Self> {
        let dtype = if data.dtype() == "int64" { DType::I64 } else { DType::F32 };
        Ok(Self { filled_up, ..Self::new(who, data, dtype)? })
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

    /// What [`Batch::gather`] makes of samples.
    fn batch_spec(&self, samples: &[u32], packed: &PackedRows, in_rows: bool) -> Spec {
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
    fn pack(&self, samples: &[u32], batch: &mut Tensor, packed: &PackedRows) {
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
            self.tensor.view().get::<T>().iter().map(|x| *x as f64).enumerate().find(|(_, x)| wrong(*x) && ignored != Some(*x as i64))
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
