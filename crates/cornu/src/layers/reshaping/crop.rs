//! Timesteps cut off or put on at either end.

use crate::config::setters;
use crate::layers::geometry::{DataFormat, Pair};
use crate::lowering::{Call, Cx, Flow, Layer, Sample, WeightTree, Weights, expect_rank};
use crate::{Error, Result};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Timesteps cut off at either end.
///
/// # Shapes
/// x (B, T, C), y (B, T − before − after, C).
///
/// # Source
/// keras/src/layers/reshaping/cropping1d.py, Keras 3.15.1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cropping1d {
    /// How many before and after.
    pub cropping: Pair,
}

/// Timesteps of 0 put on at either end.
///
/// # Shapes
/// x (B, T, C), y (B, before + T + after, C); with `channels_first` (B, C, T).
///
/// # Source
/// keras/src/layers/reshaping/zero_padding1d.py, Keras 3.15.1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ZeroPadding1d {
    /// How many before and after.
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
    /// Cuts off so many at both ends, or `(before, after)`.
    pub fn new(cropping: impl Into<Pair>) -> Self {
        Self { cropping: cropping.into() }
    }
}

impl ZeroPadding1d {
    /// Puts on so many at both ends, or `(before, after)`.
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
