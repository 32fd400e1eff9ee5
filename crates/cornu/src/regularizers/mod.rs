//! Penalties on weights and activities.
//!
//! Source: keras/src/regularizers/regularizers.py, Keras 3.15.1.

use cornu_ir::ops::Iota;
use cornu_ir::{DType, ShapeError, Var};
use serde::{Deserialize, Serialize};

crate::family! {
    /// A regularizer by its Keras class.
    pub enum Regularizer = "regularizer", "keras.regularizers" {
        "L1" | "l1" => L1,
        "L2" | "l2" => L2,
        "L1L2" | "l1_l2" => L1L2,
        "OrthogonalRegularizer" | "orthogonal_regularizer" => Orthogonal,
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

/// `factor` times the mean of |cos| between the rows (or columns) of a matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Orthogonal {
    /// Factor.
    pub factor: f64,
    /// Which vectors are to be orthogonal.
    pub mode: OrthogonalMode,
}

/// Which vectors of a matrix are to be orthogonal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrthogonalMode {
    /// Its rows.
    #[default]
    Rows,
    /// Its columns.
    Columns,
}

impl Default for Orthogonal {
    fn default() -> Self {
        // Keras holds the factor in 32 bits.
        Self { factor: f64::from(0.01f32), mode: OrthogonalMode::default() }
    }
}

impl Orthogonal {
    fn of<'g>(&self, w: Var<'g>) -> Var<'g> {
        if w.rank() != 2 {
            w.builder().fail(ShapeError::new(
                "OrthogonalRegularizer",
                "a weight of rank 2 is needed",
                &[w.spec()],
            ));
            return w.builder().scalar(w.dtype(), 0.0);
        }
        let rows = self.mode == OrthogonalMode::Rows;
        let unit = w * w.square().sum(&[if rows { 1 } else { 0 }], true).rsqrt().minimum(1e7);
        let cosines = unit.matmul_with(unit, !rows, rows);
        let dims = cosines.dims();
        let index =
            |axis| w.builder().apply1(Iota { dtype: DType::I32, dims: dims.clone(), axis }, &[]);
        let n = dims[0].unwrap_or(1) as f64;
        let others = index(0).ne(index(1)).select(cosines.abs(), 0.0).sum_all();
        others * (self.factor * 0.5 / (n * (n - 1.0) / 2.0))
    }
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
            Self::Orthogonal(r) => r.of(x),
            Self::L1L2(r) => x.abs().sum_all() * r.l1 + x.square().sum_all() * r.l2,
        }
    }
}
