//! Inputs scaled and shifted by fixed numbers.

use crate::config::setters;
use crate::constraints::Axes;
use crate::data::Data;
use crate::initializers::{Ones, Zeros};
use crate::lowering::{
    Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, WeightSpec, WeightTree, Weights,
    known_dim, literal::literal,
};
use crate::{Error, Result};
use cornu_ir::builder::{axis_of, broadcast_dims};
use cornu_ir::{DType, Dim, Spec, Tensor, Var};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Scales and shifts inputs: `x · scale + offset`.
///
/// # Shapes
/// Any shape; the output has the shape of the input. Scale and offset are numbers, or lists that
/// are broadcast to the last axes.
///
/// # Source
/// keras/src/layers/preprocessing/rescaling.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, Rescaling};
/// use ndarray::arr2;
/// let y = LayerRef::new(Rescaling::new(0.5, 1.0)).apply(&arr2(&[[2.0f32, 4.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[2.0f32, 3.0]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rescaling {
    /// Factor: a number, or a list along the last axis.
    pub scale: Value,
    /// Number added after scaling, or a list along the last axis.
    pub offset: Value,
}

/// Normalizes features to mean 0 and variance 1, with given statistics or with those that `adapt`
/// learns from data.
///
/// # Shapes
/// x and y (B, …); mean and variance have the dims of `axis`.
///
/// # Source
/// keras/src/layers/preprocessing/normalization.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, Normalization};
/// use ndarray::arr2;
/// let layer = LayerRef::new(Normalization::new(&[1.0, 10.0], &[4.0, 25.0]));
/// let y = layer.apply(&arr2(&[[3.0f32, 5.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[1.0f32, -1.0]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Normalization {
    /// Axes with statistics of their own; `None` for one mean and variance of all numbers.
    pub axis: Option<Axes>,
    /// True to undo the normalization instead.
    pub invert: bool,
    /// Given means; `None` if they come from `adapt`.
    pub mean: Option<Value>,
    /// Given variances; `None` if they come from `adapt`.
    pub variance: Option<Value>,
    /// Dims, means and variances that were taken from data: where the weights start.
    #[serde(skip)]
    adapted: Option<(Vec<usize>, Vec<f64>, Vec<f64>)>,
}

impl Default for Rescaling {
    fn default() -> Self {
        Self { scale: 1.0.into(), offset: 0.0.into() }
    }
}

impl Default for Normalization {
    fn default() -> Self {
        Self {
            axis: Some(Axes::Many(vec![-1])),
            invert: false,
            mean: None,
            variance: None,
            adapted: None,
        }
    }
}

impl Rescaling {
    /// Returns a layer with a factor and an offset.
    pub fn new(scale: f64, offset: f64) -> Self {
        Self { scale: scale.into(), offset: offset.into() }
    }
}

impl Normalization {
    /// Returns a layer with mean and variance of each feature on the last axis.
    pub fn new(mean: &[f64], variance: &[f64]) -> Self {
        Self { mean: Some(mean.into()), variance: Some(variance.into()), ..Self::default() }
    }

    pub(super) fn set_adapted(&mut self, dims: Vec<usize>, mean: Vec<f64>, variance: Vec<f64>) {
        self.adapted = Some((dims, mean, variance));
    }

    /// The kept axes of values of a rank in order; none when one is no axis of theirs.
    pub(super) fn kept_axes(&self, rank: usize) -> Option<Vec<usize>> {
        let mut axes: Vec<usize> = self
            .axis
            .as_ref()
            .map_or(vec![], Axes::list)
            .iter()
            .map(|&a| axis_of(a, rank))
            .collect();
        axes.sort_unstable();
        axes.iter().all(|&a| a < rank).then_some(axes)
    }

    /// The kept axes in order, and their dims.
    fn kept(&self, x: &Spec) -> Result<(Vec<usize>, Vec<usize>)> {
        let axes = self.kept_axes(x.rank()).ok_or_else(|| {
            let rule =
                format!("axis {:?} must be axes of the input", self.axis.as_ref().map(Axes::list));
            Error::shapes(rule, std::slice::from_ref(x))
        })?;
        let dims = axes
            .iter()
            .map(|&a| known_dim(x, a as isize, "normalized"))
            .collect::<Result<Vec<_>>>()?;
        Ok((axes, dims))
    }

    /// Statistics that were given, as the config holds them.
    fn given(&self) -> Result<Option<(Tensor, Tensor)>> {
        let read = |v: &Option<Value>, what: &str| {
            v.as_ref().filter(|v| !v.is_null()).map(|v| numbers(what, v)).transpose()
        };
        match (read(&self.mean, "mean")?, read(&self.variance, "variance")?) {
            (None, None) => Ok(None),
            (Some(m), Some(v)) if m.dims == v.dims => Ok(Some((m, v))),
            _ => Err(Error::argument(
                "",
                "mean and variance must both be given, in one shape",
                "others",
            )),
        }
    }
}

/// Numbers of a config, in any nesting.
fn numbers(what: &str, v: &Value) -> Result<Tensor> {
    let found = literal(v).map(|l| l.tensor).map_err(|_| {
        Error::argument(
            "",
            format!("{what} must be a number or a list of numbers"),
            crate::config::short(v),
        )
    })?;
    Ok(Tensor::new(&found.dims, found.to_f64()))
}

/// A tensor as a constant of a float type.
fn constant<'g>(cx: &Cx<'g>, t: &Tensor) -> Var<'g> {
    cx.builder.constant(t.clone()).cast(cx.float())
}

impl Layer for Rescaling {
    settings!("Rescaling");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let x = call.input()?;
        for (what, v) in [("scale", &self.scale), ("offset", &self.offset)] {
            let dims: Vec<Dim> = numbers(what, v)?.dims.into_iter().map(Some).collect();
            if dims.len() > x.rank() || broadcast_dims(&dims, &x.dims).is_none() {
                return Err(Error::shapes(
                    format!("{what} must stretch to the input's last axes"),
                    std::slice::from_ref(x),
                ));
            }
        }
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = cx.to_float(call.input()?.value);
        let (scale, offset) = (numbers("scale", &self.scale)?, numbers("offset", &self.offset)?);
        Ok(vec![(x * constant(cx, &scale) + constant(cx, &offset)).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        // Numbers with an axis of time stand for the timesteps of a rectangle.
        let along_features =
            |v: &Value| v.as_array().is_none_or(|items| !items.iter().any(Value::is_array));
        let is_number = |v: &Value| !v.is_array();
        match (is_number(&self.scale), is_number(&self.offset)) {
            (true, true) => RaggedForm::ByTimestep(2),
            _ if along_features(&self.scale) && along_features(&self.offset) => {
                RaggedForm::ByTimestep(3)
            }
            _ => RaggedForm::Padded,
        }
    }

    fn samples() -> Vec<Sample> {
        Sample::each([json!({"scale": 0.5, "offset": 1.0}), json!({"scale": [0.5, 1.0, 2.0, 3.0]})])
    }
}

setters!(Normalization {
    some_into axis: Axes,
    plain invert: bool,
});

impl Layer for Normalization {
    settings!("Normalization");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let (_, dims) = self.kept(call.input()?)?;
        if self.given()?.is_some() {
            return Ok(WeightTree::none());
        }
        let (mean, variance) = match &self.adapted {
            Some((of, ..)) if *of != dims => {
                return Err(Error::shapes(
                    format!("the layer was adapted to data of {of:?} along its axis"),
                    std::slice::from_ref(call.input()?),
                ));
            }
            Some((_, mean, variance)) => (Some(mean.clone()), Some(variance.clone())),
            None => (None, None),
        };
        Ok(WeightTree::of(vec![
            WeightSpec::new("mean", &dims, &Zeros {}.into()).starting_at(mean).fixed(),
            WeightSpec::new("variance", &dims, &Ones {}.into()).starting_at(variance).fixed(),
            WeightSpec {
                dtype: Some(DType::I32),
                ..WeightSpec::new("count", &[], &Zeros {}.into()).fixed()
            },
        ]))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = cx.to_float(call.input()?.value);
        let (axes, _) = self.kept(&x.spec())?;
        let mut place: Vec<Dim> = vec![Some(1); x.rank()];
        axes.iter().for_each(|&a| place[a] = x.dim(a as isize));
        let (mean, variance) = match self.given()? {
            None => (w.var("mean").reshape(&place), w.var("variance").reshape(&place)),
            Some((mean, variance)) => {
                // Dims given stand at the last of the kept axes, and stretch over the others.
                let mut own: Vec<Dim> = vec![Some(1); x.rank()];
                if mean.dims.len() > axes.len() {
                    return Err(Error::shapes(
                        "mean and variance must not have more axes than `axis` names",
                        &[x.spec()],
                    ));
                }
                mean.dims.iter().rev().zip(axes.iter().rev()).for_each(|(&n, &a)| own[a] = Some(n));
                let stretched = |t: &Tensor| constant(cx, t).reshape(&own).broadcast_to(&place);
                (stretched(&mean), stretched(&variance))
            }
        };
        let deviation = variance.sqrt().maximum(1e-7);
        Ok(vec![if self.invert { mean + x * deviation } else { (x - mean) / deviation }.into()])
    }

    fn adapt_to(&self, data: &Data) -> Result<Box<dyn Layer>> {
        Ok(Box::new(self.clone().adapt(data.clone())?))
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        // Statistics of each timestep stand for those of a rectangle.
        if self.axis.as_ref().is_none_or(|a| a.list().iter().all(|a| *a == -1 || *a >= 2)) {
            RaggedForm::ByTimestep(3)
        } else {
            RaggedForm::Padded
        }
    }

    fn samples() -> Vec<Sample> {
        Sample::each([json!({"mean": [0.1, 0.2, 0.3, 0.4], "variance": [1.0, 2.0, 3.0, 4.0]})])
    }
}

/// The place of each number among boundaries: how many are not above it.
pub(super) fn bin<'g>(cx: &Cx<'g>, x: Var<'g>, boundaries: &[f64]) -> Var<'g> {
    let edges = constant(cx, &Tensor::new(&[boundaries.len()], boundaries.to_vec()));
    x.expand_dims(-1).ge(edges).cast(DType::I32).sum(&[-1], false)
}
