//! Sequences cut and filled up to one length.

use super::array::Array;
use super::error::{DataError, Result};
use super::into_data::IntoData;
use super::ragged::{PadSide, Ragged};

/// Settings of `pad_sequences`, with Keras's defaults: filled and cut at the beginning, with 0.
///
/// Source: `pad_sequences`, Keras 3.15.1. Differs: the type is that of the sequences.
///
/// ```
/// use cornu::data::{Array, PadSequences, PadSide};
/// let sequences = vec![vec![1i32], vec![2, 3], vec![4, 5, 6]];
/// let padded = PadSequences::new().apply(&sequences)?;
/// assert_eq!(padded, Array::from(ndarray::array![[0i32, 0, 1], [0, 2, 3], [4, 5, 6]]));
/// let short = PadSequences::new().maxlen(2).padding(PadSide::Post).value(-1.0);
/// let padded = short.apply(&sequences)?;
/// assert_eq!(padded, Array::from(ndarray::array![[1i32, -1], [2, 3], [5, 6]]));
/// # Ok::<(), cornu::data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PadSequences {
    maxlen: Option<usize>,
    padding: PadSide,
    truncating: PadSide,
    value: f64,
}

impl Default for PadSequences {
    fn default() -> Self {
        let side = PadSide::Pre;
        Self { maxlen: None, padding: side, truncating: side, value: 0.0 }
    }
}

impl PadSequences {
    /// Keras's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The length of all sequences; that of the longest without it.
    pub fn maxlen(mut self, n: usize) -> Self {
        self.maxlen = Some(n);
        self
    }

    /// Where short sequences are filled up.
    pub fn padding(mut self, side: PadSide) -> Self {
        self.padding = side;
        self
    }

    /// Sets the side on which sequences longer than `maxlen` are cut.
    pub fn truncating(mut self, side: PadSide) -> Self {
        self.truncating = side;
        self
    }

    /// The value that fills up.
    pub fn value(mut self, value: f64) -> Self {
        self.value = value;
        self
    }

    /// Returns the sequences as one rectangle (B, maxlen, …).
    ///
    /// # Errors
    /// Several arrays; values without an axis of timesteps; a `value` that their type cannot hold.
    pub fn apply<'a>(&self, sequences: impl IntoData<'a>) -> Result<Array> {
        let Ok([(_, values)]) = <[_; 1]>::try_from(sequences.into_data()?.arrays) else {
            let rule = "one array of sequences is needed.";
            return Err(DataError::invalid("pad_sequences", rule, "several arrays"));
        };
        let sequences = values.to_data()?.to_ragged()?;
        let maxlen = self.maxlen.unwrap_or_else(|| sequences.longest());
        let mut kept = Vec::new();
        let mut offsets = vec![0];
        for w in sequences.offsets().windows(2) {
            let surplus = (w[1] - w[0]).saturating_sub(maxlen);
            let rows = match self.truncating {
                PadSide::Pre => w[0] + surplus..w[1],
                PadSide::Post => w[0]..w[1] - surplus,
            };
            offsets.push(offsets[offsets.len() - 1] + rows.len());
            kept.extend(rows.map(|row| row as u32));
        }
        let cut = Ragged::new(sequences.values().take(&kept)?, offsets)?;
        Ok(cut.pad(self.padding, self.value, Some(maxlen))?.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn each_side_is_cut_and_filled_as_in_keras() {
        let sequences = vec![vec![[1.0f32, 2.0]], vec![[3.0, 4.0], [5.0, 6.0]]];
        let of = |p: PadSequences| p.apply(&sequences).unwrap();
        let both = PadSequences::new().maxlen(1).truncating(PadSide::Post);
        assert_eq!(of(both), Array::from(array![[[1.0f32, 2.0]], [[3.0, 4.0]]]));
        let long = PadSequences::new().maxlen(3).padding(PadSide::Post);
        assert_eq!(of(long).shape(), [2, 3, 2]);
        assert_eq!(of(PadSequences::new().maxlen(0)).shape(), [2, 0, 2]);
        assert!(PadSequences::new().apply(vec![1.0f32]).is_err());
    }
}
