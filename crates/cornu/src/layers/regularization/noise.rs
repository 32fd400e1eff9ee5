//! Layers that add or multiply noise in training.

use super::dropout::{expect_rate, noise_dims};
use crate::config::setters;
use crate::lowering::{Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, WeightTree, Weights};
use crate::{Error, Result};
use cornu_ir::ops::RandomKind;
use cornu_ir::{Dim, Spec};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Adds Gaussian noise in training: `x + stddev · n` with n standard normal.
///
/// # Shapes
/// Any shape; the output has the shape of the input.
///
/// # Source
/// keras/src/layers/regularization/gaussian_noise.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{GaussianNoise, LayerRef};
/// use ndarray::arr2;
/// let y = LayerRef::new(GaussianNoise::new(0.1)).apply(&arr2(&[[1.0f32, 2.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[1.0f32, 2.0]]))); // A prediction changes nothing.
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GaussianNoise {
    /// Standard deviation of the noise, between 0 and 1.
    pub stddev: f64,
    /// Keras's seed, kept for its files; without effect in cornu.
    pub seed: Option<Value>,
}

/// Multiplies by Gaussian noise in training: `x · (1 + √(rate / (1 − rate)) · n)` with n standard
/// normal (Srivastava et al. 2014).
///
/// # Shapes
/// Any shape; the output has the shape of the input.
///
/// # Source
/// keras/src/layers/regularization/gaussian_dropout.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{GaussianDropout, LayerRef};
/// use ndarray::arr2;
/// let y = LayerRef::new(GaussianDropout::new(0.5)).apply(&arr2(&[[1.0f32, 2.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[1.0f32, 2.0]]))); // A prediction changes nothing.
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GaussianDropout {
    /// Rate of the dropout whose variance the noise has.
    pub rate: f64,
    /// Keras's seed, kept for its files; without effect in cornu.
    pub seed: Option<Value>,
}

/// Dropout for SELU: sets elements to its negative saturation, keeping mean and variance (Klambauer
/// et al. 2017, arXiv:1706.02515).
///
/// # Shapes
/// Any shape; the output has the shape of the input. Along an axis where `noise_shape` is 1,
/// elements are dropped together.
///
/// # Source
/// keras/src/layers/regularization/alpha_dropout.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{AlphaDropout, LayerRef};
/// use ndarray::arr2;
/// let y = LayerRef::new(AlphaDropout::new(0.1)).apply(&arr2(&[[1.0f32, 2.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[1.0f32, 2.0]]))); // A prediction changes nothing.
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlphaDropout {
    /// Share of the elements that are dropped.
    pub rate: f64,
    /// Keras's seed, kept for its files; without effect in cornu.
    pub seed: Option<Value>,
    /// Shape of the random mask; `None` in it stands for the input's dim.
    pub noise_shape: Option<Vec<Dim>>,
}

impl GaussianNoise {
    /// Returns a layer of noise with a standard deviation.
    pub fn new(stddev: f64) -> Self {
        Self { stddev, ..Self::default() }
    }
}

impl GaussianDropout {
    /// Returns a layer of noise with the variance of a dropout of this rate.
    pub fn new(rate: f64) -> Self {
        Self { rate, ..Self::default() }
    }
}

impl AlphaDropout {
    /// Returns a layer that drops a share of the elements.
    pub fn new(rate: f64) -> Self {
        Self { rate, ..Self::default() }
    }
}

setters!(GaussianNoise {
    some_into seed: Value,
});

impl Layer for GaussianNoise {
    settings!("GaussianNoise");

    fn weights(&self, _: &Call<Spec>) -> Result<WeightTree> {
        if !(0.0..=1.0).contains(&self.stddev) {
            return Err(Error::argument("", "stddev must lie between 0 and 1", self.stddev));
        }
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = call.input()?.value;
        if !cx.training || self.stddev == 0.0 {
            return Ok(vec![x.into()]);
        }
        let x = cx.to_float(x);
        Ok(vec![(x + cx.random(RandomKind::Normal, &x.dims()) * self.stddev).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::ByTimestep(2)
    }

    fn samples() -> Vec<Sample> {
        Sample::each([json!({"stddev": 0.5})])
    }
}

setters!(GaussianDropout {
    some_into seed: Value,
});

impl Layer for GaussianDropout {
    settings!("GaussianDropout");

    fn weights(&self, _: &Call<Spec>) -> Result<WeightTree> {
        expect_rate(self.rate)?;
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
        if self.rate >= 1.0 {
            return Err(Error::argument(
                "",
                "rate must be below 1 in training, for the noise's deviation is √(rate / (1 − \
                    rate))",
                self.rate,
            ));
        }
        let x = cx.to_float(x);
        let stddev = (self.rate / (1.0 - self.rate)).sqrt();
        Ok(vec![(x * (cx.random(RandomKind::Normal, &x.dims()) * stddev + 1.0)).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::ByTimestep(2)
    }

    fn samples() -> Vec<Sample> {
        Sample::each([json!({"rate": 0.5})])
    }
}

setters!(AlphaDropout {
    some_into seed: Value,
    some_into noise_shape: Vec<Dim>,
});

impl Layer for AlphaDropout {
    settings!("AlphaDropout");

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
        if self.rate >= 1.0 {
            return Err(Error::argument(
                "",
                "rate must be below 1 in training, for nothing would be left to scale",
                self.rate,
            ));
        }
        let x = cx.to_float(x);
        let low = -1.673_263_242_354_377_2 * 1.050_700_987_355_480_5;
        let a = ((1.0 - self.rate) * (1.0 + self.rate * low * low)).powf(-0.5);
        let b = -a * low * self.rate;
        let dims = noise_dims(&self.noise_shape, &x.spec())?;
        let kept = cx.random(RandomKind::Uniform, &dims).ge(self.rate).cast(x.dtype());
        Ok(vec![((x * kept + (1.0 - kept) * low) * a + b).into()])
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
