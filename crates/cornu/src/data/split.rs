//! `validation_split` and class weights as Keras has them.

use super::array::{Array, filled};
use super::error::{DataError, Result};
use super::ragged::Ragged;
use super::source::Data;
use ndarray::{ArrayD, Axis};
use std::collections::BTreeMap;

/// Weights of classes; a class without an entry has weight 1.
pub type ClassWeights = BTreeMap<i64, f32>;

/// Returns the index of the first validation sample, `floor(n (1 - fraction))`: the last samples,
/// before shuffling, are validation data.
///
/// Source: `array_slicing.py::train_validation_split`, Keras 3.15.1.
///
/// # Errors
/// A fraction outside (0, 1); a fraction that leaves one of the two parts empty.
///
/// ```
/// assert_eq!(cornu::data::split_at(10, 0.25)?, 7);
/// assert!(cornu::data::split_at(1, 0.5).is_err());
/// # Ok::<(), cornu::data::DataError>(())
/// ```
pub fn split_at(n_samples: usize, fraction: f64) -> Result<usize> {
    if !(fraction > 0.0 && fraction < 1.0) {
        let rule = "the share of samples kept for validation must lie between 0 and 1.";
        return Err(DataError::invalid("validation_split", rule, fraction.to_string()));
    }
    let at = (n_samples as f64 * (1.0 - fraction)).floor() as usize;
    if at == 0 || at == n_samples {
        return Err(DataError::invalid(
            "validation_split",
            format!(
                "{n_samples} samples leave nothing to train or to validate on; give more data or \
                    another share."
            ),
            fraction.to_string(),
        ));
    }
    Ok(at)
}

/// Splits data into training data and validation data, the last samples.
///
/// # Errors
/// As [`split_at`].
///
/// ```
/// use cornu::data::{Data, split_last};
/// let (train, validation) = split_last(&Data::from([1i64, 2, 3, 4]), 0.25)?;
/// assert_eq!((train, validation), (Data::from([1i64, 2, 3]), Data::from([4i64])));
/// # Ok::<(), cornu::data::DataError>(())
/// ```
pub fn split_last(data: &Data, fraction: f64) -> Result<(Data, Data)> {
    let n = data.n_samples();
    let at = split_at(n, fraction)?;
    Ok((data.slice(0..at)?, data.slice(at..n)?))
}

/// Form of class labels in targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LabelForm {
    /// Inferred as in Keras: a last axis of 1 is dropped, a longer one is one-hot, rank 1 holds
    /// integers.
    #[default]
    Inferred,
    /// Integers (B,) or, by timestep, (B, T); a last axis of 1 is dropped. For the sparse and
    /// binary losses.
    Integer,
}

/// Returns the weight of each sample or timestep from the weight of its class.
///
/// Shapes: (B,) or (B, 1) -> (B,); one-hot (B, C) -> (B,); by timestep (B, T) in
/// [`LabelForm::Integer`], (B, T, 1) or one-hot (B, T, C) -> (B, T); ragged targets give ragged
/// weights.
///
/// Source: `data_adapter_utils.py::class_weight_to_sample_weights`, Keras 3.15.1.
/// Differs: Keras fails on targets by timestep, and takes integers (B, T) for one-hot.
///
/// # Errors
/// Targets that are text or NaN.
///
/// ```
/// use cornu::data::{Array, ClassWeights, Data, LabelForm, class_weights_to_sample_weights};
/// let weights = ClassWeights::from([(0, 1.0), (2, 5.0)]);
/// let one_hot = Data::from(ndarray::array![[0.0f32, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
/// let got = class_weights_to_sample_weights(&one_hot, &weights, LabelForm::Inferred)?;
/// assert_eq!(got, Data::from([5.0f32, 1.0, 1.0]));
/// # Ok::<(), cornu::data::DataError>(())
/// ```
pub fn class_weights_to_sample_weights(
    targets: &Data,
    weights: &ClassWeights,
    form: LabelForm,
) -> Result<Data> {
    Ok(match targets {
        Data::Dense(array) => {
            array.need_samples("class weights")?;
            Data::Dense(Array::F32(weigh(array, weights, form, array.rank() > 1)?))
        }
        // A ragged target's axes are (N, …) where a dense one's are (B, T, …): its first axis after
        // N is the classes.
        Data::Ragged(series) => {
            let array = series.values();
            let by_row = weigh(array, weights, form, array.rank() > 1)?;
            Data::Ragged(Ragged::new(Array::F32(by_row), series.offsets().to_vec())?)
        }
    })
}

fn weigh(
    array: &Array,
    weights: &ClassWeights,
    form: LabelForm,
    has_last: bool,
) -> Result<ArrayD<f32>> {
    let values = array.to_f64().map_err(|e| e.within("class weights"))?;
    let shape = values.shape();
    let last = Axis(shape.len().saturating_sub(1));
    let classes: ArrayD<f64> = match has_last {
        true if shape[last.0] == 1 => values.index_axis(last, 0).to_owned(),
        true if form == LabelForm::Inferred && shape[last.0] > 1 => {
            values.map_axis(last, |row| argmax(row.iter()) as f64)
        }
        _ => values.to_owned(),
    };
    if classes.iter().any(|c| c.is_nan()) {
        return Err(DataError::invalid("class weights", "labels must be whole numbers.", "NaN"));
    }
    let of = |class: &f64| weights.get(&(class.round_ties_even() as i64)).copied().unwrap_or(1.0);
    let shape = classes.shape().to_vec();
    Ok(filled(&shape, classes.iter().map(of).collect()))
}

/// The place of the first largest value; NaN counts as largest, as in numpy.
fn argmax<'a>(row: impl Iterator<Item = &'a f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (i, &v) in row.enumerate() {
        if v.is_nan() {
            return i;
        }
        if v > best.1 {
            best = (i, v);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn weights() -> ClassWeights {
        ClassWeights::from([(0, 0.5), (1, 2.0)])
    }

    fn inferred(y: impl Into<Data>) -> Data {
        class_weights_to_sample_weights(&y.into(), &weights(), LabelForm::Inferred).unwrap()
    }

    #[test]
    fn the_split_rounds_down_as_python_does() {
        // 1 - 0.2 is 0.8, 5 * 0.8 = 4; 1 - 0.9 is 0.0999…98, so 10 * that floors to 0.
        assert_eq!(split_at(5, 0.2).unwrap(), 4);
        assert_eq!(split_at(10, 0.3).unwrap(), 7);
        assert!(split_at(10, 0.9).unwrap_err().to_string().contains("10 samples leave nothing"));
        assert_eq!(split_at(100, 0.33).unwrap(), 67);
        for wrong in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(split_at(10, wrong).is_err());
        }
    }

    #[test]
    fn the_last_samples_validate() {
        let (train, held) = split_last(&Data::from([1i64, 2, 3, 4]), 0.25).unwrap();
        assert_eq!((train, held), (Data::from([1i64, 2, 3]), Data::from([4i64])));
    }

    #[test]
    fn integers_columns_and_one_hot() {
        assert_eq!(inferred([0i64, 1, 7]), Data::from([0.5f32, 2.0, 1.0]));
        assert_eq!(inferred(array![[0.0f32], [1.0]]), Data::from([0.5f32, 2.0]));
        // 0.5 rounds to the even 0, 1.5 to 2.
        assert_eq!(inferred([0.5f32, 1.5]), Data::from([0.5f32, 1.0]));
        assert_eq!(inferred(array![[0.2f32, 0.2], [0.1, 0.9]]), Data::from([0.5f32, 2.0]));
    }

    #[test]
    fn timesteps_have_weights_of_their_own() {
        let y = Data::from(array![[0i64, 1, 1], [1, 0, 3]]);
        let got = class_weights_to_sample_weights(&y, &weights(), LabelForm::Integer).unwrap();
        assert_eq!(got, Data::from(array![[0.5f32, 2.0, 2.0], [2.0, 0.5, 1.0]]));
        let hot = array![[[1.0f32, 0.0], [0.0, 1.0]]];
        assert_eq!(inferred(&hot), Data::from(array![[0.5f32, 2.0]]));
        let ragged = Ragged::from_list([vec![0i64, 1], vec![1]]).unwrap();
        let want = Ragged::from_list([vec![0.5f32, 2.0], vec![2.0]]).unwrap();
        assert_eq!(inferred(ragged), Data::from(want));
    }

    #[test]
    fn nan_and_text_are_named() {
        let e =
            class_weights_to_sample_weights(&Data::from(["a"]), &weights(), LabelForm::Inferred)
                .unwrap_err();
        assert!(e.to_string().starts_with("class weights: cast to float64"));
        assert!(
            class_weights_to_sample_weights(
                &Data::from([f32::NAN]),
                &weights(),
                LabelForm::Integer
            )
            .is_err()
        );
    }
}
