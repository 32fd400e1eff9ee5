//! Timesteps removed or added at both ends.

use crate::config::setters;
use crate::layers::geometry::{DataFormat, Pair};
use crate::lowering::{Call, Cx, Flow, Layer, Sample, WeightTree, Weights, expect_rank};
use crate::{Error, Result};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Removes timesteps at both ends.
///
/// # Shapes
/// x (B, T, C), y (B, T − before − after, C).
///
/// # Source
/// keras/src/layers/reshaping/cropping1d.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{Cropping1d, LayerRef};
/// use ndarray::arr3;
/// let y = LayerRef::new(Cropping1d::new((1, 0))).apply(&arr3(&[[[1.0f32], [2.0], [3.0]]]))?;
/// assert_eq!(y, Array::from(arr3(&[[[2.0f32], [3.0]]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cropping1d {
    /// Numbers of timesteps at the start and at the end.
    pub cropping: Pair,
}

/// Adds timesteps of 0 at both ends.
///
/// # Shapes
/// x (B, T, C), y (B, before + T + after, C); with `channels_first` (B, C, T).
///
/// # Source
/// keras/src/layers/reshaping/zero_padding1d.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, ZeroPadding1d};
/// use ndarray::arr3;
/// let y = LayerRef::new(ZeroPadding1d::new((1, 2))).apply(&arr3(&[[[5.0f32]]]))?;
/// assert_eq!(y, Array::from(arr3(&[[[0.0f32], [5.0], [0.0], [0.0]]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ZeroPadding1d {
    /// Numbers of timesteps at the start and at the end.
    pub padding: Pair,
    /// Order of the axes: channels last or channels first.
    pub data_format: DataFormat,
}

impl Default for Cropping1d {
    fn default() -> Self {
        Self { cropping: Pair(1, 1) }
    }
}

impl Default for ZeroPadding1d {
    fn default() -> Self {
        Self { padding: Pair(1, 1), data_format: DataFormat::default() }
    }
}

impl Cropping1d {
    /// Returns a layer that removes a number of timesteps at both ends, or `(before, after)`.
    pub fn new(cropping: impl Into<Pair>) -> Self {
        Self { cropping: cropping.into() }
    }
}

impl ZeroPadding1d {
    /// Returns a layer that adds a number of timesteps at both ends, or `(before, after)`.
    pub fn new(padding: impl Into<Pair>) -> Self {
        Self { padding: padding.into(), ..Self::default() }
    }
}

impl Layer for Cropping1d {
    settings!("Cropping1D");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        expect_rank(call.input()?, 3..=3, "(batch, timesteps, channels)")?;
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        _: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = call.input()?.value;
        let Pair(before, after) = self.cropping;
        if x.dim(1).is_some_and(|t| t <= before.saturating_add(after)) {
            return Err(Error::shapes(
                format!(
                    "cropping {before} + {after} must leave at least one of the timesteps (axis 1)"
                ),
                &[x.spec()],
            ));
        }
        Ok(vec![x.slice_step(1, before, x.dim(1).map(|t| t - after), 1).into()])
    }

    fn samples() -> Vec<Sample> {
        Sample::each([json!({"cropping": [1, 1]})])
    }
}

setters!(ZeroPadding1d {
    plain data_format: DataFormat,
});

impl Layer for ZeroPadding1d {
    settings!("ZeroPadding1D");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        expect_rank(call.input()?, 3..=3, "(batch, timesteps, channels)")?;
        if self.padding.0 > 1 << 24 || self.padding.1 > 1 << 24 {
            return Err(Error::argument(
                "",
                "padding must stay below 2^24",
                format!("{:?}", self.padding),
            ));
        }
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        _: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        Ok(vec![
            call.input()?
                .value
                .pad(self.data_format.time_axis(), self.padding.0, self.padding.1, 0.0)
                .into(),
        ])
    }

    fn samples() -> Vec<Sample> {
        Sample::each([json!({"padding": [1, 2]})])
    }
}
