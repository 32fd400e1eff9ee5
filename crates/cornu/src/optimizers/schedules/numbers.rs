//! Numbers of schedules: as configs hold them, and in formulas.

use crate::{Error, Result};
use cornu_ir::{DType, Var};

/// Reads a number of steps, which must be above 0.
pub(super) fn steps<'de, D: serde::Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    let x: f64 = serde::Deserialize::deserialize(d)?;
    if x > 0.0 {
        Ok(x)
    } else {
        Err(serde::de::Error::custom(Error::argument(
            "decay steps",
            "there must be more than 0",
            x,
        )))
    }
}

/// A number, f32.
pub(super) fn scalar(like: Var<'_>, x: f64) -> Var<'_> {
    like.builder().scalar(DType::F32, x)
}
