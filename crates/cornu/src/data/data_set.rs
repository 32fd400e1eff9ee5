//! Data sets that are read batch by batch.

use super::array::Array;
use super::error::{DataError, Result};
use super::ragged::Ragged;
use super::source::Data;
use cornu_ir::{Buffer, DType};
use std::ops::Range;

/// Role of an array of a [`DataSet`]: input, target or sample weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An input of the model.
    Input,
    /// A target of an output.
    Target,
    /// The sample weights of an output.
    SampleWeight,
}

/// Description of an array of a [`DataSet`].
#[derive(Clone, Debug, PartialEq)]
pub struct ArrayInfo {
    /// Role of the array.
    pub role: Role,
    /// Name of the model's input or output; empty for arrays in the model's order.
    pub name: String,
    /// Type by Keras's name: `float32`, `float64`, `int32`, `int64` or `bool`.
    pub dtype: &'static str,
    /// Shape of one sample. The first axis is `None` for sequences of unequal length.
    pub sample_shape: Vec<Option<usize>>,
}

impl ArrayInfo {
    /// Returns an input, in the order of the model's inputs.
    pub fn input(dtype: &'static str, sample_shape: impl IntoIterator<Item = usize>) -> Self {
        Self::of(Role::Input, dtype, sample_shape)
    }

    /// Returns a target, in the order of the model's outputs.
    pub fn target(dtype: &'static str, sample_shape: impl IntoIterator<Item = usize>) -> Self {
        Self::of(Role::Target, dtype, sample_shape)
    }

    /// Returns sample weights, in the order of the model's outputs.
    pub fn weight() -> Self {
        Self::of(Role::SampleWeight, "float32", [])
    }

    fn of(role: Role, dtype: &'static str, shape: impl IntoIterator<Item = usize>) -> Self {
        let sample_shape = shape.into_iter().map(Some).collect();
        Self { role, name: String::new(), dtype, sample_shape }
    }

    /// Sets the name of the model's input or output.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// Marks the array as sequences of unequal length: adds an axis of timesteps before the
    /// sample's shape.
    pub fn sequences(mut self) -> Self {
        self.sample_shape.insert(0, None);
        self
    }
}

/// Data set that is read batch by batch: windows over a series, files, a database.
///
/// `fit`, `evaluate` and `predict` take `&set` like arrays. The set holds the targets, so the
/// argument for targets is `()`. Each batch is read into the memory of the last one.
///
/// ```
/// use cornu::data::{ArrayInfo, DataError, DataSet, Rows};
/// use cornu::{Input, Model, Predict, Rescaling};
///
/// /// Sample `i` is (i, i²).
/// struct Squares(usize);
///
/// impl DataSet for Squares {
///     fn n_samples(&self) -> usize {
///         self.0
///     }
///     fn arrays(&self) -> Vec<ArrayInfo> {
///         vec![ArrayInfo::input("float32", [2])]
///     }
///     fn read(&self, _: usize, rows: &[u32], to: &mut Rows<'_>) -> Result<(), DataError> {
///         rows.iter().try_for_each(|&i| to.extend(&[i as f32, (i * i) as f32]))
///     }
/// }
///
/// let x = Input::new([2]);
/// let model = Model::new(&x, &Rescaling::new(2.0, 0.0).call(&x)?)?;
/// let y = model.predict(&Squares(4), Predict::new())?;
/// let numbers: Vec<f32> = y.f32()?.iter().copied().collect();
/// assert_eq!(numbers, [0.0, 0.0, 2.0, 2.0, 4.0, 8.0, 6.0, 18.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
pub trait DataSet: Sync {
    /// Returns the number of samples.
    fn n_samples(&self) -> usize;

    /// Returns the arrays of each sample: inputs, targets and weights.
    fn arrays(&self) -> Vec<ArrayInfo>;

    /// Returns the timesteps of each sample of an array of sequences of unequal length.
    fn lengths(&self, _array: usize) -> Option<Vec<usize>> {
        None
    }

    /// Writes the samples `rows` of an array, one after the other, each in C order. Sequences are
    /// written without padding.
    ///
    /// # Errors
    /// An error of reading the samples.
    fn read(&self, array: usize, rows: &[u32], into: &mut Rows<'_>) -> Result<()>;
}

/// Memory of a batch, to which [`DataSet::read`] writes samples, in the type of the model.
pub struct Rows<'b> {
    buffer: &'b mut Buffer,
}

/// Number type that a [`DataSet`] can write.
pub trait Number: Copy + 'static {
    #[doc(hidden)]
    fn append(values: &[Self], buffer: &mut Buffer) -> Result<()>;
}

/// Appends numbers of another type than the buffer's.
fn cast_onto(values: Array, buffer: &mut Buffer) -> Result<()> {
    match buffer {
        Buffer::F32(v) => v.extend(values.to_f32()?.iter()),
        Buffer::F64(v) => v.extend(values.to_f64()?.iter()),
        Buffer::I32(v) => v.extend(values.to_i32()?.iter()),
        Buffer::I64(v) => v.extend(values.to_i64()?.iter()),
        Buffer::Bool(v) => v.extend(values.to_bool()?.iter().map(|b| u8::from(*b))),
    }
    Ok(())
}

macro_rules! numbers {
    ($($T:ty => $Variant:ident;)*) => {
        $(impl Number for $T {
            fn append(values: &[Self], buffer: &mut Buffer) -> Result<()> {
                match buffer {
                    Buffer::$Variant(v) => v.extend_from_slice(values),
                    other => cast_onto(Array::from(values), other)?,
                }
                Ok(())
            }
        })*
    };
}
numbers! { f32 => F32; f64 => F64; i32 => I32; i64 => I64; }

impl Number for bool {
    fn append(values: &[Self], buffer: &mut Buffer) -> Result<()> {
        cast_onto(Array::from(values), buffer)
    }
}

impl Rows<'_> {
    /// Appends numbers: a sample, part of a sample, or several samples.
    ///
    /// # Errors
    /// Numbers that the type of the model cannot hold.
    pub fn extend<T: Number>(&mut self, values: &[T]) -> Result<()> {
        T::append(values, self.buffer)
    }
}

/// One array of a [`DataSet`]: the samples of a range.
#[derive(Clone)]
pub(crate) struct SetArray<'a> {
    pub(crate) set: &'a dyn DataSet,
    pub(crate) number: usize,
    pub(crate) info: ArrayInfo,
    pub(crate) rows: Range<usize>,
}

impl SetArray<'_> {
    /// The timesteps of each sample of the range, where the array is of sequences of unequal
    /// length.
    pub(crate) fn lengths(&self) -> Option<Vec<usize>> {
        if self.info.sample_shape.first() != Some(&None) {
            return None;
        }
        let all = self.set.lengths(self.number)?;
        Some(all[self.rows.clone()].to_vec())
    }
}

/// Number of elements of a buffer.
fn count(buffer: &Buffer) -> usize {
    match buffer {
        Buffer::F32(v) => v.len(),
        Buffer::F64(v) => v.len(),
        Buffer::I32(v) => v.len(),
        Buffer::I64(v) => v.len(),
        Buffer::Bool(v) => v.len(),
    }
}

/// Reads samples of an array, which must be `expected` numbers, into a buffer that keeps its
/// memory.
pub(crate) fn read_rows(
    array: &SetArray<'_>,
    rows: &[u32],
    expected: usize,
    buffer: &mut Buffer,
) -> Result<()> {
    match buffer {
        Buffer::F32(v) => v.clear(),
        Buffer::F64(v) => v.clear(),
        Buffer::I32(v) => v.clear(),
        Buffer::I64(v) => v.clear(),
        Buffer::Bool(v) => v.clear(),
    }
    let into = &mut Rows { buffer };
    match array.rows.start as u32 {
        0 => array.set.read(array.number, rows, into)?,
        first => {
            let shifted: Vec<u32> = rows.iter().map(|row| row + first).collect();
            array.set.read(array.number, &shifted, into)?;
        }
    }
    let got = count(buffer);
    if got != expected {
        return Err(DataError::invalid(
            format!("data set, array {}", array.number),
            format!("`read` must give the {expected} numbers of the {} samples.", rows.len()),
            got.to_string(),
        ));
    }
    Ok(())
}

/// The type of the waist by Keras's name.
pub(crate) fn dtype_of(name: &str) -> Result<DType> {
    Ok(match name {
        "float32" => DType::F32,
        "float64" => DType::F64,
        "int32" => DType::I32,
        "int64" => DType::I64,
        "bool" => DType::Bool,
        other => {
            let rule = "the type must be float32, float64, int32, int64 or bool.";
            return Err(DataError::invalid("data set", rule, format!("`{other}`")));
        }
    })
}

/// All samples of an array in memory.
pub(crate) fn read_whole(array: &SetArray<'_>) -> Result<Data> {
    let rows: Vec<u32> = (0..array.rows.len() as u32).collect();
    let known: Vec<usize> = array.info.sample_shape.iter().flatten().copied().collect();
    let lengths = array.lengths();
    let n_rows = lengths.as_ref().map_or(rows.len(), |l| l.iter().sum());
    let shape: Vec<usize> = std::iter::once(n_rows).chain(known).collect();
    let mut buffer = Buffer::zeros(dtype_of(array.info.dtype)?, 0);
    read_rows(array, &rows, shape.iter().product(), &mut buffer)?;
    let values = match buffer {
        Buffer::F32(v) => Array::from(v),
        Buffer::F64(v) => Array::from(v),
        Buffer::I32(v) => Array::from(v),
        Buffer::I64(v) => Array::from(v),
        Buffer::Bool(v) => Array::from(v.into_iter().map(|b| b != 0).collect::<Vec<bool>>()),
    };
    let values = values.reshape(&shape)?;
    Ok(match lengths {
        None => Data::Dense(values),
        Some(lengths) => {
            let mut offsets = vec![0];
            lengths.iter().for_each(|l| offsets.push(offsets[offsets.len() - 1] + l));
            Data::Ragged(Ragged::new(values, offsets)?)
        }
    })
}
