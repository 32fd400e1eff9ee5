//! An array of any rank and of one of the types that models take.

use super::axes::shape_text;
use super::error::{DataError, Result};
use ndarray::{ArrayD, Axis, IxDyn};
use std::ops::Range;

/// Array of numbers or strings, of any rank. The first axis counts the samples.
///
/// Made from any `ndarray` array or view, owned or borrowed, and from vectors.
///
/// ```
/// use cornu::data::Array;
/// let a = Array::from(&ndarray::array![[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]]);
/// assert_eq!((a.shape(), a.dtype()), (&[3, 2][..], "float32"));
/// assert_eq!(a.take(&[2, 0])?, Array::from(ndarray::array![[5.0f32, 6.0], [1.0, 2.0]]));
/// # Ok::<(), cornu::data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Array {
    /// Values of type `float32`.
    F32(ArrayD<f32>),
    /// Values of type `float64`.
    F64(ArrayD<f64>),
    /// Values of type `int32`.
    I32(ArrayD<i32>),
    /// Values of type `int64`.
    I64(ArrayD<i64>),
    /// Values of type `bool`.
    Bool(ArrayD<bool>),
    /// Values of type `string`.
    Str(ArrayD<String>),
}

/// One expression for the array inside, whatever its type.
macro_rules! each {
    ($array:expr, $inner:ident => $body:expr) => {
        match $array {
            $crate::data::Array::F32($inner) => $body,
            $crate::data::Array::F64($inner) => $body,
            $crate::data::Array::I32($inner) => $body,
            $crate::data::Array::I64($inner) => $body,
            $crate::data::Array::Bool($inner) => $body,
            $crate::data::Array::Str($inner) => $body,
        }
    };
}

/// As `each!`, with the result wrapped in the same variant.
macro_rules! map_each {
    ($array:expr, $inner:ident => $body:expr) => {
        match $array {
            $crate::data::Array::F32($inner) => $crate::data::Array::F32($body),
            $crate::data::Array::F64($inner) => $crate::data::Array::F64($body),
            $crate::data::Array::I32($inner) => $crate::data::Array::I32($body),
            $crate::data::Array::I64($inner) => $crate::data::Array::I64($body),
            $crate::data::Array::Bool($inner) => $crate::data::Array::Bool($body),
            $crate::data::Array::Str($inner) => $crate::data::Array::Str($body),
        }
    };
}
pub(crate) use {each, map_each};

impl Array {
    /// Returns the lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        each!(self, a => a.shape())
    }

    /// Returns the type by Keras's name: `float32`, `float64`, `int32`, `int64`, `bool`, `string`.
    pub fn dtype(&self) -> &'static str {
        match self {
            Array::F32(_) => "float32",
            Array::F64(_) => "float64",
            Array::I32(_) => "int32",
            Array::I64(_) => "int64",
            Array::Bool(_) => "bool",
            Array::Str(_) => "string",
        }
    }

    /// Returns the number of axes.
    pub fn rank(&self) -> usize {
        self.shape().len()
    }

    /// Returns the number of values.
    pub fn len(&self) -> usize {
        each!(self, a => a.len())
    }

    /// True if there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the length of the first axis; 0 for a single number, which has none.
    pub fn n_samples(&self) -> usize {
        self.shape().first().copied().unwrap_or(0)
    }

    /// Returns the samples `rows`, in this order; a row may occur twice.
    ///
    /// # Errors
    /// A single number has no samples; a row beyond the last.
    pub fn take(&self, rows: &[u32]) -> Result<Array> {
        self.need_samples("take")?;
        let n = self.n_samples();
        if let Some(row) = rows.iter().find(|&&row| row as usize >= n) {
            return Err(DataError::invalid(
                "take",
                format!("rows must be below the {n} samples."),
                row.to_string(),
            ));
        }
        Ok(map_each!(self, a => take_rows(a, rows)))
    }

    /// Returns the samples of a range, as numpy's `a[start:end]`: indices beyond the last sample
    /// are ignored.
    pub fn slice(&self, rows: Range<usize>) -> Result<Array> {
        self.need_samples("slice")?;
        let end = rows.end.min(self.n_samples());
        let start = rows.start.min(end);
        Ok(map_each!(self, a => a.slice_axis(Axis(0), (start..end).into()).to_owned()))
    }

    /// Returns all samples of `parts`, concatenated along the first axis.
    ///
    /// # Errors
    /// Parts of different types or of different shapes beyond the first axis; no part at all.
    pub fn concat(parts: &[Array]) -> Result<Array> {
        let Some(first) = parts.first() else {
            return Err(DataError::invalid("concat", "at least one array is needed.", "none"));
        };
        macro_rules! of {
            ($variant:ident) => {{
                let mut views = Vec::with_capacity(parts.len());
                for part in parts {
                    match part {
                        Array::$variant(a) => views.push(a.view()),
                        other => {
                            return Err(DataError::invalid(
                                "concat",
                                "all arrays must have one type; cast them first.",
                                format!("{} and {}", first.dtype(), other.dtype()),
                            ));
                        }
                    }
                }
                ndarray::concatenate(Axis(0), &views).map(Array::$variant)
            }};
        }
        let joined = match first {
            Array::F32(_) => of!(F32),
            Array::F64(_) => of!(F64),
            Array::I32(_) => of!(I32),
            Array::I64(_) => of!(I64),
            Array::Bool(_) => of!(Bool),
            Array::Str(_) => of!(Str),
        };
        joined.map_err(|_| {
            let shapes: Vec<String> = parts.iter().map(|p| shape_text(p.shape())).collect();
            DataError::invalid(
                "concat",
                "shapes must agree on every axis but the first.",
                shapes.join(", "),
            )
        })
    }

    /// Returns the values, in C order, in another shape.
    ///
    /// # Errors
    /// A shape that holds another number of values.
    pub fn reshape(self, shape: &[usize]) -> Result<Array> {
        let held: Option<usize> = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        let fits = shape
            .iter()
            .try_fold(1isize, |n, &d| n.checked_mul(isize::try_from(d).ok()?.max(1)))
            .is_some();
        if held != Some(self.len()) || !fits {
            let rule = format!("{} values fill only a shape with that product.", self.len());
            return Err(DataError::invalid("reshape", rule, shape_text(shape)));
        }
        Ok(map_each!(self, a => {
            let values: Vec<_> = a.iter().cloned().collect();
            filled(shape, values)
        }))
    }

    pub(crate) fn need_samples(&self, who: &str) -> Result<()> {
        if self.rank() == 0 {
            return Err(DataError::invalid(
                who,
                "the array needs a first axis (samples).",
                "a single value, shape ()",
            ));
        }
        Ok(())
    }
}

/// An array of `values` in C order; the caller has checked that `shape` holds exactly them.
pub(crate) fn filled<T>(shape: &[usize], values: Vec<T>) -> ArrayD<T> {
    ArrayD::from_shape_vec(IxDyn(shape), values).expect("the shape was checked to hold the values")
}

fn take_rows<T: Clone>(a: &ArrayD<T>, rows: &[u32]) -> ArrayD<T> {
    let mut shape = a.shape().to_vec();
    let width: usize = shape[1..].iter().product();
    shape[0] = rows.len();
    let mut values = Vec::with_capacity(rows.len() * width);
    match a.as_slice() {
        Some(flat) => {
            for &row in rows {
                let start = row as usize * width;
                values.extend_from_slice(&flat[start..start + width]);
            }
        }
        None => {
            for &row in rows {
                values.extend(a.index_axis(Axis(0), row as usize).iter().cloned());
            }
        }
    }
    filled(&shape, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn rows_are_taken_from_any_layout() {
        let c = array![[1, 2, 3], [4, 5, 6]];
        let transposed = c.t();
        assert!(!transposed.is_standard_layout());
        let want = Array::from(array![[3, 6], [1, 4], [3, 6]]);
        assert_eq!(Array::from(transposed).take(&[2, 0, 2]).unwrap(), want);
        assert_eq!(Array::I32(transposed.to_owned().into_dyn()).take(&[2, 0, 2]).unwrap(), want);
    }

    #[test]
    fn a_row_beyond_the_last_is_an_error() {
        let e = Array::from(vec![1.0f32, 2.0]).take(&[2]).unwrap_err();
        assert_eq!(e.to_string(), "take: rows must be below the 2 samples. Received: 2.");
        let scalar = Array::from(ndarray::arr0(1.0f32));
        assert!(scalar.take(&[0]).unwrap_err().to_string().contains("shape ()"));
    }

    #[test]
    fn slices_end_with_the_data() {
        let a = Array::from(vec![1i64, 2, 3]);
        assert_eq!(a.slice(1..9).unwrap(), Array::from(vec![2i64, 3]));
        assert_eq!(a.slice(5..9).unwrap().len(), 0);
    }

    #[test]
    fn concat_wants_one_type_and_one_width() {
        let a = Array::from(array![[1.0f32, 2.0]]);
        let b = Array::from(array![[3.0f32, 4.0], [5.0, 6.0]]);
        assert_eq!(
            Array::concat(&[a.clone(), b]).unwrap(),
            Array::from(array![[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]])
        );
        assert!(Array::concat(&[a.clone(), Array::from(array![[1i32, 2]])]).is_err());
        assert!(Array::concat(&[a, Array::from(array![[1.0f32]])]).is_err());
        assert!(Array::concat(&[]).is_err());
    }

    #[test]
    fn reshape_counts_the_values() {
        let a = Array::from(vec![1i64, 2, 3, 4]);
        assert_eq!(a.clone().reshape(&[2, 2]).unwrap(), Array::from(array![[1i64, 2], [3, 4]]));
        assert!(a.clone().reshape(&[3]).is_err());
        assert!(a.reshape(&[usize::MAX, 2]).is_err());
    }
}
