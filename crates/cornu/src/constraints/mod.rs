//! Constraints: projections of weights after each update.
//!
//! Source: keras/src/constraints/constraints.py, Keras 3.15.1.

use crate::Result;
use crate::config::Configured;
use cornu_ir::Var;
use serde::{Deserialize, Serialize};

crate::config::family! {
    /// Constraint: one of Keras's, or your own that implements [`Constrain`].
    pub struct Constraint(dyn Constrain) = "constraint", "keras.constraints" {
        "NonNeg" | "non_neg" => NonNeg,
        "MaxNorm" | "max_norm" => MaxNorm,
        "UnitNorm" | "unit_norm" => UnitNorm,
        "MinMaxNorm" | "min_max_norm" => MinMaxNorm,
    }
}

/// Trait of constraints: the projection of a weight.
pub trait Constrain: Configured {
    /// Returns the projected weight.
    fn of<'g>(&self, w: Var<'g>) -> Var<'g>;

    /// Checks that the constraint can be used: fails for a name that no class has.
    #[doc(hidden)]
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// Constraint that sets negative weights to 0.
///
/// ```
/// use cornu::constraints::NonNeg;
/// use cornu::initializers::Constant;
/// use cornu::optimizers::Sgd;
/// use cornu::{Compile, Dense, Fit, Input, Model};
/// use ndarray::arr2;
/// let x = Input::new([1]);
/// let dense = Dense::new(1).kernel_initializer(Constant::new(-1.0));
/// let y = dense.kernel_constraint(NonNeg::new()).call(&x)?;
/// let mut model = Model::new(&x, &y)?.compile(Compile::new(Sgd::new(0.0), "mse"))?;
/// model.fit(&arr2(&[[0.0f32]]), &arr2(&[[0.0f32]]), Fit::new().verbose(0))?;
/// assert!((model.weights()[0].to_f32()?[[0, 0]] - 0.0).abs() < 1e-5);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NonNeg {}

/// Constraint on the norms along an axis: at most a value.
///
/// ```
/// use cornu::constraints::MaxNorm;
/// use cornu::initializers::Constant;
/// use cornu::optimizers::Sgd;
/// use cornu::{Compile, Dense, Fit, Input, Model};
/// use ndarray::arr2;
/// let x = Input::new([1]);
/// let dense = Dense::new(1).kernel_initializer(Constant::new(3.0));
/// let y = dense.kernel_constraint(MaxNorm::new(2.0)).call(&x)?;
/// let mut model = Model::new(&x, &y)?.compile(Compile::new(Sgd::new(0.0), "mse"))?;
/// model.fit(&arr2(&[[0.0f32]]), &arr2(&[[0.0f32]]), Fit::new().verbose(0))?;
/// assert!((model.weights()[0].to_f32()?[[0, 0]] - 2.0).abs() < 1e-5);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MaxNorm {
    /// The largest norm.
    pub max_value: f64,
    /// Axis or axes along which norms are computed.
    pub axis: Axes,
}

/// Constraint on the norms along an axis: exactly 1.
///
/// ```
/// use cornu::constraints::UnitNorm;
/// use cornu::initializers::Constant;
/// use cornu::optimizers::Sgd;
/// use cornu::{Compile, Dense, Fit, Input, Model};
/// use ndarray::arr2;
/// let x = Input::new([1]);
/// let dense = Dense::new(1).kernel_initializer(Constant::new(3.0));
/// let y = dense.kernel_constraint(UnitNorm::new()).call(&x)?;
/// let mut model = Model::new(&x, &y)?.compile(Compile::new(Sgd::new(0.0), "mse"))?;
/// model.fit(&arr2(&[[0.0f32]]), &arr2(&[[0.0f32]]), Fit::new().verbose(0))?;
/// assert!((model.weights()[0].to_f32()?[[0, 0]] - 1.0).abs() < 1e-5);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitNorm {
    /// Axis or axes along which norms are computed.
    pub axis: Axes,
}

/// Constraint on the norms along an axis: between two values.
///
/// ```
/// use cornu::constraints::MinMaxNorm;
/// use cornu::initializers::Constant;
/// use cornu::optimizers::Sgd;
/// use cornu::{Compile, Dense, Fit, Input, Model};
/// use ndarray::arr2;
/// let x = Input::new([1]);
/// let dense = Dense::new(1).kernel_initializer(Constant::new(3.0));
/// let y = dense.kernel_constraint(MinMaxNorm::new(0.5, 2.0)).call(&x)?;
/// let mut model = Model::new(&x, &y)?.compile(Compile::new(Sgd::new(0.0), "mse"))?;
/// model.fit(&arr2(&[[0.0f32]]), &arr2(&[[0.0f32]]), Fit::new().verbose(0))?;
/// assert!((model.weights()[0].to_f32()?[[0, 0]] - 2.0).abs() < 1e-5);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MinMaxNorm {
    /// The smallest norm.
    pub min_value: f64,
    /// The largest norm.
    pub max_value: f64,
    /// Share of the way to the range at each update: 1 for all of it.
    pub rate: f64,
    /// Axis or axes along which norms are computed.
    pub axis: Axes,
}

/// One axis or several, as Keras reads them.
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
    /// Returns the axes as a list.
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

impl Constrain for NonNeg {
    fn of<'g>(&self, w: Var<'g>) -> Var<'g> {
        w.maximum(0.0)
    }
}

impl Constrain for MaxNorm {
    fn of<'g>(&self, w: Var<'g>) -> Var<'g> {
        let n = norms(w, &self.axis);
        w * (n.clip(0.0, self.max_value) / (n + EPSILON))
    }
}

impl Constrain for UnitNorm {
    fn of<'g>(&self, w: Var<'g>) -> Var<'g> {
        w / (norms(w, &self.axis) + EPSILON)
    }
}

impl Constrain for MinMaxNorm {
    fn of<'g>(&self, w: Var<'g>) -> Var<'g> {
        let n = norms(w, &self.axis);
        let desired = n.clip(self.min_value, self.max_value) * self.rate + n * (1.0 - self.rate);
        w * (desired / (n + EPSILON))
    }
}

impl NonNeg {
    /// Returns the constraint.
    pub fn new() -> Self {
        Self {}
    }
}

impl MaxNorm {
    /// Returns the constraint of a largest norm, along axis 0.
    pub fn new(max_value: f64) -> Self {
        Self { max_value, ..Self::default() }
    }

    /// Sets the axis or axes along which norms are computed.
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }
}

impl UnitNorm {
    /// Returns the constraint along axis 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the axis or axes along which norms are computed.
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }
}

impl MinMaxNorm {
    /// Returns the constraint of a smallest and a largest norm, along axis 0.
    pub fn new(min_value: f64, max_value: f64) -> Self {
        Self { min_value, max_value, ..Self::default() }
    }

    /// Sets the share of the way to the range at each update: 1 for all of it.
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    /// Sets the axis or axes along which norms are computed.
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }
}

impl From<isize> for Axes {
    fn from(axis: isize) -> Self {
        Axes::One(axis)
    }
}

impl From<i32> for Axes {
    fn from(axis: i32) -> Self {
        Axes::One(axis as isize)
    }
}

impl<const N: usize> From<[isize; N]> for Axes {
    fn from(axes: [isize; N]) -> Self {
        Axes::Many(axes.into())
    }
}
