//! Weights that start alike.

use super::{Draw, Initialize};
use crate::Result;
use serde::{Deserialize, Serialize};

/// All 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Zeros {}

/// All 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ones {}

/// All of one value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Constant {
    /// The value.
    pub value: f64,
}

impl Zeros {
    /// The initializer.
    pub fn new() -> Self {
        Self {}
    }
}

impl Ones {
    /// The initializer.
    pub fn new() -> Self {
        Self {}
    }
}

impl Constant {
    /// The initializer of a value.
    pub fn new(value: f64) -> Self {
        Self { value }
    }
}

impl Initialize for Zeros {
    fn values(&self, shape: &[usize], _: &mut Draw) -> Result<Vec<f64>> {
        Ok(vec![0.0; shape.iter().product()])
    }
}

impl Initialize for Ones {
    fn values(&self, shape: &[usize], _: &mut Draw) -> Result<Vec<f64>> {
        Ok(vec![1.0; shape.iter().product()])
    }
}

impl Initialize for Constant {
    fn values(&self, shape: &[usize], _: &mut Draw) -> Result<Vec<f64>> {
        Ok(vec![self.value; shape.iter().product()])
    }
}
