//! Rectifiers with settings: ReLU, LeakyReLU, ELU and PReLU.

use crate::activations::{elu, leaky_relu, relu};
use crate::config::setters;
use crate::constraints::Constraint;
use crate::initializers::{Initializer, Zeros};
use crate::lowering::{
    Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, WeightSpec, WeightTree, Weights, known_dim,
};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Rectifier: `x` from `threshold` on, `negative_slope · (x − threshold)` below it, at most
/// `max_value`.
///
/// # Shapes
/// Any shape; the output has the shape of the input.
///
/// # Source
/// keras/src/layers/activations/relu.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, Relu};
/// use ndarray::arr2;
/// let y = LayerRef::new(Relu::new()).apply(&arr2(&[[-1.0f32, 2.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[0.0f32, 2.0]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Relu {
    /// Largest output; `None` for no bound.
    pub max_value: Option<f64>,
    /// Slope below the threshold.
    pub negative_slope: f64,
    /// Input from which the output is `x`.
    pub threshold: f64,
}

/// Leaky rectifier: `x` from 0 on, `negative_slope · x` below 0.
///
/// # Shapes
/// Any shape; the output has the shape of the input.
///
/// # Source
/// keras/src/layers/activations/leaky_relu.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, LeakyRelu};
/// use ndarray::arr2;
/// let y = LayerRef::new(LeakyRelu::new(0.5)).apply(&arr2(&[[-1.0f32, 2.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[-0.5f32, 2.0]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeakyRelu {
    /// Slope below 0.
    #[serde(alias = "alpha")]
    pub negative_slope: f64,
}

/// Exponential linear unit: `x` above 0, else `alpha · (exp(x) − 1)` (Clevert et al. 2015,
/// arXiv:1511.07289).
///
/// # Shapes
/// Any shape; the output has the shape of the input.
///
/// # Source
/// keras/src/layers/activations/elu.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, Elu};
/// use ndarray::arr2;
/// let y = LayerRef::new(Elu::new(0.5)).apply(&arr2(&[[-100.0f32, 2.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[-0.5f32, 2.0]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Elu {
    /// Factor alpha: outputs stay above `−alpha`.
    pub alpha: f64,
}

/// Parametric rectifier: `x` above 0, else `alpha · x` with a learned alpha (He et al. 2015,
/// arXiv:1502.01852).
///
/// # Shapes
/// x and y (B, …), alpha (…) with 1 at the shared axes.
///
/// # Source
/// keras/src/layers/activations/prelu.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, Prelu};
/// use ndarray::arr2;
/// let y = LayerRef::new(Prelu::new().alpha_initializer("ones")).apply(&arr2(&[[-1.0f32, 2.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[-1.0f32, 2.0]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prelu {
    /// Initializer of alpha.
    pub alpha_initializer: Initializer,
    /// Regularizer of alpha.
    pub alpha_regularizer: Option<Regularizer>,
    /// Constraint on alpha.
    pub alpha_constraint: Option<Constraint>,
    /// Axes along which alpha is shared; axis 0 is the batch.
    pub shared_axes: Option<Vec<isize>>,
}

impl Default for LeakyRelu {
    fn default() -> Self {
        Self { negative_slope: 0.3 }
    }
}

impl Default for Elu {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl Default for Prelu {
    fn default() -> Self {
        Self {
            alpha_initializer: Zeros {}.into(),
            alpha_regularizer: None,
            alpha_constraint: None,
            shared_axes: None,
        }
    }
}

impl Relu {
    /// Returns the rectifier `max(x, 0)`.
    pub fn new() -> Self {
        Self::default()
    }
}

impl LeakyRelu {
    /// Returns the layer with a slope below 0.
    pub fn new(negative_slope: f64) -> Self {
        Self { negative_slope }
    }
}

impl Elu {
    /// Returns the layer with a factor alpha.
    pub fn new(alpha: f64) -> Self {
        Self { alpha }
    }
}

impl Prelu {
    /// Returns the layer with one alpha for each element of a sample.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shares alpha along these axes; axis 0 is the batch.
    pub fn shared_axes(mut self, axes: impl Into<Vec<isize>>) -> Self {
        self.shared_axes = Some(axes.into());
        self
    }
}

setters!(Relu {
    some max_value: f64,
    plain negative_slope: f64,
    plain threshold: f64,
});

impl Layer for Relu {
    settings!("ReLU");

    fn weights(&self, _: &Call<Spec>) -> Result<WeightTree> {
        if self.max_value.is_some_and(|m| m < 0.0)
            || self.negative_slope < 0.0
            || self.threshold < 0.0
        {
            let received = format!(
                "max_value={:?}, negative_slope={}, threshold={}",
                self.max_value, self.negative_slope, self.threshold
            );
            return Err(Error::argument(
                "",
                "max_value, negative_slope and threshold must not be negative",
                received,
            ));
        }
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        Ok(vec![
            relu(
                cx.to_float(call.input()?.value),
                self.negative_slope,
                self.max_value,
                self.threshold,
            )
            .into(),
        ])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::ByTimestep(2)
    }

    fn samples() -> Vec<Sample> {
        Sample::each([
            json!({}),
            json!({"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2}),
        ])
    }
}

impl Layer for LeakyRelu {
    settings!("LeakyReLU");

    fn weights(&self, _: &Call<Spec>) -> Result<WeightTree> {
        if self.negative_slope < 0.0 {
            return Err(Error::argument(
                "",
                "negative_slope must not be negative",
                self.negative_slope,
            ));
        }
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        Ok(vec![leaky_relu(cx.to_float(call.input()?.value), self.negative_slope).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::ByTimestep(2)
    }
}

impl Layer for Elu {
    settings!("ELU");

    fn weights(&self, _: &Call<Spec>) -> Result<WeightTree> {
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        Ok(vec![elu(cx.to_float(call.input()?.value), self.alpha).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::ByTimestep(2)
    }
}

weight_setters!([Prelu] alpha);

impl Layer for Prelu {
    settings!("PReLU");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let x = call.input()?;
        let shared = self.shared_axes.as_deref().unwrap_or_default();
        if let Some(axis) = shared.iter().find(|&&a| a < 1 || a as usize >= x.rank()) {
            return Err(Error::shapes(
                format!("shared axis {axis} must be an axis of the input other than the batch"),
                std::slice::from_ref(x),
            ));
        }
        let dim = |i: usize| {
            if shared.contains(&(i as isize)) {
                Ok(1)
            } else {
                known_dim(x, i as isize, "unshared")
            }
        };
        let shape = (1..x.rank()).map(dim).collect::<Result<Vec<_>>>()?;
        let alpha = WeightSpec::new("alpha", &shape, &self.alpha_initializer);
        Ok(WeightTree::of(vec![
            alpha.regularizer(&self.alpha_regularizer).constraint(&self.alpha_constraint),
        ]))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = cx.to_float(call.input()?.value);
        Ok(vec![(x.relu() - w.var("alpha") * (-x).relu()).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        // Weights not shared along time stand for the timesteps of a rectangle.
        if self.shared_axes.iter().flatten().any(|a| *a == 1) {
            RaggedForm::ByTimestep(2)
        } else {
            RaggedForm::Padded
        }
    }

    fn samples() -> Vec<Sample> {
        Sample::each([json!({"shared_axes": [1]})])
    }
}
