//! Vectors and timesteps repeated along time.

use crate::lowering::{
    Call, Cx, Flow, Layer, RaggedForm, Sample, SampleInput, WeightTree, Weights, ends_of,
    expect_rank,
};
use crate::{Error, Result};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Repeats a vector as `n` timesteps.
///
/// # Shapes
/// x (B, F), y (B, n, F).
///
/// # Source
/// keras/src/layers/reshaping/repeat_vector.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, RepeatVector};
/// use ndarray::{arr2, arr3};
/// let y = LayerRef::new(RepeatVector::new(2)).apply(&arr2(&[[1.0f32, 2.0]]))?;
/// assert_eq!(y, Array::from(arr3(&[[[1.0f32, 2.0], [1.0, 2.0]]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RepeatVector {
    /// Number of timesteps in the output.
    pub n: usize,
}

/// Repeats each timestep `size` times.
///
/// # Shapes
/// x (B, T, C), y (B, size T, C).
///
/// # Source
/// keras/src/layers/reshaping/up_sampling1d.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, UpSampling1d};
/// use ndarray::arr3;
/// let y = LayerRef::new(UpSampling1d::new(2)).apply(&arr3(&[[[1.0f32], [2.0]]]))?;
/// assert_eq!(y, Array::from(arr3(&[[[1.0f32], [1.0], [2.0], [2.0]]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpSampling1d {
    /// How often each timestep is repeated.
    pub size: usize,
}

impl Default for UpSampling1d {
    fn default() -> Self {
        Self { size: 2 }
    }
}

impl RepeatVector {
    /// Returns a layer that repeats a vector `n` times.
    pub fn new(n: usize) -> Self {
        Self { n }
    }
}

impl UpSampling1d {
    /// Returns a layer that repeats each timestep `size` times.
    pub fn new(size: usize) -> Self {
        Self { size }
    }
}

impl Layer for RepeatVector {
    settings!("RepeatVector");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        if self.n == 0 {
            return Err(Error::argument("", "n must be at least 1", self.n));
        }
        expect_rank(call.input()?, 2..=2, "(batch, features)")?;
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        _: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = call.input()?.value;
        Ok(vec![x.expand_dims(1).broadcast_to(&[x.dim(0), Some(self.n), x.dim(1)]).into()])
    }

    fn samples() -> Vec<Sample> {
        vec![Sample::new(json!({"n": 3})).on([SampleInput::floats([4])])]
    }
}

impl Layer for UpSampling1d {
    settings!("UpSampling1D");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        if self.size == 0 {
            return Err(Error::argument("", "size must be at least 1", self.size));
        }
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
        let (b, t, c) = (x.dim(0), x.dim(1), x.dim(2));
        let y = x.expand_dims(2).broadcast_to(&[b, t, Some(self.size), c]);
        let ends = ends_of(call).map(|e| {
            let steps = e.expand_dims(2).broadcast_to(&[b, t, Some(self.size)]);
            steps.reshape(&[b, t.map(|t| t * self.size)])
        });
        Ok(vec![Flow::new(y.reshape(&[b, t.map(|t| t * self.size), c])).ending(ends)])
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Padded
    }

    fn tells_ends(&self) -> bool {
        true
    }

    fn samples() -> Vec<Sample> {
        Sample::each([json!({"size": 2})])
    }
}
