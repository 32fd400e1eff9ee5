//! Dropout: inputs set to 0 at random in training.

use crate::config::setters;
use crate::lowering::{
    Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, WeightTree, Weights, expect_rank,
};
use crate::{Error, Result};
use cornu_ir::{Dim, Spec};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Dropout: in training sets each element to 0 with probability `rate` and divides the others by `1
/// − rate` (Srivastava et al. 2014).
///
/// # Shapes
/// Any shape; the output has the shape of the input. Along an axis where `noise_shape` is 1,
/// elements are dropped together.
///
/// # Source
/// keras/src/layers/regularization/dropout.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{Dropout, LayerRef};
/// use ndarray::arr2;
/// let y = LayerRef::new(Dropout::new(0.5)).apply(&arr2(&[[1.0f32, 2.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[1.0f32, 2.0]]))); // A prediction changes nothing.
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dropout {
    /// Share of the elements that are set to 0.
    pub rate: f64,
    /// Keras's seed, kept for its files; without effect in cornu.
    pub seed: Option<Value>,
    /// Shape of the random mask; `None` in it stands for the input's dim.
    pub noise_shape: Option<Vec<Dim>>,
}

/// Dropout of whole channels: in training sets a channel to 0 at all timesteps of a sample.
///
/// # Shapes
/// x and y (B, T, C).
///
/// # Source
/// keras/src/layers/regularization/spatial_dropout.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, SpatialDropout1d};
/// use ndarray::arr3;
/// let y = LayerRef::new(SpatialDropout1d::new(0.5)).apply(&arr3(&[[[1.0f32, 2.0]]]))?;
/// assert_eq!(y, Array::from(arr3(&[[[1.0f32, 2.0]]]))); // A prediction changes nothing.
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpatialDropout1d {
    /// Share of the channels that are set to 0.
    pub rate: f64,
    /// Keras's seed, kept for its files; without effect in cornu.
    pub seed: Option<Value>,
}

/// Fails unless a rate is a share.
pub(super) fn expect_rate(rate: f64) -> Result<()> {
    if (0.0..=1.0).contains(&rate) {
        Ok(())
    } else {
        Err(Error::argument("", "rate must lie between 0 and 1", rate))
    }
}

/// The dims of noise for a value.
pub(super) fn noise_dims(noise_shape: &Option<Vec<Dim>>, x: &Spec) -> Result<Vec<Dim>> {
    let Some(shape) = noise_shape else { return Ok(x.dims.clone()) };
    let fits = shape.len() == x.rank()
        && shape
            .iter()
            .zip(&x.dims)
            .all(|(n, d)| n.is_none() || *n == Some(1) || d.is_none() || n == d);
    if !fits {
        let noise = cornu_ir::spec::dims_text(shape);
        return Err(Error::shapes(
            format!("noise_shape {noise} must hold for each axis None, 1 or the input's number"),
            std::slice::from_ref(x),
        ));
    }
    Ok(shape.iter().zip(&x.dims).map(|(n, d)| n.or(*d)).collect())
}

impl Dropout {
    /// Returns a layer that drops a share of the elements.
    pub fn new(rate: f64) -> Self {
        Self { rate, ..Self::default() }
    }
}

impl SpatialDropout1d {
    /// Returns a layer that drops a share of the channels.
    pub fn new(rate: f64) -> Self {
        Self { rate, ..Self::default() }
    }
}

setters!(Dropout {
    some_into seed: Value,
    some_into noise_shape: Vec<Dim>,
});

impl Layer for Dropout {
    settings!("Dropout");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        expect_rate(self.rate)?;
        noise_dims(&self.noise_shape, call.input()?)?;
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = call.input()?.value;
        if !cx.training || self.rate == 0.0 {
            return Ok(vec![x.into()]);
        }
        let x = cx.to_float(x);
        Ok(vec![
            (x * cx.dropout_mask(self.rate, &noise_dims(&self.noise_shape, &x.spec())?)).into(),
        ])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        if self.noise_shape.is_none() { RaggedForm::ByTimestep(2) } else { RaggedForm::Padded }
    }

    fn is_causal(&self) -> bool {
        true
    }

    fn samples() -> Vec<Sample> {
        Sample::each([json!({"rate": 0.5})])
    }
}

setters!(SpatialDropout1d {
    some_into seed: Value,
});

impl Layer for SpatialDropout1d {
    settings!("SpatialDropout1D");

    fn common_keys(&self) -> &'static [&'static str] {
        &["name", "dtype_name"]
    }

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        expect_rate(self.rate)?;
        expect_rank(call.input()?, 3..=3, "(batch, timesteps, channels)")?;
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let flow = call.input()?;
        if !cx.training || self.rate == 0.0 {
            return Ok(vec![flow.value.into()]);
        }
        let x = cx.to_float(flow.value);
        let kept = match cx.packing.filter(|_| flow.packed) {
            Some(p) => p.spread(cx.dropout_mask(self.rate, &[p.batch(), x.dim(2)])),
            None => cx.dropout_mask(self.rate, &[x.dim(0), Some(1), x.dim(2)]),
        };
        Ok(vec![(x * kept).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Either
    }

    fn is_causal(&self) -> bool {
        true
    }

    fn samples() -> Vec<Sample> {
        Sample::each([json!({"rate": 0.5})])
    }
}
