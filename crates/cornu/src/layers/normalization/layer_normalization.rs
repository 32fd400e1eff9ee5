//! Normalization of each sample along axes: layer, RMS and unit normalization.

use crate::config::setters;
use crate::constraints::{Axes, Constraint};
use crate::initializers::{Initializer, Ones, Zeros};
use crate::lowering::{
    Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, WeightSpec, WeightTree, Weights, known_dim,
};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::builder::axis_of;
use cornu_ir::composites::unit_length_within;
use cornu_ir::{Dim, Spec, Var};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Layer normalization: brings each sample to mean 0 and variance 1 along one or more axes (Ba et
/// al. 2016, arXiv:1607.06450).
///
/// ```text
/// y = gamma (x − mean) / √(variance + epsilon) + beta
/// ```
///
/// # Shapes
/// x and y (B, …); gamma and beta have the dims of the axes.
///
/// # Source
/// keras/src/layers/normalization/layer_normalization.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerNormalization, LayerRef};
/// use ndarray::arr2;
/// let layer = LayerRef::new(LayerNormalization::new().epsilon(0.0));
/// let y = layer.apply(&arr2(&[[1.0f32, 3.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[-1.0f32, 1.0]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LayerNormalization {
    /// Axis or axes along which mean and variance are computed.
    pub axis: Axes,
    /// Small number added to the variance, against division by 0.
    pub epsilon: f64,
    /// True if an offset beta is learned.
    pub center: bool,
    /// True if a factor gamma is learned.
    pub scale: bool,
    /// True to divide by the standard deviation without subtracting the mean.
    pub rms_scaling: bool,
    /// Initializer of beta.
    pub beta_initializer: Initializer,
    /// Initializer of gamma.
    pub gamma_initializer: Initializer,
    /// Regularizer of beta.
    pub beta_regularizer: Option<Regularizer>,
    /// Regularizer of gamma.
    pub gamma_regularizer: Option<Regularizer>,
    /// Constraint on beta.
    pub beta_constraint: Option<Constraint>,
    /// Constraint on gamma.
    pub gamma_constraint: Option<Constraint>,
}

/// RMS normalization: `scale · x / √(mean(x²) + epsilon)` along one or more axes (Zhang and
/// Sennrich 2019, arXiv:1910.07467).
///
/// # Shapes
/// x and y (B, …); scale has the dims of the axes.
///
/// # Source
/// keras/src/layers/normalization/rms_normalization.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, RmsNormalization};
/// use ndarray::arr2;
/// let layer = LayerRef::new(RmsNormalization::new().epsilon(0.0));
/// let y = layer.apply(&arr2(&[[2.0f32, -2.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[1.0f32, -1.0]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RmsNormalization {
    /// Axis or axes along which the mean of the squares is computed.
    pub axis: Axes,
    /// Small number added to the mean of the squares, against division by 0.
    pub epsilon: f64,
}

/// Unit normalization: scales each sample to Euclidean length 1 along one or more axes.
///
/// # Shapes
/// Any shape; the output has the shape of the input.
///
/// # Source
/// keras/src/layers/normalization/unit_normalization.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, UnitNormalization};
/// use ndarray::arr2;
/// let layer = LayerRef::new(UnitNormalization::new(-1));
/// let y = layer.apply(&arr2(&[[0.0f32, -4.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[0.0f32, -1.0]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitNormalization {
    /// Axis or axes along which the length is computed.
    pub axis: Axes,
}

impl Default for LayerNormalization {
    fn default() -> Self {
        Self {
            axis: Axes::Many(vec![-1]),
            epsilon: 1e-3,
            center: true,
            scale: true,
            rms_scaling: false,
            beta_initializer: Zeros {}.into(),
            gamma_initializer: Ones {}.into(),
            beta_regularizer: None,
            gamma_regularizer: None,
            beta_constraint: None,
            gamma_constraint: None,
        }
    }
}

impl Default for RmsNormalization {
    fn default() -> Self {
        Self { axis: Axes::Many(vec![-1]), epsilon: 1e-6 }
    }
}

impl Default for UnitNormalization {
    fn default() -> Self {
        Self { axis: Axes::One(-1) }
    }
}

impl LayerNormalization {
    /// Returns the layer for the last axis.
    pub fn new() -> Self {
        Self::default()
    }
}

impl RmsNormalization {
    /// Returns the layer for the last axis.
    pub fn new() -> Self {
        Self::default()
    }
}

impl UnitNormalization {
    /// Returns the layer for an axis.
    pub fn new(axis: isize) -> Self {
        Self { axis: Axes::One(axis) }
    }
}

/// The axes in Keras's order, for an input that must have them.
fn axes_of(axis: &Axes, x: &Spec) -> Result<Vec<isize>> {
    let mut axes = axis.list();
    axes.sort_unstable();
    match axes.iter().find(|&&a| axis_of(a, x.rank()) >= x.rank()) {
        Some(a) => Err(Error::shapes(
            format!("axis {a} must be an axis of the input"),
            std::slice::from_ref(x),
        )),
        None => Ok(axes),
    }
}

fn dims_of(axes: &[isize], x: &Spec) -> Result<Vec<usize>> {
    axes.iter().map(|&a| known_dim(x, a, "normalized")).collect()
}

/// Mean and variance along axes, which stay as 1.
pub(super) fn moments<'g>(x: Var<'g>, axes: &[isize]) -> (Var<'g>, Var<'g>) {
    let mean = x.mean(axes, true);
    (mean, (x - mean).square().mean(axes, true))
}

setters!(LayerNormalization {
    into axis: Axes,
    plain epsilon: f64,
    plain center: bool,
    plain scale: bool,
    plain rms_scaling: bool,
});

weight_setters!([LayerNormalization] beta, gamma);

impl Layer for LayerNormalization {
    settings!("LayerNormalization");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let x = call.input()?;
        let shape = dims_of(&axes_of(&self.axis, x)?, x)?;
        let mut vars = Vec::new();
        if self.scale || self.rms_scaling {
            vars.push(
                WeightSpec::new("gamma", &shape, &self.gamma_initializer)
                    .regularizer(&self.gamma_regularizer)
                    .constraint(&self.gamma_constraint),
            );
        }
        if self.center && !self.rms_scaling {
            vars.push(
                WeightSpec::new("beta", &shape, &self.beta_initializer)
                    .regularizer(&self.beta_regularizer)
                    .constraint(&self.beta_constraint),
            );
        }
        Ok(WeightTree::of(vars))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = cx.to_float(call.input()?.value);
        let axes = axes_of(&self.axis, &x.spec())?;
        cx.keep_whole_along(&axes, x.rank());
        let mut dims: Vec<Dim> = vec![Some(1); x.rank()];
        axes.iter().for_each(|&a| dims[axis_of(a, x.rank())] = x.dim(a));
        let weight = |name: &str| w.get(name).map(|v| v.reshape(&dims));
        let (mean, variance) = moments(x, &axes);
        let mut inverse = (variance + self.epsilon).rsqrt();
        if let Some(g) = weight("gamma") {
            inverse = inverse * g;
        }
        if self.rms_scaling {
            return Ok(vec![(x * inverse).into()]);
        }
        let mut shift = -(mean * inverse);
        if let Some(b) = weight("beta") {
            shift = shift + b;
        }
        Ok(vec![(x * inverse + shift).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::along_features(&self.axis.list())
    }
}

setters!(RmsNormalization {
    into axis: Axes,
    plain epsilon: f64,
});

impl Layer for RmsNormalization {
    settings!("RMSNormalization");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let x = call.input()?;
        let shape = dims_of(&axes_of(&self.axis, x)?, x)?;
        Ok(WeightTree::of(vec![WeightSpec::new("scale", &shape, &Ones {}.into())]))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = cx.to_float(call.input()?.value);
        let axes = axes_of(&self.axis, &x.spec())?;
        cx.keep_whole_along(&axes, x.rank());
        // The scale stretches from the last axis, as in Keras, whatever the axes are.
        Ok(vec![
            (x * (x.square().mean(&axes, true) + self.epsilon).rsqrt() * w.var("scale")).into(),
        ])
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::along_features(&self.axis.list())
    }
}

impl Layer for UnitNormalization {
    settings!("UnitNormalization");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        axes_of(&self.axis, call.input()?)?;
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = cx.to_float(call.input()?.value);
        let axes = self.axis.list();
        cx.keep_whole_along(&axes, x.rank());
        Ok(vec![unit_length_within(x, &axes, 1e-12).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::along_features(&self.axis.list())
    }

    fn samples() -> Vec<Sample> {
        Sample::each([json!({}), json!({"axis": [1]})])
    }
}
