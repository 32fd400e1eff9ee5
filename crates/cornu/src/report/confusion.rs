//! How often each class was taken for each other one.

use crate::data::{ClassNames, DataError};
use ndarray::Array2;
use std::collections::BTreeMap;
use std::fmt;

/// The confusion matrix: how many samples of each true class (row) were predicted as each class
/// (column).
///
/// Source: scikit-learn's `confusion_matrix`.
///
/// ```
/// use cornu::data::ClassNames;
/// use cornu::report::ConfusionMatrix;
/// let names = ClassNames::new(["run", "walk"])?;
/// let matrix = ConfusionMatrix::new([0, 1, 1, 1], [0, 1, 0, 1], Some(&names))?;
/// assert_eq!(matrix.counts(), ndarray::array![[1, 0], [1, 2]]);
/// assert_eq!(
///     matrix.to_string(),
///     "true \\ predicted  run  walk\n\
///      run                 1     0\n\
///      walk                1     2\n"
/// );
/// # Ok::<(), cornu::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ConfusionMatrix {
    counts: Array2<usize>,
    names: Vec<String>,
}

impl ConfusionMatrix {
    /// Returns the matrix of true and predicted class ids; without names the classes are those up
    /// to the largest id.
    ///
    /// # Errors
    /// Unequal numbers of ids; no id; an id that is no class.
    pub fn new<T: IntoIterator<Item: Id>, P: IntoIterator<Item: Id>>(
        truth: T,
        predicted: P,
        names: Option<&ClassNames>,
    ) -> Result<Self, DataError> {
        let truth: Vec<i64> = truth.into_iter().map(Id::id).collect();
        let predicted: Vec<i64> = predicted.into_iter().map(Id::id).collect();
        if truth.len() != predicted.len() || truth.is_empty() {
            let rule = format!("one predicted class for each of the {} true ones.", truth.len());
            let received = predicted.len().to_string();
            return Err(DataError::invalid("confusion matrix", rule, received));
        }
        let largest = truth.iter().chain(&predicted).copied().max().unwrap_or(0);
        // A matrix of the square of so many counts is made.
        const MOST: i64 = 10_000;
        if names.is_none() && largest >= MOST {
            let rule = format!("class ids must lie below {MOST}.");
            return Err(DataError::invalid("confusion matrix", rule, largest.to_string()));
        }
        let n = names.map_or((largest + 1).max(0) as usize, ClassNames::len);
        let mut counts = Array2::zeros((n, n));
        for (i, (t, p)) in truth.iter().zip(&predicted).enumerate() {
            if let Some(wrong) = [t, p].into_iter().find(|id| !(0..n as i64).contains(*id)) {
                let rule = format!("class ids must lie in 0..{}.", n as i64 - 1);
                let received = format!("{wrong} at sample {i}");
                return Err(DataError::invalid("confusion matrix", rule, received));
            }
            counts[[*t as usize, *p as usize]] += 1;
        }
        let numbers = || (0..n).map(|i| i.to_string()).collect();
        Ok(Self { counts, names: names.map_or_else(numbers, |names| names.names().to_vec()) })
    }

    /// Returns the counts (true class, predicted class).
    pub fn counts(&self) -> &Array2<usize> {
        &self.counts
    }

    /// Returns the names of the classes.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let corner = "true \\ predicted";
        let width = |s: &str| s.chars().count();
        let first = self.names.iter().map(|n| width(n)).chain([width(corner)]).max().unwrap_or(0);
        let columns: Vec<usize> = self
            .names
            .iter()
            .zip(self.counts.columns())
            .map(|(name, column)| {
                column.iter().map(|n| n.to_string().len()).chain([width(name)]).max().unwrap_or(0)
            })
            .collect();
        write!(f, "{corner:first$}")?;
        self.names.iter().zip(&columns).try_for_each(|(n, w)| write!(f, "  {n:>w$}"))?;
        writeln!(f)?;
        for (name, row) in self.names.iter().zip(self.counts.rows()) {
            write!(f, "{name:first$}")?;
            row.iter().zip(&columns).try_for_each(|(n, w)| write!(f, "  {n:>w$}"))?;
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A class id: a whole number, owned or borrowed.
pub trait Id {
    /// Returns the id.
    fn id(self) -> i64;
}

macro_rules! ids {
    ($($T:ty)*) => {
        $(
            impl Id for $T {
                fn id(self) -> i64 {
                    self as i64
                }
            }

            impl Id for &$T {
                fn id(self) -> i64 {
                    *self as i64
                }
            }
        )*
    };
}
ids! { i64 i32 usize u32 u8 bool }

/// Returns the share of right predictions by length of the sequences: for each bin of `width`
/// timesteps its first length, the number of sequences and their accuracy.
///
/// # Errors
/// Unequal numbers of lengths and ids; a width of 0.
///
/// ```
/// use cornu::report::accuracy_by_length;
/// let by_length = accuracy_by_length(&[3, 12, 7, 15], [0, 1, 1, 1], [0, 1, 0, 1], 10)?;
/// assert_eq!(by_length, [(0, 2, 0.5), (10, 2, 1.0)]);
/// # Ok::<(), cornu::data::DataError>(())
/// ```
pub fn accuracy_by_length<T: IntoIterator<Item: Id>, P: IntoIterator<Item: Id>>(
    lengths: &[usize],
    truth: T,
    predicted: P,
    width: usize,
) -> Result<Vec<(usize, usize, f64)>, DataError> {
    let who = "accuracy by length";
    if width == 0 {
        return Err(DataError::invalid(who, "a bin must be at least 1 timestep wide.", "0"));
    }
    let truth: Vec<i64> = truth.into_iter().map(Id::id).collect();
    let predicted: Vec<i64> = predicted.into_iter().map(Id::id).collect();
    if truth.len() != lengths.len() || predicted.len() != lengths.len() {
        let rule = format!("one id for each of the {} sequences is needed.", lengths.len());
        let received = format!("{} true and {} predicted", truth.len(), predicted.len());
        return Err(DataError::invalid(who, rule, received));
    }
    let mut bins: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for ((length, t), p) in lengths.iter().zip(&truth).zip(&predicted) {
        let (n, right) = bins.entry(length / width * width).or_default();
        *n += 1;
        *right += usize::from(t == p);
    }
    let share = |(first, (n, right)): (usize, (usize, usize))| (first, n, right as f64 / n as f64);
    Ok(bins.into_iter().map(share).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, array};

    #[test]
    fn counts_are_those_of_scikit_learn() {
        let truth = [0i32, 1, 2, 2, 0, 1, 2, 2, 1, 0, 2, 1];
        let predicted = Array1::from(vec![0i64, 2, 2, 2, 0, 1, 1, 2, 1, 0, 0, 1]);
        let matrix = ConfusionMatrix::new(truth, &predicted, None).unwrap();
        assert_eq!(matrix.counts(), array![[3, 0, 0], [0, 3, 1], [1, 1, 3]]);
        assert_eq!(matrix.names(), ["0", "1", "2"]);
    }

    #[test]
    fn wrong_ids_are_named() {
        let names = ClassNames::new(["a", "b"]).unwrap();
        let of = |t: &[i64], p: &[i64]| ConfusionMatrix::new(t, p, Some(&names)).unwrap_err();
        assert!(of(&[0, 2], &[0, 1]).to_string().contains("0..1. Received: 2 at sample 1"));
        assert!(of(&[0], &[-1]).to_string().contains("Received: -1 at sample 0"));
        assert!(of(&[0], &[]).to_string().contains("each of the 1 true"));
        assert!(of(&[], &[]).to_string().contains("each of the 0 true"));
        assert!(accuracy_by_length(&[1], [0], [0], 0).is_err());
        assert!(accuracy_by_length(&[1, 2], [0], [0], 5).is_err());
    }
}
