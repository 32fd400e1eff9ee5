//! The elements of each sample in another shape.

use crate::Result;
use crate::lowering::{
    Call, Cx, Flow, Layer, Sample, SampleInput, WeightTree, Weights, resolve_shape,
};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Gives each sample another shape with the same elements.
///
/// # Shapes
/// x (B, …), y (B, target…); the other dims determine a −1 in the target.
///
/// # Source
/// keras/src/layers/reshaping/reshape.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, Reshape};
/// use ndarray::{arr2, arr3};
/// let y = LayerRef::new(Reshape::new([2, -1])).apply(&arr2(&[[1.0f32, 2.0, 3.0, 4.0]]))?;
/// assert_eq!(y, Array::from(arr3(&[[[1.0f32, 2.0], [3.0, 4.0]]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reshape {
    /// Dims of a sample; at most one is −1, which the others determine.
    pub target_shape: Vec<isize>,
}

impl Reshape {
    /// Returns a layer with these dims of a sample; one may be −1.
    pub fn new(target_shape: impl Into<Vec<isize>>) -> Self {
        Self { target_shape: target_shape.into() }
    }
}

impl Layer for Reshape {
    settings!("Reshape");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let x = call.input()?;
        resolve_shape(x.dims.get(1..).unwrap_or_default(), &self.target_shape)?;
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        _: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = call.input()?.value;
        let mut dims = vec![x.dim(0)];
        dims.extend(resolve_shape(x.dims().get(1..).unwrap_or_default(), &self.target_shape)?);
        Ok(vec![x.reshape(&dims).into()])
    }

    fn samples() -> Vec<Sample> {
        vec![
            Sample::new(json!({"target_shape": [2, 6]})).on([SampleInput::floats([3, 4])]),
            Sample::new(json!({"target_shape": [-1, 2]})).on([SampleInput::sequence()]),
        ]
    }
}
