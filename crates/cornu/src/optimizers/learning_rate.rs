//! The learning rate: a number that training may change, or a schedule.

use super::schedules::Schedule;
use crate::saving::json;
use crate::{Error, Result};
use serde::de::Error as _;
use serde_json::Value;

/// Learning rate of an optimizer: a number or a schedule.
#[derive(Clone, Debug, PartialEq)]
pub enum LearningRate {
    /// A number, which callbacks may change; Keras saves it as the variable `learning_rate`.
    Number(f64),
    /// A schedule: a function of the number of steps. It has no variable.
    Schedule(Schedule),
}

impl LearningRate {
    /// Reads a number or a serialized schedule from Keras's config.
    pub fn from_json(v: &Value) -> Result<Self> {
        if let Some(number) = json::float(v) {
            return Ok(Self::Number(number));
        }
        match v {
            Value::Object(_) => Schedule::from_json(v).map(Self::Schedule),
            other => Err(Error::argument(
                "learning_rate",
                "it must be a number or a learning rate schedule",
                crate::config::short(other),
            )),
        }
    }
}

impl From<f64> for LearningRate {
    fn from(x: f64) -> Self {
        Self::Number(x)
    }
}

impl<S: Into<Schedule>> From<S> for LearningRate {
    fn from(s: S) -> Self {
        Self::Schedule(s.into())
    }
}

impl serde::Serialize for LearningRate {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(x) => s.serialize_f64(*x),
            Self::Schedule(schedule) => schedule.serialize(s),
        }
    }
}

impl<'de> serde::Deserialize<'de> for LearningRate {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::from_json(&Value::deserialize(d)?).map_err(D::Error::custom)
    }
}
