//! Projections of weights after each update.
//!
//! Source: keras/src/constraints/constraints.py, Keras 3.15.1.

use cornu_ir::Var;
use serde::{Deserialize, Serialize};

crate::family! {
    /// A constraint by its Keras class.
    pub enum Constraint = "constraint", "keras.constraints" {
        "NonNeg" | "non_neg" => NonNeg,
        "MaxNorm" | "max_norm" => MaxNorm,
        "UnitNorm" | "unit_norm" => UnitNorm,
        "MinMaxNorm" | "min_max_norm" => MinMaxNorm,
    }
}

/// Nothing below 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NonNeg {}

/// Norms along axes of at most a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MaxNorm {
    /// The largest norm.
    pub max_value: f64,
    /// Axis or axes along which norms are taken.
    pub axis: Axes,
}

/// Norms along axes of 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitNorm {
    /// Axis or axes along which norms are taken.
    pub axis: Axes,
}

/// Norms along axes moved towards a range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MinMaxNorm {
    /// The smallest norm.
    pub min_value: f64,
    /// The largest norm.
    pub max_value: f64,
    /// How far towards the range: 1 is all the way.
    pub rate: f64,
    /// Axis or axes along which norms are taken.
    pub axis: Axes,
}

/// An axis or several, as Keras accepts them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Axes {
    /// One axis.
    One(isize),
    /// Several axes.
    Many(Vec<isize>),
}

impl Default for Axes {
    fn default() -> Self {
        Axes::One(0)
    }
}

impl Axes {
    /// As a list.
    pub fn list(&self) -> Vec<isize> {
        match self {
            Axes::One(a) => vec![*a],
            Axes::Many(v) => v.clone(),
        }
    }
}

impl Default for MaxNorm {
    fn default() -> Self {
        Self { max_value: 2.0, axis: Axes::default() }
    }
}

impl Default for MinMaxNorm {
    fn default() -> Self {
        Self { min_value: 0.0, max_value: 1.0, rate: 1.0, axis: Axes::default() }
    }
}

/// Keras's `backend.epsilon()`.
const EPSILON: f64 = 1e-7;

fn norms<'g>(w: Var<'g>, axis: &Axes) -> Var<'g> {
    w.square().sum(&axis.list(), true).sqrt()
}

impl Constraint {
    /// The projected weight.
    pub fn of<'g>(&self, w: Var<'g>) -> Var<'g> {
        match self {
            Self::NonNeg(_) => w.maximum(0.0),
            Self::MaxNorm(c) => {
                let n = norms(w, &c.axis);
                w * (n.clip(0.0, c.max_value) / (n + EPSILON))
            }
            Self::UnitNorm(c) => w / (norms(w, &c.axis) + EPSILON),
            Self::MinMaxNorm(c) => {
                let n = norms(w, &c.axis);
                let desired = n.clip(c.min_value, c.max_value) * c.rate + n * (1.0 - c.rate);
                w * (desired / (n + EPSILON))
            }
        }
    }
}
