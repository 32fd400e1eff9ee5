//! What must hold before data reach a model.

use super::array::Array;
use super::axes::{position_text, ragged_position_text};
use super::error::{DataError, Result};
use super::source::Data;

/// The place of the `flat`-th value of `data` in words.
fn place(data: &Data, flat: usize) -> String {
    match data {
        Data::Dense(a) => position_text(flat, a.shape()),
        Data::Ragged(r) => ragged_position_text(flat, r.values().shape(), r.offsets()),
    }
}

/// Checks that all values are finite; `who` is the file or argument.
///
/// # Errors
/// NaN or infinity; the message names the first one by sample, timestep and feature.
pub fn check_finite(who: &str, data: &Data) -> Result<()> {
    let found = match data.values() {
        Array::F32(a) => a
            .iter()
            .position(|v| !v.is_finite())
            .map(|at| (at, f64::from(a.iter().copied().nth(at).unwrap_or(0.0)))),
        Array::F64(a) => a
            .iter()
            .position(|v| !v.is_finite())
            .map(|at| (at, a.iter().copied().nth(at).unwrap_or(0.0))),
        _ => None,
    };
    match found {
        None => Ok(()),
        Some((at, value)) => Err(DataError::invalid(
            who,
            "every value must be finite, at masked timesteps too, where any number will do; \
             remove the sample or fill the gap.",
            format!("{value} at {}", place(data, at)),
        )),
    }
}

/// Checks that class ids lie in `0..n_classes`; `ignored` (the `ignore_class` of a loss) is
/// allowed.
///
/// # Errors
/// A label out of range, text or NaN; the message names the position of the first one.
///
/// ```
/// use cornu::data::{Data, check_labels};
/// let y = Data::from([0i64, 9]);
/// assert_eq!(
///     check_labels("y.npy", &y, 9, None).unwrap_err().to_string(),
///     "y.npy: labels must lie in 0..8, for the model's last axis has 9 classes; renumber the \
///      labels or widen the last layer. Received: 9 at sample 1."
/// );
/// # Ok::<(), cornu::data::DataError>(())
/// ```
pub fn check_labels(
    who: &str,
    labels: &Data,
    n_classes: usize,
    ignored: Option<i64>,
) -> Result<()> {
    let ints = labels.values().to_i64().map_err(|e| e.within(who))?;
    let outside = |&label: &i64| !(0..n_classes as i64).contains(&label) && Some(label) != ignored;
    match ints.iter().position(outside) {
        None => Ok(()),
        Some(at) => {
            let label = ints.iter().nth(at).copied().unwrap_or(0);
            Err(DataError::invalid(
                who,
                format!(
                    "labels must lie in 0..{}, for the model's last axis has {n_classes} classes; \
                     renumber the labels or widen the last layer{}.",
                    n_classes as i64 - 1,
                    left_out(label)
                ),
                format!("{label} at {}", place(labels, at)),
            ))
        }
    }
}

/// The cure for a label that stands for none, to follow another one.
pub(crate) fn left_out(label: i64) -> String {
    match label < 0 {
        true => format!(", or leave such labels out with ignore_class={label} of the loss"),
        false => String::new(),
    }
}

/// Checks that all `parts` (name, data) have the same number of samples, and returns it.
///
/// # Errors
/// Different numbers, or no parts. Source: `data_adapter_utils.py`, Keras 3.15.1.
pub fn check_cardinality(who: &str, parts: &[(&str, &Data)]) -> Result<usize> {
    let n = parts.first().map_or(0, |(_, data)| data.n_samples());
    if parts.iter().any(|(_, data)| data.n_samples() != n) {
        let sizes: Vec<String> =
            parts.iter().map(|(name, data)| format!("{name} {}", data.shape_text())).collect();
        return Err(DataError::invalid(
            who,
            "all arrays must hold the same number of samples (first axis).",
            sizes.join(", "),
        ));
    }
    if n == 0 {
        return Err(DataError::invalid(who, "at least one sample is needed.", "none"));
    }
    Ok(n)
}

#[cfg(test)]
mod tests {
    use super::super::ragged::Ragged;
    use super::*;
    use ndarray::array;

    #[test]
    fn infinities_are_placed_in_ragged_series() {
        let r = Ragged::from_list([
            array![[1.0f64, 2.0]],
            array![[3.0, 4.0], [5.0, f64::NEG_INFINITY]],
        ])
        .unwrap();
        let e = check_finite("a.jsonl", &Data::from(r)).unwrap_err().to_string();
        assert!(e.ends_with("Received: -inf at sample 1, timestep 1, feature 1."), "{e}");
        assert!(check_finite("ids", &Data::from([1i64])).is_ok());
    }

    #[test]
    fn ignored_labels_pass() {
        let y = Data::from(array![[0i64, 1], [-1, 2]]);
        assert!(check_labels("y", &y, 3, Some(-1)).is_ok());
        let e = check_labels("y", &y, 3, None).unwrap_err().to_string();
        assert!(e.contains("-1 at sample 1, feature 0"), "{e}");
    }

    #[test]
    fn cardinality_names_the_shapes() {
        let (x, y) = (Data::from(array![[1.0f32], [2.0]]), Data::from([1i64, 2, 3]));
        let e = check_cardinality("fit", &[("x", &x), ("y", &y)]).unwrap_err().to_string();
        assert!(e.ends_with("Received: x (2, 1), y (3,)."), "{e}");
        assert_eq!(check_cardinality("fit", &[("x", &x), ("z", &x)]).unwrap(), 2);
        assert!(check_cardinality("fit", &[]).is_err());
    }
}
