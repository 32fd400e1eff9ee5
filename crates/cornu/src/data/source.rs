//! What a model is given: a rectangle or ragged series.

use super::array::Array;
use super::axes::shape_text;
use super::error::{DataError, Result};
use super::ragged::Ragged;
use std::ops::Range;

/// Values of one input, target or sample weight: an array, or series of unequal length.
///
/// `impl Into<Data>` takes ndarrays of any rank, by value, by reference or as views, vectors,
/// [`Array`] and [`Ragged`].
///
/// ```
/// use cornu::data::{Data, Ragged};
/// let dense = Data::from(ndarray::Array3::<f32>::zeros((4, 20, 1)));
/// assert_eq!((dense.n_samples(), dense.shape_text()), (4, "(4, 20, 1)".to_owned()));
/// let ragged = Data::from(Ragged::from_list([vec![7i64, 8], vec![9]])?);
/// assert_eq!(ragged.take(&[1])?.lengths(), Some(vec![1]));
/// # Ok::<(), cornu::data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Array (B, …).
    Dense(Array),
    /// Series of unequal length.
    Ragged(Ragged),
}

impl Data {
    /// Returns series as an array if all have the same length, else as ragged series.
    pub fn from_series(series: Ragged) -> Data {
        match series.rectangle() {
            Some(array) => Data::Dense(array),
            None => Data::Ragged(series),
        }
    }

    /// Returns the number of samples.
    pub fn n_samples(&self) -> usize {
        match self {
            Data::Dense(a) => a.n_samples(),
            Data::Ragged(r) => r.n_samples(),
        }
    }

    /// Returns the type by Keras's name.
    pub fn dtype(&self) -> &'static str {
        self.values().dtype()
    }

    /// Returns the values: (B, …) of an array, (N, …) of ragged series.
    pub fn values(&self) -> &Array {
        match self {
            Data::Dense(a) => a,
            Data::Ragged(r) => r.values(),
        }
    }

    /// Returns the lengths of ragged series; `None` for an array.
    pub fn lengths(&self) -> Option<Vec<usize>> {
        match self {
            Data::Dense(_) => None,
            Data::Ragged(r) => Some(r.lengths()),
        }
    }

    /// Returns the shape of one sample, with `None` for an axis of unequal lengths.
    pub fn sample_shape(&self) -> Vec<Option<usize>> {
        match self {
            Data::Dense(a) => a.shape().iter().skip(1).map(|&d| Some(d)).collect(),
            Data::Ragged(r) => std::iter::once(None)
                .chain(r.values().shape()[1..].iter().map(|&d| Some(d)))
                .collect(),
        }
    }

    /// Returns the shape as text: `(4, 20, 1)`, or `(4, 7..29, 12)` with the shortest and longest
    /// length.
    pub fn shape_text(&self) -> String {
        match self {
            Data::Dense(a) => shape_text(a.shape()),
            Data::Ragged(r) => {
                let lengths = r.lengths();
                let (low, high) =
                    (lengths.iter().min().unwrap_or(&0), lengths.iter().max().unwrap_or(&0));
                let rest: String =
                    r.values().shape()[1..].iter().map(|d| format!(", {d}")).collect();
                format!("({}, {low}..{high}{rest})", r.n_samples())
            }
        }
    }

    /// Returns the samples `rows`, in this order.
    ///
    /// # Errors
    /// As [`Array::take`].
    pub fn take(&self, rows: &[u32]) -> Result<Data> {
        Ok(match self {
            Data::Dense(a) => Data::Dense(a.take(rows)?),
            Data::Ragged(r) => Data::Ragged(r.take(rows)?),
        })
    }

    /// Returns the samples of a range; indices beyond the last are ignored.
    ///
    /// # Errors
    /// A single number has no samples.
    pub fn slice(&self, rows: Range<usize>) -> Result<Data> {
        Ok(match self {
            Data::Dense(a) => Data::Dense(a.slice(rows)?),
            Data::Ragged(r) => Data::Ragged(r.slice(rows)?),
        })
    }

    /// Returns all samples of `parts`, concatenated; an array among ragged parts becomes ragged.
    ///
    /// # Errors
    /// As [`Array::concat`].
    pub fn concat(parts: &[Data]) -> Result<Data> {
        if parts.iter().all(|p| matches!(p, Data::Dense(_))) {
            let arrays: Vec<Array> = parts.iter().map(|p| p.values().clone()).collect();
            return Ok(Data::Dense(Array::concat(&arrays)?));
        }
        let series: Vec<Ragged> = parts.iter().map(Data::to_ragged).collect::<Result<_>>()?;
        Ok(Data::Ragged(Ragged::concat(&series)?))
    }

    /// Returns the samples as series; those of an array (B, T, F…) all have length T.
    ///
    /// # Errors
    /// A rectangle without an axis of timesteps.
    pub fn to_ragged(&self) -> Result<Ragged> {
        match self {
            Data::Ragged(r) => Ok(r.clone()),
            Data::Dense(a) if a.rank() >= 2 => {
                let (b, t) = (a.shape()[0], a.shape()[1]);
                let mut shape = vec![b * t];
                shape.extend_from_slice(&a.shape()[2..]);
                Ragged::new(a.clone().reshape(&shape)?, (0..=b).map(|i| i * t).collect())
            }
            Data::Dense(a) => Err(DataError::invalid(
                "series",
                "an axis of timesteps is needed: (samples, timesteps, features).",
                shape_text(a.shape()),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn equal_lengths_become_a_rectangle() {
        let same = Ragged::from_list([array![[1.0f32], [2.0]], array![[3.0], [4.0]]]).unwrap();
        assert_eq!(Data::from_series(same).shape_text(), "(2, 2, 1)");
        let other = Ragged::from_list([array![[1.0f32], [2.0]], array![[3.0]]]).unwrap();
        let data = Data::from_series(other);
        assert_eq!(data.shape_text(), "(2, 1..2, 1)");
        assert_eq!(data.sample_shape(), [None, Some(1)]);
    }

    #[test]
    fn a_rectangle_joins_ragged_parts() {
        let dense = Data::from(array![[[1.0f32], [2.0]]]);
        let ragged = Data::from(Ragged::from_list([array![[3.0f32]]]).unwrap());
        let joined = Data::concat(&[dense.clone(), ragged]).unwrap();
        assert_eq!(joined.lengths(), Some(vec![2, 1]));
        assert_eq!(Data::concat(&[dense.clone(), dense]).unwrap().shape_text(), "(2, 2, 1)");
        assert!(Data::from([1.0f32]).to_ragged().is_err());
    }
}
