//! Penalties on weights and activities.
//!
//! Source: keras/src/regularizers/regularizers.py, Keras 3.15.1.

use cornu_ir::Var;
use serde::{Deserialize, Serialize};

crate::family! {
    /// A regularizer by its Keras class.
    pub enum Regularizer = "regularizer", "keras.regularizers" {
        "L1" | "l1" => L1,
        "L2" | "l2" => L2,
        "L1L2" | "l1_l2" => L1L2,
    }
}

/// `l1 · Σ|w|`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct L1 {
    /// Factor.
    pub l1: f64,
}

/// `l2 · Σw²`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct L2 {
    /// Factor.
    pub l2: f64,
}

/// `l1 · Σ|w| + l2 · Σw²`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct L1L2 {
    /// Factor of the absolute values.
    pub l1: f64,
    /// Factor of the squares.
    pub l2: f64,
}

impl Default for L1 {
    fn default() -> Self {
        Self { l1: 0.01 }
    }
}

impl Default for L2 {
    fn default() -> Self {
        Self { l2: 0.01 }
    }
}

impl Default for L1L2 {
    fn default() -> Self {
        Self { l1: 0.0, l2: 0.0 }
    }
}

impl Regularizer {
    /// The penalty of a value, a scalar.
    pub fn of<'g>(&self, x: Var<'g>) -> Var<'g> {
        match self {
            Self::L1(r) => x.abs().sum_all() * r.l1,
            Self::L2(r) => x.square().sum_all() * r.l2,
            Self::L1L2(r) => x.abs().sum_all() * r.l1 + x.square().sum_all() * r.l2,
        }
    }
}
