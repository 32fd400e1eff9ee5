//! Features scaled to mean 0 and standard deviation 1.

use super::array::Array;
use super::error::{DataError, Result};
use super::ragged::Ragged;
use super::source::Data;
use serde::{Deserialize, Serialize};

/// Scales each feature (the last axis) to mean 0 and standard deviation 1.
///
/// Statistics are taken over samples and timesteps, of sequences of unequal length over their own
/// timesteps alone. A constant feature is moved to 0. Results are `float32`, of `float64` data
/// `float64`. Unlike the layer `Normalization` the scaler stands outside the model, and its
/// [`inverse`](StandardScaler::inverse) gives predictions their unit back.
///
/// Source: scikit-learn's `StandardScaler`.
///
/// ```
/// use cornu::data::{Data, StandardScaler};
/// use ndarray::array;
/// let x = Data::from(array![[1.0f64, 10.0], [3.0, 10.0]]);
/// let scaler = StandardScaler::fit(&x)?;
/// assert_eq!(scaler.mean(), [2.0, 10.0]);
/// assert_eq!(scaler.transform(&x)?, Data::from(array![[-1.0f64, 0.0], [1.0, 0.0]]));
/// assert_eq!(scaler.inverse(&scaler.transform(&x)?)?, x);
/// # Ok::<(), cornu::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct StandardScaler {
    mean: Vec<f64>,
    scale: Vec<f64>,
}

/// A scaler as it is saved.
#[derive(Deserialize)]
struct Saved {
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl TryFrom<Saved> for StandardScaler {
    type Error = DataError;

    fn try_from(saved: Saved) -> Result<Self> {
        let Saved { mean, scale } = saved;
        if mean.is_empty() || mean.len() != scale.len() {
            let received = format!("{} means, {} scales", mean.len(), scale.len());
            let rule = "a mean and a scale for each feature are needed.";
            return Err(DataError::invalid("scaler", rule, received));
        }
        Ok(Self { mean, scale })
    }
}

impl StandardScaler {
    /// Returns the scaler of data (B, F), (B, T, F) or of sequences (T_i, F).
    ///
    /// # Errors
    /// Data without samples, without an axis of features, of strings, or with values that are not
    /// finite.
    pub fn fit(data: impl Into<Data>) -> Result<Self> {
        let data = data.into();
        let (numbers, width) = features(&data)?;
        let n = (numbers.len() / width.max(1)) as f64;
        if n == 0.0 {
            let rule = "at least one sample is needed.";
            return Err(DataError::invalid("StandardScaler", rule, data.shape_text()));
        }
        super::checks::check_finite("StandardScaler", &data)?;
        let sums = |of: &dyn Fn(usize, f64) -> f64| {
            let mut sums = vec![0.0; width];
            numbers.iter().enumerate().for_each(|(i, x)| sums[i % width] += of(i % width, *x));
            sums
        };
        let mean: Vec<f64> = sums(&|_, x| x).iter().map(|sum| sum / n).collect();
        let variance = sums(&|f, x| (x - mean[f]).powi(2));
        let scale = variance.iter().zip(&mean).map(|(sum, mean)| {
            let variance = sum / n;
            // What rounding alone gives is the variance of a constant, as in scikit-learn.
            let rounding = n * f64::EPSILON * variance + (n * mean * f64::EPSILON).powi(2);
            if variance <= rounding { 1.0 } else { variance.sqrt() }
        });
        Ok(Self { scale: scale.collect(), mean })
    }

    /// Returns the mean of each feature.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Returns the standard deviation of each feature, 1 for a constant one.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// Returns data with each feature scaled, `(x - mean) / scale`.
    ///
    /// # Errors
    /// Data of another number of features; strings.
    pub fn transform(&self, data: impl Into<Data>) -> Result<Data> {
        self.map(data.into(), |x, mean, scale| (x - mean) / scale)
    }

    /// Returns scaled data in the unit that it had, `x * scale + mean`.
    ///
    /// # Errors
    /// Data of another number of features; strings.
    pub fn inverse(&self, data: impl Into<Data>) -> Result<Data> {
        self.map(data.into(), |x, mean, scale| x * scale + mean)
    }

    /// Returns scaled values of one feature in the unit that it had: a forecast of one column.
    ///
    /// # Errors
    /// A feature that the scaler does not know.
    pub fn inverse_feature(
        &self,
        feature: usize,
        values: impl IntoIterator<Item = f32>,
    ) -> Result<Vec<f64>> {
        let (Some(mean), Some(scale)) = (self.mean.get(feature), self.scale.get(feature)) else {
            let rule = format!("the scaler knows the features 0 to {}.", self.mean.len() - 1);
            return Err(DataError::invalid("StandardScaler", rule, feature.to_string()));
        };
        Ok(values.into_iter().map(|x| f64::from(x) * scale + mean).collect())
    }

    fn map(&self, data: Data, of: impl Fn(f64, f64, f64) -> f64) -> Result<Data> {
        let (numbers, width) = features(&data)?;
        if width != self.mean.len() {
            let rule = format!("the scaler was fitted to {} features.", self.mean.len());
            return Err(DataError::invalid("StandardScaler", rule, data.shape_text()));
        }
        let scaled: Vec<f64> = numbers
            .iter()
            .enumerate()
            .map(|(i, x)| of(*x, self.mean[i % width], self.scale[i % width]))
            .collect();
        let shape = data.values().shape().to_vec();
        let scaled = match data.dtype() {
            "float64" => Array::from(scaled),
            _ => Array::from(scaled.into_iter().map(|x| x as f32).collect::<Vec<f32>>()),
        };
        let scaled = scaled.reshape(&shape)?;
        Ok(match data {
            Data::Dense(_) => Data::Dense(scaled),
            Data::Ragged(r) => Data::Ragged(Ragged::new(scaled, r.offsets().to_vec())?),
        })
    }
}

/// The numbers of data in C order, and how many a row holds.
fn features(data: &Data) -> Result<(Vec<f64>, usize)> {
    let values = data.values();
    if values.rank() < 2 {
        let rule = "data must have a last axis of features: (samples, features).";
        return Err(DataError::invalid("StandardScaler", rule, data.shape_text()));
    }
    let numbers = values.to_f64().map_err(|e| e.within("StandardScaler"))?;
    Ok((numbers.iter().copied().collect(), values.shape()[values.rank() - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn numbers_are_those_of_scikit_learn() {
        let x = Data::from(array![[1.0f64, 10.0, 5.0], [2.0, 20.0, 5.0], [4.0, 60.0, 5.0]]);
        let scaler = StandardScaler::fit(&x).unwrap();
        assert_eq!(scaler.mean(), [2.3333333333333335, 30.0, 5.0]);
        assert_eq!(scaler.scale(), [1.247219128924647, 21.602468994692867, 1.0]);
        let Data::Dense(Array::F64(got)) = scaler.transform(&x).unwrap() else { panic!("f64") };
        let want = array![
            [-1.0690449676496978, -0.9258200997725515, 0.0],
            [-0.2672612419124245, -0.46291004988627577, 0.0],
            [1.3363062095621219, 1.3887301496588271, 0.0]
        ];
        assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-15), "{got}");
    }

    #[test]
    fn sequences_count_their_own_timesteps() {
        let x = Ragged::from_list([array![[1.0f32], [2.0], [3.0]], array![[6.0]]]).unwrap();
        let scaler = StandardScaler::fit(&x).unwrap();
        assert_eq!(scaler.mean(), [3.0]);
        let scaled = scaler.transform(&x).unwrap();
        assert_eq!((scaled.lengths(), scaled.dtype()), (Some(vec![3, 1]), "float32"));
        assert_eq!(scaler.inverse_feature(0, [0.0]).unwrap(), [3.0]);
        let text = serde_json::to_string(&scaler).unwrap();
        assert_eq!(serde_json::from_str::<StandardScaler>(&text).unwrap(), scaler);
    }

    #[test]
    fn other_data_is_refused() {
        let scaler = StandardScaler::fit(array![[1.0f32, 2.0]]).unwrap();
        let e = scaler.transform(array![[1.0f32]]).unwrap_err().to_string();
        assert!(e.contains("fitted to 2 features") && e.contains("(1, 1)"), "{e}");
        assert!(StandardScaler::fit(vec![1.0f32]).is_err());
        assert!(StandardScaler::fit(array![[f32::NAN]]).is_err());
        assert!(StandardScaler::fit(ndarray::Array2::<f32>::zeros((0, 2))).is_err());
        assert!(scaler.inverse_feature(2, [0.0]).is_err());
    }
}
