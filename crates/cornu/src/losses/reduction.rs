//! Reductions of the values of a batch to one number, by Keras's names.
//!
//! Source: keras/src/losses/loss.py, Keras 3.15.1.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// How a loss reduces the values of a batch to one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Option<String>", into = "Option<&'static str>")]
pub enum Reduction {
    /// Mean of the values, without masked ones.
    #[default]
    SumOverBatchSize,
    /// Mean of the values: another name of `SumOverBatchSize`.
    Mean,
    /// Sum of the values.
    Sum,
    /// Sum of the weighted values divided by the sum of the weights.
    MeanWithSampleWeight,
    /// No reduction: a model cannot be trained with it, and evaluation reports the mean.
    None,
}

impl TryFrom<Option<String>> for Reduction {
    type Error = Error;
    fn try_from(name: Option<String>) -> Result<Self> {
        Ok(match name.as_deref() {
            Some("sum_over_batch_size") => Self::SumOverBatchSize,
            Some("mean") => Self::Mean,
            Some("sum") => Self::Sum,
            Some("mean_with_sample_weight") => Self::MeanWithSampleWeight,
            None | Some("none") => Self::None,
            // Written by Keras 2 for its only reduction of a compiled model.
            Some("auto") => Self::SumOverBatchSize,
            Some(other) => {
                return Err(Error::argument(
                    "reduction",
                    "expected one of sum_over_batch_size, mean, sum, mean_with_sample_weight, \
                        none, or null",
                    other,
                ));
            }
        })
    }
}

impl From<Reduction> for Option<&'static str> {
    fn from(r: Reduction) -> Self {
        match r {
            Reduction::SumOverBatchSize => Some("sum_over_batch_size"),
            Reduction::Mean => Some("mean"),
            Reduction::Sum => Some("sum"),
            Reduction::MeanWithSampleWeight => Some("mean_with_sample_weight"),
            Reduction::None => None,
        }
    }
}
