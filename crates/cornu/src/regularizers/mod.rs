//! Regularizers: penalties on weights and outputs, added to the loss.
//!
//! Source: keras/src/regularizers/regularizers.py, Keras 3.15.1.

use crate::Result;
use crate::config::Configured;
use cornu_ir::ops::Iota;
use cornu_ir::{DType, ShapeError, Var};
use serde::{Deserialize, Serialize};

crate::config::family! {
    /// Regularizer: one of Keras's, or your own that implements [`Regularize`].
    pub struct Regularizer(dyn Regularize) = "regularizer", "keras.regularizers" {
        "L1" | "l1" => L1,
        "L2" | "l2" => L2,
        "L1L2" | "l1_l2" => L1L2,
        "OrthogonalRegularizer" | "orthogonal_regularizer" => Orthogonal,
    }
}

/// Trait of regularizers: the penalty of a weight or an output.
///
/// ```
/// use cornu::extend::{Regularize, Var, serde};
/// use cornu::{Dense, Input};
///
/// /// `factor · Σ ln(1 + w²)`.
/// #[derive(Debug, serde::Serialize, serde::Deserialize)]
/// struct Cauchy {
///     factor: f64,
/// }
/// cornu::class!(Cauchy = "robust>Cauchy");
///
/// impl Regularize for Cauchy {
///     fn of<'g>(&self, x: Var<'g>) -> Var<'g> {
///         (x.square() + 1.0).log().sum_all() * self.factor
///     }
/// }
///
/// Dense::new(3).kernel_regularizer(Cauchy { factor: 0.1 }).call(&Input::new([4]))?;
/// # Ok::<(), cornu::Error>(())
/// ```
pub trait Regularize: Configured {
    /// Returns the penalty of a weight or an output, a scalar.
    fn of<'g>(&self, x: Var<'g>) -> Var<'g>;

    /// Checks that the regularizer can be used: fails for a name that no class has.
    #[doc(hidden)]
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// L1 penalty: `l1 · Σ|w|`.
///
/// ```
/// use cornu::metrics::MetricValue;
/// use cornu::regularizers::L1;
/// use cornu::{Compile, Dense, Evaluate, Input, Model};
/// use ndarray::arr2;
/// let x = Input::new([2]);
/// let dense = Dense::new(1).kernel_initializer("ones").kernel_regularizer(L1::new(0.5));
/// let model = Model::new(&x, &dense.call(&x)?)?.compile(Compile::new("sgd", "mse"))?;
/// let logs = model.evaluate(&arr2(&[[0.0f32, 0.0]]), &arr2(&[[0.0f32]]), Evaluate::new())?;
/// assert_eq!(logs["loss"], MetricValue::Number(1.0)); // 0.5 · (|1| + |1|)
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct L1 {
    /// Factor of the penalty.
    pub l1: f64,
}

/// L2 penalty: `l2 · Σw²`.
///
/// ```
/// use cornu::metrics::MetricValue;
/// use cornu::regularizers::L2;
/// use cornu::{Compile, Dense, Evaluate, Input, Model};
/// use ndarray::arr2;
/// let x = Input::new([2]);
/// let dense = Dense::new(1).kernel_initializer("ones").kernel_regularizer(L2::new(0.25));
/// let model = Model::new(&x, &dense.call(&x)?)?.compile(Compile::new("sgd", "mse"))?;
/// let logs = model.evaluate(&arr2(&[[0.0f32, 0.0]]), &arr2(&[[0.0f32]]), Evaluate::new())?;
/// assert_eq!(logs["loss"], MetricValue::Number(0.5)); // 0.25 · (1² + 1²)
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct L2 {
    /// Factor of the penalty.
    pub l2: f64,
}

/// L1 and L2 penalty: `l1 · Σ|w| + l2 · Σw²`.
///
/// ```
/// use cornu::metrics::MetricValue;
/// use cornu::regularizers::L1L2;
/// use cornu::{Compile, Dense, Evaluate, Input, Model};
/// use ndarray::arr2;
/// let x = Input::new([2]);
/// let dense = Dense::new(1).kernel_initializer("ones").kernel_regularizer(L1L2::new(0.5, 0.25));
/// let model = Model::new(&x, &dense.call(&x)?)?.compile(Compile::new("sgd", "mse"))?;
/// let logs = model.evaluate(&arr2(&[[0.0f32, 0.0]]), &arr2(&[[0.0f32]]), Evaluate::new())?;
/// assert_eq!(logs["loss"], MetricValue::Number(1.5)); // 0.5 · 2 + 0.25 · 2
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct L1L2 {
    /// Factor of the sum of absolute values.
    pub l1: f64,
    /// Factor of the sum of squares.
    pub l2: f64,
}

/// Orthogonality penalty: `factor` times the mean |cos| between the rows (or columns) of a matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Orthogonal {
    /// Factor of the penalty.
    pub factor: f64,
    /// Vectors that should be orthogonal: rows or columns.
    pub mode: OrthogonalMode,
}

/// Vectors of a matrix that should be orthogonal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrthogonalMode {
    /// The rows of the matrix.
    #[default]
    Rows,
    /// The columns of the matrix.
    Columns,
}

impl Default for Orthogonal {
    fn default() -> Self {
        // Keras holds the factor in 32 bits.
        Self { factor: f64::from(0.01f32), mode: OrthogonalMode::default() }
    }
}

impl Regularize for Orthogonal {
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

impl Regularize for L1 {
    fn of<'g>(&self, x: Var<'g>) -> Var<'g> {
        x.abs().sum_all() * self.l1
    }
}

impl Regularize for L2 {
    fn of<'g>(&self, x: Var<'g>) -> Var<'g> {
        x.square().sum_all() * self.l2
    }
}

impl Regularize for L1L2 {
    fn of<'g>(&self, x: Var<'g>) -> Var<'g> {
        x.abs().sum_all() * self.l1 + x.square().sum_all() * self.l2
    }
}

impl L1 {
    /// Returns the penalty with a factor.
    pub fn new(l1: f64) -> Self {
        Self { l1 }
    }
}

impl L2 {
    /// Returns the penalty with a factor.
    pub fn new(l2: f64) -> Self {
        Self { l2 }
    }
}

impl L1L2 {
    /// Returns the penalty with factors of the absolute values and of the squares.
    pub fn new(l1: f64, l2: f64) -> Self {
        Self { l1, l2 }
    }
}
