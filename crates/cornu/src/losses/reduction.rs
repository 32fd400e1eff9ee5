//! How the values of a batch become one number, by Keras's names.
//!
//! Source: keras/src/losses/loss.py, Keras 3.15.1.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// How the values of a batch become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Option<String>", into = "Option<&'static str>")]
pub enum Reduction {
    /// The sum over the number of values; under a mask, over the number of values that count.
    #[default]
    SumOverBatchSize,
    /// The same by another name.
    Mean,
    /// The sum.
    Sum,
    /// The sum over the sum of the weights.
    MeanWithSampleWeight,
    /// None: no gradient can be taken of it, and in evaluation the mean is reported.
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
