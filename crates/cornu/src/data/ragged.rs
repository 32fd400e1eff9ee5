//! Series of unequal length, end to end.

use super::array::{Array, each, filled, map_each};
use super::axes::shape_text;
use super::error::{DataError, Result};
use ndarray::{ArrayD, Axis};
use std::ops::Range;

/// Series of unequal length, concatenated: series `i` is `values[offsets[i]..offsets[i + 1]]`.
///
/// Shapes: values (N, F…), offsets (B + 1), `N` the sum of the lengths. Empty series are allowed.
///
/// ```
/// use cornu::data::{Array, PadSide, Ragged};
/// use ndarray::array;
/// let series = Ragged::from_list([array![[1.0f32], [2.0]], array![[3.0f32]]])?;
/// assert_eq!(series.offsets(), [0, 2, 3]);
/// let (padded, mask) = series.pad(PadSide::Post, 0.0, None)?;
/// assert_eq!(padded, Array::from(array![[[1.0f32], [2.0]], [[3.0], [0.0]]]));
/// assert_eq!(mask, Array::from(array![[true, true], [true, false]]));
/// # Ok::<(), cornu::data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Ragged {
    values: Array,
    offsets: Vec<usize>,
}

/// Side of padding, as in Keras's `pad_sequences`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PadSide {
    /// Padding before the series.
    Pre,
    /// Padding after the series; recurrent layers are fastest with it.
    #[default]
    Post,
}

impl Ragged {
    /// Returns series from concatenated values and the offset of each series, with the total last.
    ///
    /// # Errors
    /// Offsets that do not begin with 0, fall, or do not end with the number of rows of `values`.
    pub fn new(values: Array, offsets: Vec<usize>) -> Result<Self> {
        values.need_samples("ragged values")?;
        let n = values.n_samples();
        let wrong = |rule: String, received: String| {
            Err(DataError::invalid("ragged offsets", rule, received))
        };
        match offsets.first() {
            None => {
                return wrong(
                    "must hold one entry more than there are series.".into(),
                    "none".into(),
                );
            }
            Some(0) => {}
            Some(first) => return wrong("must begin with 0.".into(), first.to_string()),
        }
        if let Some(i) = (1..offsets.len()).find(|&i| offsets[i] < offsets[i - 1]) {
            let received = format!("{} after {} at entry {i}", offsets[i], offsets[i - 1]);
            return wrong("must not fall from one series to the next.".into(), received);
        }
        let last = offsets[offsets.len() - 1];
        if last != n {
            let rule = format!("must end with the number of rows of the values, {n}.");
            return wrong(rule, last.to_string());
        }
        Ok(Self { values, offsets })
    }

    /// Returns series from a list of arrays (T_i, F…), one for each series.
    ///
    /// # Errors
    /// No series; series that differ in their type or in anything but the number of timesteps.
    pub fn from_list<A: Into<Array>>(series: impl IntoIterator<Item = A>) -> Result<Self> {
        let parts: Vec<Array> = series.into_iter().map(Into::into).collect();
        let Some(first) = parts.first() else {
            return Err(DataError::invalid(
                "ragged list",
                "at least one series is needed.",
                "none",
            ));
        };
        let mut offsets = Vec::with_capacity(parts.len() + 1);
        offsets.push(0);
        for (i, part) in parts.iter().enumerate() {
            part.need_samples(&format!("series {i}"))?;
            if part.shape()[1..] != first.shape()[1..] {
                return Err(DataError::invalid(
                    format!("series {i}"),
                    format!(
                        "all series must agree in all but the timesteps; series 0 is (timesteps, \
                            features) = {}.",
                        shape_text(first.shape())
                    ),
                    shape_text(part.shape()),
                ));
            }
            if part.dtype() != first.dtype() {
                let rule = format!("all series must have one type; series 0 is {}.", first.dtype());
                return Err(DataError::invalid(format!("series {i}"), rule, part.dtype()));
            }
            offsets.push(offsets[i] + part.n_samples());
        }
        Ok(Self { values: Array::concat(&parts)?, offsets })
    }

    /// Returns all timesteps of all series (N, F…).
    pub fn values(&self) -> &Array {
        &self.values
    }

    /// The numbers of all timesteps, without where the sequences begin.
    pub(crate) fn into_values(self) -> Array {
        self.values
    }

    /// Returns the offset of each series, with the total last: B + 1 entries.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// Returns the number of series.
    pub fn n_samples(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Returns the number of timesteps of all series together.
    pub fn n_timesteps(&self) -> usize {
        self.values.n_samples()
    }

    /// Returns the number of timesteps of each series.
    pub fn lengths(&self) -> Vec<usize> {
        self.offsets.windows(2).map(|w| w[1] - w[0]).collect()
    }

    /// Returns the number of timesteps of the longest series.
    pub fn longest(&self) -> usize {
        self.offsets.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0)
    }

    /// Returns series `i` (T_i, F…).
    ///
    /// # Errors
    /// An index beyond the last series.
    pub fn row(&self, i: usize) -> Result<Array> {
        if i >= self.n_samples() {
            let rule = format!("the series must be below {}.", self.n_samples());
            return Err(DataError::invalid("row", rule, i.to_string()));
        }
        self.values.slice(self.offsets[i]..self.offsets[i + 1])
    }

    /// Returns the series `rows`, in this order; a row may occur twice.
    ///
    /// # Errors
    /// A row beyond the last.
    pub fn take(&self, rows: &[u32]) -> Result<Ragged> {
        let n = self.n_samples();
        let mut timesteps = Vec::new();
        let mut offsets = Vec::with_capacity(rows.len() + 1);
        offsets.push(0);
        for &row in rows {
            let row = row as usize;
            if row >= n {
                let rule = format!("rows must be below the {n} samples.");
                return Err(DataError::invalid("take", rule, row.to_string()));
            }
            timesteps.push(self.offsets[row]..self.offsets[row + 1]);
            offsets.push(offsets[offsets.len() - 1] + self.offsets[row + 1] - self.offsets[row]);
        }
        Ok(Ragged { values: map_each!(&self.values, a => gather(a, &timesteps)), offsets })
    }

    /// Returns the series of a range; indices beyond the last are ignored.
    pub fn slice(&self, rows: Range<usize>) -> Result<Ragged> {
        let end = rows.end.min(self.n_samples());
        let start = rows.start.min(end);
        let base = self.offsets[start];
        let offsets = self.offsets[start..=end].iter().map(|o| o - base).collect();
        Ok(Ragged { values: self.values.slice(base..self.offsets[end])?, offsets })
    }

    /// Returns all series of `parts`, one part after the other.
    ///
    /// # Errors
    /// As [`Array::concat`].
    pub fn concat(parts: &[Ragged]) -> Result<Ragged> {
        let values: Vec<Array> = parts.iter().map(|p| p.values.clone()).collect();
        let mut offsets = vec![0];
        for part in parts {
            let base = offsets[offsets.len() - 1];
            offsets.extend(part.offsets[1..].iter().map(|o| o + base));
        }
        Ok(Ragged { values: Array::concat(&values)?, offsets })
    }

    /// Pads the series with `value` to an array (B, T, F…), and returns it with the mask (B, T),
    /// true at real timesteps.
    ///
    /// `T` is `to`, or the longest length. Strings are padded with the empty string.
    ///
    /// # Errors
    /// `to` below the longest length; a `value` that the type of the data cannot hold.
    pub fn pad(&self, side: PadSide, value: f64, to: Option<usize>) -> Result<(Array, Array)> {
        let longest = self.longest();
        let t = to.unwrap_or(longest);
        if t < longest {
            let rule = format!(
                "the padded length must reach the longest series, {longest} timesteps; cut it \
                    before."
            );
            return Err(DataError::invalid("pad", rule, t.to_string()));
        }
        let b = self.n_samples();
        let mut mask = vec![false; b * t];
        let mut places = Vec::with_capacity(b);
        for i in 0..b {
            let length = self.offsets[i + 1] - self.offsets[i];
            let start = match side {
                PadSide::Pre => t - length,
                PadSide::Post => 0,
            };
            mask[i * t + start..i * t + start + length].fill(true);
            places.push(start);
        }
        let whole = Array::from([value]);
        let padded = match &self.values {
            Array::F32(a) => Array::F32(self.spread(a, value as f32, t, &places)),
            Array::F64(a) => Array::F64(self.spread(a, value, t, &places)),
            Array::I32(a) => Array::I32(self.spread(a, whole.to_i32()?[[0]], t, &places)),
            Array::I64(a) => Array::I64(self.spread(a, whole.to_i64()?[[0]], t, &places)),
            Array::Bool(a) => Array::Bool(self.spread(a, value != 0.0, t, &places)),
            Array::Str(a) => Array::Str(self.spread(a, String::new(), t, &places)),
        };
        Ok((padded, Array::Bool(filled(&[b, t], mask))))
    }

    fn spread<T: Clone>(
        &self,
        values: &ArrayD<T>,
        value: T,
        t: usize,
        places: &[usize],
    ) -> ArrayD<T> {
        let mut shape = vec![self.n_samples(), t];
        shape.extend_from_slice(&values.shape()[1..]);
        let mut padded = ArrayD::from_elem(shape, value);
        for (i, &start) in places.iter().enumerate() {
            let (from, to) = (self.offsets[i], self.offsets[i + 1]);
            padded
                .index_axis_mut(Axis(0), i)
                .slice_axis_mut(Axis(0), (start..start + to - from).into())
                .assign(&values.slice_axis(Axis(0), (from..to).into()));
        }
        padded
    }

    /// A rectangle if all series have one length above 0, else `None`.
    pub(crate) fn rectangle(&self) -> Option<Array> {
        let b = self.n_samples();
        let t = self.longest();
        if b == 0 || t == 0 || self.n_timesteps() != b * t || self.lengths().iter().any(|&l| l != t)
        {
            return None;
        }
        let mut shape = vec![b, t];
        shape.extend_from_slice(&self.values.shape()[1..]);
        self.values.clone().reshape(&shape).ok()
    }

    /// Returns the number of values in one timestep.
    pub fn timestep_width(&self) -> usize {
        each!(&self.values, a => a.shape()[1..].iter().product())
    }
}

/// The rows of `ranges`, one range after the other.
fn gather<T: Clone>(a: &ArrayD<T>, ranges: &[Range<usize>]) -> ArrayD<T> {
    let mut shape = a.shape().to_vec();
    let width: usize = shape[1..].iter().product();
    shape[0] = ranges.iter().map(Range::len).sum();
    let mut values = Vec::with_capacity(shape[0] * width);
    for range in ranges {
        match a.as_slice() {
            Some(flat) => values.extend_from_slice(&flat[range.start * width..range.end * width]),
            None => values.extend(a.slice_axis(Axis(0), range.clone().into()).iter().cloned()),
        }
    }
    filled(&shape, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    fn three() -> Ragged {
        Ragged::from_list([
            array![[1.0f32, 2.0], [3.0, 4.0]],
            Array2::zeros((0, 2)),
            array![[5.0f32, 6.0]],
        ])
        .unwrap()
    }

    #[test]
    fn rows_lengths_and_offsets() {
        let r = three();
        assert_eq!(r.offsets(), [0, 2, 2, 3]);
        assert_eq!(r.lengths(), [2, 0, 1]);
        assert_eq!((r.n_samples(), r.n_timesteps(), r.longest(), r.timestep_width()), (3, 3, 2, 2));
        assert_eq!(r.row(2).unwrap(), Array::from(array![[5.0f32, 6.0]]));
        assert_eq!(r.row(1).unwrap().shape(), [0, 2]);
        assert!(r.row(3).is_err());
    }

    #[test]
    fn both_sides_and_a_longer_rectangle() {
        let r = three();
        let (padded, mask) = r.pad(PadSide::Pre, -1.0, Some(3)).unwrap();
        let want = array![
            [[-1.0f32, -1.0], [1.0, 2.0], [3.0, 4.0]],
            [[-1.0, -1.0], [-1.0, -1.0], [-1.0, -1.0]],
            [[-1.0, -1.0], [-1.0, -1.0], [5.0, 6.0]]
        ];
        assert_eq!(padded, Array::from(want));
        let want = array![[false, true, true], [false, false, false], [false, false, true]];
        assert_eq!(mask, Array::from(want));
        assert!(
            r.pad(PadSide::Post, 0.0, Some(1)).unwrap_err().to_string().contains("2 timesteps")
        );
    }

    #[test]
    fn ids_and_words_are_padded_in_their_type() {
        let ids = Ragged::from_list([vec![3i32, 4], vec![5]]).unwrap();
        assert_eq!(
            ids.pad(PadSide::Post, 0.0, None).unwrap().0,
            Array::from(array![[3, 4], [5, 0]])
        );
        assert!(ids.pad(PadSide::Post, f64::NAN, None).is_err());
        let words = Ragged::from_list([vec!["a"], vec![]]).unwrap();
        assert_eq!(
            words.pad(PadSide::Post, 0.0, None).unwrap().0,
            Array::from(array![["a"], [""]])
        );
    }

    #[test]
    fn take_and_slice_agree() {
        let r = three();
        assert_eq!(r.take(&[1, 2]).unwrap(), r.slice(1..9).unwrap());
        assert_eq!(r.take(&[2, 0]).unwrap().lengths(), [1, 2]);
        assert_eq!(r.take(&[2, 0]).unwrap().row(1).unwrap(), r.row(0).unwrap());
        assert!(r.take(&[3]).is_err());
        assert_eq!(Ragged::concat(&[r.slice(0..1).unwrap(), r.slice(1..3).unwrap()]).unwrap(), r);
    }

    #[test]
    fn only_equal_lengths_make_a_rectangle() {
        assert_eq!(three().rectangle(), None);
        let r = Ragged::from_list([vec![1i64, 2], vec![3, 4]]).unwrap();
        assert_eq!(r.rectangle(), Some(Array::from(array![[1i64, 2], [3, 4]])));
    }

    #[test]
    fn wrong_offsets_and_series_are_named() {
        let values = || Array::from(array![[1.0f32], [2.0]]);
        let error =
            |offsets: &[usize]| Ragged::new(values(), offsets.to_vec()).unwrap_err().to_string();
        assert!(error(&[]).contains("one entry more"));
        assert!(error(&[1, 2]).contains("begin with 0"));
        assert!(error(&[0, 2, 1]).contains("1 after 2 at entry 2"));
        assert!(error(&[0, 1]).contains("number of rows of the values, 2"));
        let e =
            Ragged::from_list([Array2::<f32>::zeros((2, 3)), Array2::zeros((1, 2))]).unwrap_err();
        assert_eq!(
            e.to_string(),
            "series 1: all series must agree in all but the timesteps; series 0 is (timesteps, \
                features) = (2, 3). \
             Received: (1, 2)."
        );
        assert!(Ragged::from_list(Vec::<Array>::new()).is_err());
        assert!(
            Ragged::from_list([Array::from([1i32]), Array::from([1i64])])
                .unwrap_err()
                .to_string()
                .contains("int64")
        );
    }
}
