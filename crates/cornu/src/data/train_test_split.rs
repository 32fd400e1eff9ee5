//! Samples divided into those to train on and those to test on.

use super::error::{DataError, Result};
use super::shuffle::{shuffle, stream};
use super::source::Data;
use ndarray::{Array, ArrayBase, Axis, Dimension, RemoveAxis};
use std::collections::BTreeMap;

/// Settings of a division into training and test samples.
///
/// Without further settings samples are drawn at random; the same seed gives the same division on
/// every machine.
///
/// Source: scikit-learn's `train_test_split` and `GroupShuffleSplit`; the test part holds
/// `ceil(share * samples)`. Differs: which samples a seed draws.
///
/// ```
/// use cornu::data::TrainTestSplit;
/// use ndarray::{Array1, Array2};
/// let (x, y) = (Array2::<f32>::zeros((10, 3)), Array1::from_iter(0..10));
/// let split = TrainTestSplit::new(0.25).seed(7).of(10)?;
/// let (x_train, x_test) = split.arrays(&x)?;
/// let (y_train, y_test) = split.arrays(&y)?;
/// assert_eq!((x_train.nrows(), x_test.nrows()), (7, 3));
/// assert_eq!(y_train.len() + y_test.len(), 10);
/// // In time: the last samples test.
/// let split = TrainTestSplit::new(0.2).in_time().of(10)?;
/// assert_eq!(split.test, [8, 9]);
/// # Ok::<(), cornu::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TrainTestSplit {
    test_share: f64,
    seed: u64,
    how: How,
}

#[derive(Clone, Debug, PartialEq)]
enum How {
    Shuffled,
    InTime,
    /// By class: each part holds every class in its share.
    Stratified(Vec<usize>),
    /// By group: a group is in one part alone.
    Grouped(Vec<usize>),
}

/// The samples of a division, made by [`TrainTestSplit::of`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitRows {
    /// Samples to train on, in random order unless divided in time.
    pub train: Vec<u32>,
    /// Samples to test on.
    pub test: Vec<u32>,
}

impl TrainTestSplit {
    /// A random division with this share of the samples to test on.
    pub fn new(test_share: f64) -> Self {
        Self { test_share, seed: 0, how: How::Shuffled }
    }

    /// The seed of the division.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The last samples test, and none is moved: for samples in the order of time.
    pub fn in_time(mut self) -> Self {
        self.how = How::InTime;
        self
    }

    /// Each class has the same share of its samples in the test part.
    pub fn stratified<L: Ord>(mut self, labels: impl IntoIterator<Item = L>) -> Self {
        self.how = How::Stratified(numbered(labels));
        self
    }

    /// All samples of a group (a speaker, a patient) are in one part. `test_share` is that of the
    /// groups.
    pub fn by_group<G: Ord>(mut self, groups: impl IntoIterator<Item = G>) -> Self {
        self.how = How::Grouped(numbered(groups));
        self
    }

    /// Returns the division of so many samples.
    ///
    /// # Errors
    /// A share outside (0, 1), or that leaves a part empty; labels or groups of another number; a
    /// class of one sample.
    pub fn of(&self, n_samples: usize) -> Result<SplitRows> {
        let mut rng = stream(self.seed, b"split", 0);
        match &self.how {
            How::InTime => {
                let n_train = n_samples - self.n_test(n_samples, "samples")?;
                let all: Vec<u32> = (0..n_samples as u32).collect();
                let (train, test) = all.split_at(n_train);
                Ok(SplitRows { train: train.to_vec(), test: test.to_vec() })
            }
            How::Shuffled => {
                let n_test = self.n_test(n_samples, "samples")?;
                let mut all: Vec<u32> = (0..n_samples as u32).collect();
                shuffle(&mut all, &mut rng);
                let train = all.split_off(n_test);
                Ok(SplitRows { train, test: all })
            }
            How::Grouped(groups) => {
                let members = members(groups, n_samples, "groups")?;
                let n_test = self.n_test(members.len(), "groups")?;
                let mut order: Vec<usize> = (0..members.len()).collect();
                shuffle(&mut order, &mut rng);
                let rows = |groups: &[usize]| {
                    let mut rows: Vec<u32> =
                        groups.iter().flat_map(|g| members[*g].iter().copied()).collect();
                    rows.sort_unstable();
                    rows
                };
                let (test, train) = order.split_at(n_test);
                let mut train = rows(train);
                shuffle(&mut train, &mut rng);
                Ok(SplitRows { train, test: rows(test) })
            }
            How::Stratified(classes) => {
                let mut members = members(classes, n_samples, "labels")?;
                if let Some(class) = members.iter().position(|m| m.len() < 2) {
                    let rule = "each class needs at least 2 samples.";
                    let received = format!("{} of class {class}", members[class].len());
                    return Err(DataError::invalid("stratified split", rule, received));
                }
                let n_test = self.n_test(n_samples, "samples")?;
                let counts = shares(&members, n_test, n_samples);
                let mut parts = SplitRows { train: vec![], test: vec![] };
                for (rows, n) in members.iter_mut().zip(counts) {
                    shuffle(rows, &mut rng);
                    parts.test.extend(&rows[..n]);
                    parts.train.extend(&rows[n..]);
                }
                shuffle(&mut parts.train, &mut rng);
                shuffle(&mut parts.test, &mut rng);
                Ok(parts)
            }
        }
    }

    fn n_test(&self, n: usize, what: &str) -> Result<usize> {
        let share = self.test_share;
        if !(share > 0.0 && share < 1.0) {
            let rule = "the share to test on must lie between 0 and 1.";
            return Err(DataError::invalid("train test split", rule, share.to_string()));
        }
        let n_test = (n as f64 * share).ceil() as usize;
        if n_test == 0 || n_test >= n {
            let rule = format!("{n} {what} leave nothing to train or to test on.");
            return Err(DataError::invalid("train test split", rule, share.to_string()));
        }
        Ok(n_test)
    }
}

/// The number of each value in the order of the values.
fn numbered<T: Ord>(values: impl IntoIterator<Item = T>) -> Vec<usize> {
    let values: Vec<T> = values.into_iter().collect();
    let mut numbers: BTreeMap<&T, usize> = values.iter().map(|v| (v, 0)).collect();
    numbers.values_mut().enumerate().for_each(|(i, number)| *number = i);
    values.iter().map(|v| numbers[v]).collect()
}

/// The samples of each class or group.
fn members(of: &[usize], n_samples: usize, what: &str) -> Result<Vec<Vec<u32>>> {
    if of.len() != n_samples {
        let rule = format!("one for each of the {n_samples} samples is needed.");
        return Err(DataError::invalid(what, rule, of.len().to_string()));
    }
    let mut members = vec![vec![]; of.iter().max().map_or(0, |m| m + 1)];
    of.iter().enumerate().for_each(|(sample, m)| members[*m].push(sample as u32));
    Ok(members)
}

/// How many test samples each class gives: in proportion, the largest remainders rounded up.
fn shares(members: &[Vec<u32>], n_test: usize, n_samples: usize) -> Vec<usize> {
    let mut counts: Vec<usize> = members.iter().map(|m| m.len() * n_test / n_samples).collect();
    let mut rest: Vec<usize> = (0..members.len()).collect();
    rest.sort_by_key(|i| std::cmp::Reverse(members[*i].len() * n_test % n_samples));
    let missing = n_test - counts.iter().sum::<usize>();
    rest.iter().take(missing).for_each(|i| counts[*i] += 1);
    counts
}

impl SplitRows {
    /// Returns the training and the test samples of data.
    ///
    /// # Errors
    /// Data of another number of samples than were divided.
    pub fn data(&self, data: impl Into<Data>) -> Result<(Data, Data)> {
        let data = data.into();
        self.need(data.n_samples())?;
        Ok((data.take(&self.train)?, data.take(&self.test)?))
    }

    /// Returns the training and the test samples of an array, along its first axis.
    ///
    /// # Errors
    /// An array of another number of samples than were divided.
    pub fn arrays<S, D>(
        &self,
        array: &ArrayBase<S, D>,
    ) -> Result<(Array<S::Elem, D>, Array<S::Elem, D>)>
    where
        S: ndarray::Data,
        S::Elem: Clone,
        D: Dimension + RemoveAxis,
    {
        self.need(array.shape().first().copied().unwrap_or(0))?;
        let part = |rows: &[u32]| {
            let rows: Vec<usize> = rows.iter().map(|row| *row as usize).collect();
            array.select(Axis(0), &rows)
        };
        Ok((part(&self.train), part(&self.test)))
    }

    /// Returns the training and the test items of a list, such as sequences of unequal length.
    ///
    /// # Errors
    /// A list of another number of items than were divided.
    pub fn list<T: Clone>(&self, items: &[T]) -> Result<(Vec<T>, Vec<T>)> {
        self.need(items.len())?;
        let part = |rows: &[u32]| rows.iter().map(|row| items[*row as usize].clone()).collect();
        Ok((part(&self.train), part(&self.test)))
    }

    fn need(&self, n_samples: usize) -> Result<()> {
        let divided = self.train.len() + self.test.len();
        if n_samples != divided {
            let rule = format!("the {divided} samples (axis 0) that were divided are needed.");
            return Err(DataError::invalid("train test split", rule, n_samples.to_string()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_row_once(split: &SplitRows, n: u32) {
        let mut all = [&split.train[..], &split.test[..]].concat();
        all.sort_unstable();
        assert_eq!(all, (0..n).collect::<Vec<_>>());
    }

    #[test]
    fn the_seed_fixes_the_division() {
        let of = |seed| TrainTestSplit::new(0.3).seed(seed).of(20).unwrap();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        every_row_once(&of(1), 20);
        // As scikit-learn counts: ceil(0.25 * 10).
        assert_eq!(TrainTestSplit::new(0.25).of(10).unwrap().test.len(), 3);
    }

    #[test]
    fn classes_keep_their_shares() {
        let labels: Vec<&str> = (0..40).map(|i| ["a", "b", "b", "c"][i % 4]).collect();
        let split = TrainTestSplit::new(0.25).stratified(&labels).of(40).unwrap();
        every_row_once(&split, 40);
        let (_, test) = split.list(&labels).unwrap();
        let count = |l: &str| test.iter().filter(|t| **t == l).count();
        assert_eq!((test.len(), count("b")), (10, 5));
        assert!((2..=3).contains(&count("a")) && (2..=3).contains(&count("c")));
        let e = TrainTestSplit::new(0.5).stratified([0, 0, 1]).of(3).unwrap_err().to_string();
        assert!(e.contains("1 of class 1"), "{e}");
        assert!(TrainTestSplit::new(0.5).stratified([0]).of(3).is_err());
    }

    #[test]
    fn groups_stay_together() {
        let speakers: Vec<usize> = (0..30).map(|i| i % 5).collect();
        for seed in 0..10 {
            let split = TrainTestSplit::new(0.4).seed(seed).by_group(&speakers).of(30).unwrap();
            every_row_once(&split, 30);
            let (train, test) = split.list(&speakers).unwrap();
            assert!(test.iter().all(|s| !train.contains(s)));
            assert_eq!(test.len(), 12);
        }
    }

    #[test]
    fn shares_that_leave_nothing_are_refused() {
        for wrong in [0.0, 1.0, -0.5, f64::NAN] {
            assert!(TrainTestSplit::new(wrong).of(10).is_err());
        }
        assert!(TrainTestSplit::new(0.9).of(1).is_err());
        let split = TrainTestSplit::new(0.5).of(4).unwrap();
        assert!(split.list(&[1, 2, 3]).unwrap_err().to_string().contains("the 4 samples"));
        assert!(split.arrays(&ndarray::Array2::<f32>::zeros((3, 1))).is_err());
    }
}
