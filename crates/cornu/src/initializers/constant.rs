//! Constant initial values.

use super::{Draw, Initialize};
use crate::Result;
use serde::{Deserialize, Serialize};

/// Initializer that sets all elements to 0.
///
/// ```
/// use cornu::extend::{Draw, Initialize};
/// use cornu::initializers::Zeros;
/// assert_eq!(Zeros::new().values(&[2], &mut Draw::new(0, 0))?, [0.0, 0.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Zeros {}

/// Initializer that sets all elements to 1.
///
/// ```
/// use cornu::extend::{Draw, Initialize};
/// use cornu::initializers::Ones;
/// assert_eq!(Ones::new().values(&[2], &mut Draw::new(0, 0))?, [1.0, 1.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ones {}

/// Initializer that sets all elements to one value.
///
/// ```
/// use cornu::extend::{Draw, Initialize};
/// use cornu::initializers::Constant;
/// assert_eq!(Constant::new(0.5).values(&[2], &mut Draw::new(0, 0))?, [0.5, 0.5]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Constant {
    /// Value of all elements.
    pub value: f64,
}

impl Zeros {
    /// Returns the initializer.
    pub fn new() -> Self {
        Self {}
    }
}

impl Ones {
    /// Returns the initializer.
    pub fn new() -> Self {
        Self {}
    }
}

impl Constant {
    /// Returns the initializer of a value.
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
