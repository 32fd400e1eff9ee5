//! How often a callback acts.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

/// How often a callback acts: at each epoch, or every n batches (Keras's `"epoch"`, `"batch"` or a
/// number).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Frequency {
    /// After each epoch.
    #[default]
    Epoch,
    /// After every n training steps, counted across epochs.
    Batches(usize),
}

impl<'de> Deserialize<'de> for Frequency {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let v = Value::deserialize(d)?;
        match (v.as_str(), v.as_u64()) {
            (Some("epoch"), _) => Ok(Self::Epoch),
            (Some("batch"), _) => Ok(Self::Batches(1)),
            (_, Some(n)) if n > 0 => Ok(Self::Batches(n as usize)),
            _ => Err(D::Error::custom(format!(
                "a frequency is \"epoch\" or a number of batches. Received: {v}"
            ))),
        }
    }
}

/// Counts training steps up to the next action.
#[derive(Default)]
pub(super) struct Counter(usize);

impl Counter {
    /// Counts a step: whether it is time to act.
    pub(super) fn step(&mut self, frequency: Frequency) -> bool {
        let Frequency::Batches(n) = frequency else { return false };
        self.0 += 1;
        let due = self.0 >= n;
        if due {
            self.0 = 0;
        }
        due
    }
}
