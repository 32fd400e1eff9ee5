//! Classes: one-hot rows, the most likely class, names and ids.

use super::error::{DataError, Result};
use super::into_data::IntoData;
use crate::config::did_you_mean;
use ndarray::{ArrayBase, ArrayD, Axis, Dimension, IxDyn};
use serde::{Deserialize, Serialize};

/// Returns one-hot rows of class ids: (B, …) -> (B, …, classes). A last axis of 1 is left out.
///
/// `n_classes` is the largest id and one more without it.
///
/// Source: `to_categorical`, Keras 3.15.1. Differs: an id out of range is an error.
///
/// # Errors
/// Ids below 0 or beyond `n_classes`; several arrays; sequences of unequal length.
///
/// ```
/// use cornu::data::to_categorical;
/// use ndarray::array;
/// let hot = to_categorical([2i64, 0], None)?;
/// assert_eq!(hot, array![[0.0f32, 0.0, 1.0], [1.0, 0.0, 0.0]].into_dyn());
/// let e = to_categorical([3i64], Some(2)).unwrap_err().to_string();
/// assert_eq!(e, "to_categorical: class ids must lie in 0..1. Received: 3 at sample 0.");
/// # Ok::<(), cornu::data::DataError>(())
/// ```
pub fn to_categorical<'a>(ids: impl IntoData<'a>, n_classes: Option<usize>) -> Result<ArrayD<f32>> {
    let who = "to_categorical";
    let given = ids.into_data()?.arrays;
    let Ok([(_, values)]) = <[_; 1]>::try_from(given) else {
        return Err(DataError::invalid(who, "one array of class ids is needed.", "several arrays"));
    };
    if values.lengths().is_some() {
        let rule = "sequences must have one length; pad them first, with `PadSequences`.";
        return Err(DataError::invalid(who, rule, "sequences of unequal length"));
    }
    let data = values.to_data()?;
    let ids = data.values().to_i64().map_err(|e| e.within(who))?;
    let mut shape = ids.shape().to_vec();
    if shape.len() > 1 && shape.last() == Some(&1) {
        shape.pop();
    }
    let largest = ids.iter().copied().max().unwrap_or(-1);
    let n = n_classes.unwrap_or(largest.saturating_add(1).max(0) as usize);
    let size = ids.len().checked_mul(n).filter(|size| *size < isize::MAX as usize / 4);
    let Some(size) = size.filter(|size| n_classes.is_some() || *size < 1 << 32) else {
        let rule = "class ids must be small: each sample takes a number for each class.";
        return Err(DataError::invalid(who, rule, largest.to_string()));
    };
    let mut hot = vec![0.0; size];
    for (i, id) in ids.iter().enumerate() {
        if !(0..n as i64).contains(id) {
            let rule = format!("class ids must lie in 0..{}.", n as i64 - 1);
            let sample = i / ids.shape().iter().skip(1).product::<usize>().max(1);
            return Err(DataError::invalid(who, rule, format!("{id} at sample {sample}")));
        }
        hot[i * n + *id as usize] = 1.0;
    }
    shape.push(n);
    Ok(super::array::filled(&shape, hot))
}

/// Returns the place of the largest value along the last axis: (B, …, C) -> (B, …).
///
/// The first of equal values counts; NaN counts as the largest, as in numpy.
///
/// ```
/// use cornu::data::argmax;
/// use ndarray::array;
/// assert_eq!(argmax(&array![[0.1f32, 0.7, 0.2], [0.5, 0.5, 0.0]]), array![1i64, 0].into_dyn());
/// ```
pub fn argmax<S, D>(scores: &ArrayBase<S, D>) -> ArrayD<i64>
where
    S: ndarray::Data,
    S::Elem: PartialOrd + Copy,
    D: Dimension,
{
    let scores = scores.view().into_dyn();
    let Some(last) = scores.ndim().checked_sub(1) else {
        return ArrayD::zeros(IxDyn(&[]));
    };
    scores.map_axis(Axis(last), |row| {
        let mut best = 0;
        for (i, value) in row.iter().enumerate() {
            let is_nan = value.partial_cmp(value).is_none();
            if is_nan {
                return i as i64;
            }
            if *value > row[best] {
                best = i;
            }
        }
        best as i64
    })
}

/// The names of classes, by id.
///
/// ```
/// use cornu::data::ClassNames;
/// let names = ClassNames::of(["walk", "run", "walk"]);
/// assert_eq!(names.names(), ["run", "walk"]);
/// assert_eq!(names.ids(["walk", "run"])?, [1, 0]);
/// assert_eq!(names.labels([0, 1, 1])?, ["run", "walk", "walk"]);
/// assert!(names.ids(["wlk"]).unwrap_err().to_string().contains("did you mean `walk`?"));
/// # Ok::<(), cornu::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassNames {
    names: Vec<String>,
}

impl ClassNames {
    /// Names in the order of their ids.
    ///
    /// # Errors
    /// A name that stands twice.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Result<Self> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        match (1..names.len()).find(|i| names[..*i].contains(&names[*i])) {
            None => Ok(Self { names }),
            Some(i) => {
                let received = format!("`{}` twice", names[i]);
                Err(DataError::invalid("class names", "each name must stand once.", received))
            }
        }
    }

    /// The names that labels hold, sorted, as scikit-learn's `LabelEncoder`.
    pub fn of<S: Into<String>>(labels: impl IntoIterator<Item = S>) -> Self {
        let mut names: Vec<String> = labels.into_iter().map(Into::into).collect();
        names.sort_unstable();
        names.dedup();
        Self { names }
    }

    /// Returns the names, by id.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the number of classes.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Returns true if there is no class.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns the id of each label.
    ///
    /// # Errors
    /// A label that is no class.
    pub fn ids<S: AsRef<str>>(&self, labels: impl IntoIterator<Item = S>) -> Result<Vec<i64>> {
        let id = |(i, label): (usize, S)| {
            let label = label.as_ref();
            self.names.iter().position(|n| n == label).map(|id| id as i64).ok_or_else(|| {
                let near = did_you_mean(label, self.names.iter().map(String::as_str));
                let rule = format!("labels must be among {}.", self.names.join(", "));
                DataError::invalid("class names", rule, format!("`{label}` at {i}{near}"))
            })
        };
        labels.into_iter().enumerate().map(id).collect()
    }

    /// Returns the name of each id.
    ///
    /// # Errors
    /// An id that is no class.
    pub fn labels(&self, ids: impl IntoIterator<Item = i64>) -> Result<Vec<&str>> {
        let name = |id: i64| {
            usize::try_from(id).ok().and_then(|i| self.names.get(i)).map(String::as_str).ok_or_else(
                || {
                    let rule = format!("ids must lie in 0..{}.", self.len() as i64 - 1);
                    DataError::invalid("class names", rule, id.to_string())
                },
            )
        };
        ids.into_iter().map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn one_hot_keeps_further_axes() {
        let hot = to_categorical(array![[0i32, 1], [1, 1]], Some(3)).unwrap();
        assert_eq!(hot.shape(), [2, 2, 3]);
        assert_eq!(hot.sum(), 4.0);
        assert_eq!(to_categorical(array![[1.0f32], [0.0]], None).unwrap().shape(), [2, 2]);
        assert!(to_categorical([-1i64], None).is_err());
        assert!(to_categorical(vec![vec![0i64], vec![1, 0]], None).is_err());
    }

    #[test]
    fn the_first_largest_value_counts() {
        assert_eq!(argmax(&array![1.0f32, f32::NAN, 2.0])[[]], 1);
        assert_eq!(argmax(&array![[3i64, 3], [1, 2]]), array![0i64, 1].into_dyn());
    }

    #[test]
    fn names_and_ids_are_checked() {
        assert!(ClassNames::new(["a", "b", "a"]).is_err());
        let names = ClassNames::new(["b", "a"]).unwrap();
        assert_eq!(names.ids(["a"]).unwrap(), [1]);
        assert!(names.labels([2]).is_err());
        assert!(names.labels([-1]).is_err());
        let json = serde_json::to_string(&names).unwrap();
        assert_eq!(serde_json::from_str::<ClassNames>(&json).unwrap(), names);
    }
}
