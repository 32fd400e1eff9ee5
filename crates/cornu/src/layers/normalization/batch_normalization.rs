//! Normalization over the batch.

use crate::config::setters;
use crate::constraints::{Axes, Constraint};
use crate::initializers::{Constant, Initializer, Ones, Zeros};
use crate::lowering::{
    Call, Cx, Flow, Layer, MaskRule, RaggedForm, WeightSpec, WeightTree, Weights, both, ends_of,
    known_dim, mask_of,
};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::builder::axis_of;
use cornu_ir::{DType, Dim, Spec, Var};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Batch normalization: brings each feature to mean 0 and variance 1 over the batch (Ioffe and
/// Szegedy 2015, arXiv:1502.03167).
///
/// ```text
/// y = gamma (x − mean) / √(variance + epsilon) + beta
/// moving = momentum · moving + (1 − momentum) · (mean, variance)
/// ```
///
/// Training uses mean and variance of the batch, without masked timesteps. Inference, and a frozen
/// layer, use the moving mean and variance.
///
/// # Shapes
/// x and y (B, …, C, …); gamma, beta, moving_mean and moving_variance (C), with C the dim of
/// `axis`.
///
/// # Source
/// keras/src/layers/normalization/batch_normalization.py, Keras 3.15.1. Differs: `synchronized` has
/// no effect.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{BatchNormalization, LayerRef};
/// use ndarray::{arr1, arr2};
/// let layer = LayerRef::new(BatchNormalization::new().epsilon(0.0));
/// layer.apply(&arr2(&[[0.0f32]]))?; // The first call makes the weights.
/// let [gamma, beta, mean, variance] = [1.0f32, 0.5, 2.0, 4.0].map(|w| Array::from(arr1(&[w])));
/// layer.set_weights(&[gamma, beta, mean, variance])?;
/// assert_eq!(layer.apply(&arr2(&[[4.0f32]]))?, Array::from(arr2(&[[1.5f32]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchNormalization {
    /// Axis of the features.
    pub axis: Axes,
    /// Momentum of the moving mean and variance: the share that is kept at each batch.
    pub momentum: f64,
    /// Small number added to the variance, against division by 0.
    pub epsilon: f64,
    /// True if an offset beta is learned.
    pub center: bool,
    /// True if a factor gamma is learned.
    pub scale: bool,
    /// Initializer of beta.
    pub beta_initializer: Initializer,
    /// Initializer of gamma.
    pub gamma_initializer: Initializer,
    /// Initializer of the moving mean.
    pub moving_mean_initializer: Initializer,
    /// Initializer of the moving variance.
    pub moving_variance_initializer: Initializer,
    /// Regularizer of beta.
    pub beta_regularizer: Option<Regularizer>,
    /// Regularizer of gamma.
    pub gamma_regularizer: Option<Regularizer>,
    /// Constraint on beta.
    pub beta_constraint: Option<Constraint>,
    /// Constraint on gamma.
    pub gamma_constraint: Option<Constraint>,
    /// Setting kept for Keras's files; without effect in cornu.
    pub synchronized: bool,
    /// True for batch renormalization (Ioffe 2017, arXiv:1702.03275).
    pub renorm: bool,
    /// Bounds `rmin`, `rmax` and `dmax` of the corrections of renormalization.
    pub renorm_clipping: Option<Value>,
    /// Momentum of the moving statistics of renormalization.
    pub renorm_momentum: f64,
}

impl Default for BatchNormalization {
    fn default() -> Self {
        Self {
            axis: Axes::One(-1),
            momentum: 0.99,
            epsilon: 1e-3,
            center: true,
            scale: true,
            beta_initializer: Zeros {}.into(),
            gamma_initializer: Ones {}.into(),
            moving_mean_initializer: Zeros {}.into(),
            moving_variance_initializer: Ones {}.into(),
            beta_regularizer: None,
            gamma_regularizer: None,
            beta_constraint: None,
            gamma_constraint: None,
            synchronized: false,
            renorm: false,
            renorm_clipping: None,
            renorm_momentum: 0.99,
        }
    }
}

/// Keras's `backend.epsilon()`.
const TINY: f64 = 1e-7;

impl BatchNormalization {
    /// Returns the layer for features on the last axis, with Keras's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the momentum of the moving mean and variance.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    fn feature_axis(&self, x: &Spec) -> Result<usize> {
        let [axis] = self.axis.list()[..] else {
            return Err(Error::argument(
                "",
                "axis must be one axis",
                format!("{:?}", self.axis.list()),
            ));
        };
        let axis = axis_of(axis, x.rank());
        if x.rank() < 2 || axis == 0 || axis >= x.rank() {
            let rule = format!(
                "axis {:?} must be an axis of the input other than the batch",
                self.axis.list()
            );
            return Err(Error::shapes(rule, std::slice::from_ref(x)));
        }
        Ok(axis)
    }

    /// Mean and variance (C) of the whole batch, of which this graph may hold a shard.
    fn moments<'g>(
        &self,
        cx: &Cx<'g>,
        x: Var<'g>,
        mask: Option<Var<'g>>,
        axis: usize,
    ) -> (Var<'g>, Var<'g>) {
        let others: Vec<isize> = (0..x.rank() as isize).filter(|&i| i != axis as isize).collect();
        let total = |v: Var<'g>| cx.cross_sum(v.sum(&others, true));
        let flat = |v: Var<'g>| v.reshape(&[x.dim(axis as isize)]);
        if let Some(mask) = mask {
            let counts = mask.cast(DType::Bool).expand_dims(-1).broadcast_to(&x.dims());
            let n = total(counts.cast(x.dtype())) + TINY;
            let mean = total(counts.select(x, 0.0)) / n;
            let variance = total(counts.select(x - mean, 0.0).square()) / n;
            return (flat(mean), flat(variance));
        }
        let n = cx.batch.unwrap_or(1) as f64 * x.count(&others[1..]);
        let mean = total(x) / n;
        (flat(mean), flat(total((x - mean).square()) / n))
    }

    /// Renormalized gamma and beta, the statistics they leave being written.
    fn renormalize<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        mean: Var<'g>,
        variance: Var<'g>,
    ) -> (Var<'g>, Var<'g>) {
        let bound = |key: &str| {
            self.renorm_clipping.as_ref().and_then(|c| c.get(key)).and_then(Value::as_f64)
        };
        let stddev = (variance + self.epsilon).sqrt();
        let current = |name: &str| cx.current(w.weight(name).expect("declared with renorm"));
        let (old_mean, old_stddev) = (current("renorm_mean"), current("renorm_stddev"));
        let floor = old_stddev.maximum(self.epsilon.sqrt());
        let mut r = stddev / floor;
        let mut d = (mean - old_mean) / floor;
        if let Some(low) = bound("rmin") {
            r = r.maximum(low);
        }
        if let Some(high) = bound("rmax") {
            r = r.minimum(high);
        }
        if let Some(most) = bound("dmax") {
            d = d.clip(-most, most);
        }
        let (r, d) = (r.stop_gradient(), d.stop_gradient());
        let mix = |name: &str, new: Var<'g>, momentum: f64| {
            let weight = w.weight(name).expect("declared with renorm");
            let mixed = cx.current(weight) * momentum + new * (1.0 - momentum);
            cx.update(weight, mixed);
            mixed
        };
        mix("renorm_mean", mean, self.renorm_momentum);
        mix("renorm_stddev", stddev, self.renorm_momentum);
        mix("moving_mean", mean, self.momentum);
        let moving = mix("moving_stddev", stddev, self.momentum);
        cx.update(
            w.weight("moving_variance").expect("declared"),
            (moving * moving - self.epsilon).relu(),
        );
        let (gamma, shift) = w.get("gamma").map_or((r, d), |g| (r * g, d * g));
        (gamma, w.get("beta").map_or(shift, |b| shift + b))
    }
}

setters!(BatchNormalization {
    into axis: Axes,
    plain epsilon: f64,
    plain center: bool,
    plain scale: bool,
    into moving_mean_initializer: Initializer,
    into moving_variance_initializer: Initializer,
    plain synchronized: bool,
    plain renorm: bool,
    some_into renorm_clipping: Value,
    plain renorm_momentum: f64,
});

weight_setters!([BatchNormalization] beta, gamma);

impl Layer for BatchNormalization {
    settings!("BatchNormalization");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let x = call.input()?;
        let c = [known_dim(x, self.feature_axis(x)? as isize, "features")?];
        let mut vars = Vec::new();
        if self.scale {
            vars.push(
                WeightSpec::new("gamma", &c, &self.gamma_initializer)
                    .regularizer(&self.gamma_regularizer)
                    .constraint(&self.gamma_constraint),
            );
        }
        if self.center {
            vars.push(
                WeightSpec::new("beta", &c, &self.beta_initializer)
                    .regularizer(&self.beta_regularizer)
                    .constraint(&self.beta_constraint),
            );
        }
        vars.push(WeightSpec::new("moving_mean", &c, &self.moving_mean_initializer).fixed());
        vars.push(
            WeightSpec::new("moving_variance", &c, &self.moving_variance_initializer).fixed(),
        );
        if self.renorm {
            let variance = &self.moving_variance_initializer;
            let root = match variance.downcast_ref::<Constant>() {
                Some(k) => Constant { value: k.value.sqrt() }.into(),
                None => variance.clone(),
            };
            vars.push(WeightSpec::new("moving_stddev", &c, &root).fixed());
            vars.push(WeightSpec::new("renorm_mean", &c, &self.moving_mean_initializer).fixed());
            vars.push(WeightSpec::new("renorm_stddev", &c, &root).fixed());
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
        let axis = self.feature_axis(&x.spec())?;
        let mask = both(mask_of(call), ends_of(call));
        if let Some(m) = mask
            && m.rank() + 1 != x.rank()
        {
            return Err(Error::shapes(
                "the mask must have one axis less than the input",
                &[x.spec(), m.spec()],
            ));
        }
        let (mut gamma, mut beta) = (w.get("gamma"), w.get("beta"));
        let moving = |name: &str| cx.current(w.weight(name).expect("declared"));
        let (mean, variance) = if cx.training && w.trainable {
            let (mean, variance) = self.moments(cx, x, mask, axis);
            if self.renorm {
                let (g, b) = self.renormalize(cx, w, mean, variance);
                (gamma, beta) = (Some(g), Some(b));
            } else {
                for (name, new) in [("moving_mean", mean), ("moving_variance", variance)] {
                    cx.update(
                        w.weight(name).expect("declared"),
                        moving(name) * self.momentum + new * (1.0 - self.momentum),
                    );
                }
            }
            (mean, variance)
        } else {
            (moving("moving_mean"), moving("moving_variance"))
        };
        let mut inverse = (variance + self.epsilon).rsqrt();
        if let Some(g) = gamma {
            inverse = inverse * g;
        }
        let mut shift = -(mean * inverse);
        if let Some(b) = beta {
            shift = shift + b;
        }
        let mut dims: Vec<Dim> = vec![Some(1); x.rank()];
        dims[axis] = mean.dim(0);
        Ok(vec![(x * inverse.reshape(&dims) + shift.reshape(&dims)).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::along_features(&self.axis.list())
    }

    fn counts_over_batch(&self) -> bool {
        true
    }
}
