//! Normalization of groups of channels.

use super::layer_normalization::moments;
use crate::config::setters;
use crate::constraints::Constraint;
use crate::initializers::{Initializer, Ones, Zeros};
use crate::lowering::{
    Call, Cx, Flow, Layer, MaskRule, Sample, WeightSpec, WeightTree, Weights, known_dim,
};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::builder::axis_of;
use cornu_ir::{Dim, Spec};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Group normalization: brings each group of channels of a sample to mean 0 and variance 1 (Wu and
/// He 2018, arXiv:1803.08494).
///
/// # Shapes
/// x and y (B, …, C, …); gamma and beta (C), with C the dim of `axis`.
///
/// # Source
/// keras/src/layers/normalization/group_normalization.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{GroupNormalization, LayerRef};
/// use ndarray::arr2;
/// let layer = LayerRef::new(GroupNormalization::new(2).epsilon(0.0));
/// let y = layer.apply(&arr2(&[[1.0f32, 3.0, 10.0, 14.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[-1.0f32, 1.0, -1.0, 1.0]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupNormalization {
    /// Number of groups; −1 for one group for each channel.
    pub groups: isize,
    /// Axis of the channels.
    pub axis: isize,
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
    /// Regularizer of beta.
    pub beta_regularizer: Option<Regularizer>,
    /// Regularizer of gamma.
    pub gamma_regularizer: Option<Regularizer>,
    /// Constraint on beta.
    pub beta_constraint: Option<Constraint>,
    /// Constraint on gamma.
    pub gamma_constraint: Option<Constraint>,
}

impl Default for GroupNormalization {
    fn default() -> Self {
        Self {
            groups: 32,
            axis: -1,
            epsilon: 1e-3,
            center: true,
            scale: true,
            beta_initializer: Zeros {}.into(),
            gamma_initializer: Ones {}.into(),
            beta_regularizer: None,
            gamma_regularizer: None,
            beta_constraint: None,
            gamma_constraint: None,
        }
    }
}

impl GroupNormalization {
    /// Returns a layer of `groups` groups of channels on the last axis.
    pub fn new(groups: isize) -> Self {
        Self { groups, ..Self::default() }
    }

    /// Channels, and groups of them.
    fn counts(&self, x: &Spec) -> Result<(usize, usize)> {
        let axis = axis_of(self.axis, x.rank());
        if axis == 0 || axis >= x.rank() {
            return Err(Error::shapes(
                format!("axis {} must be an axis of the input other than the batch", self.axis),
                std::slice::from_ref(x),
            ));
        }
        let c = known_dim(x, self.axis, "channels")?;
        let groups = if self.groups == -1 { c } else { usize::try_from(self.groups).unwrap_or(0) };
        if groups == 0 || c % groups != 0 {
            let rule = format!(
                "the {c} channels must be a multiple of groups={} (at least 1, or -1 for one a \
                    channel)",
                self.groups
            );
            return Err(Error::shapes(rule, std::slice::from_ref(x)));
        }
        Ok((c, groups))
    }
}

setters!(GroupNormalization {
    plain axis: isize,
    plain epsilon: f64,
    plain center: bool,
    plain scale: bool,
});

weight_setters!([GroupNormalization] beta, gamma);

impl Layer for GroupNormalization {
    settings!("GroupNormalization");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let (c, _) = self.counts(call.input()?)?;
        let mut vars = Vec::new();
        if self.scale {
            vars.push(
                WeightSpec::new("gamma", &[c], &self.gamma_initializer)
                    .regularizer(&self.gamma_regularizer)
                    .constraint(&self.gamma_constraint),
            );
        }
        if self.center {
            vars.push(
                WeightSpec::new("beta", &[c], &self.beta_initializer)
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
        let (c, groups) = self.counts(&x.spec())?;
        let axis = axis_of(self.axis, x.rank());
        let own = x.dims();
        let grouped = |all: &[Dim]| {
            [&all[..axis], &[Some(groups), Some(c / groups)], &all[axis + 1..]].concat()
        };
        let z = x.reshape(&grouped(&own));
        let axes: Vec<isize> = (1..z.rank() as isize).filter(|&i| i != axis as isize).collect();
        let (mean, variance) = moments(z, &axes);
        let place = grouped(&vec![Some(1); own.len()]);
        let mut inverse = (variance + self.epsilon).rsqrt();
        if let Some(g) = w.get("gamma") {
            inverse = inverse * g.reshape(&place);
        }
        let mut shift = -(mean * inverse);
        if let Some(b) = w.get("beta") {
            shift = shift + b.reshape(&place);
        }
        Ok(vec![(z * inverse + shift).reshape(&own).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn samples() -> Vec<Sample> {
        Sample::each([json!({"groups": 2})])
    }
}
