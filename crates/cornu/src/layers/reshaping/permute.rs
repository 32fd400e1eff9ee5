//! The axes of a sample in another order.

use crate::lowering::{Call, Cx, Flow, Layer, Sample, WeightTree, Weights, expect_rank};
use crate::{Error, Result};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Reorders the axes of a sample, which are counted from 1.
///
/// # Shapes
/// x (B, …), y (B, …) with axis `i` of y axis `dims[i − 1]` of x.
///
/// # Source
/// keras/src/layers/reshaping/permute.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, Permute};
/// use ndarray::arr3;
/// let y = LayerRef::new(Permute::new([2, 1])).apply(&arr3(&[[[1.0f32, 2.0], [3.0, 4.0]]]))?;
/// assert_eq!(y, Array::from(arr3(&[[[1.0f32, 3.0], [2.0, 4.0]]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Permute {
    /// The axes in their new order: a permutation of 1, 2, ….
    pub dims: Vec<usize>,
}

impl Permute {
    /// Returns a layer with this order of axes, counted from 1.
    pub fn new(dims: impl Into<Vec<usize>>) -> Self {
        Self { dims: dims.into() }
    }
}

impl Layer for Permute {
    settings!("Permute");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let n = self.dims.len();
        let mut sorted = self.dims.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(1..=n) {
            return Err(Error::argument(
                "",
                "dims must be a permutation of 1, 2, … (the batch stays first)",
                format!("{:?}", self.dims),
            ));
        }
        expect_rank(call.input()?, n + 1..=n + 1, "(batch, …)")?;
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        _: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let order: Vec<usize> = std::iter::once(0).chain(self.dims.iter().copied()).collect();
        Ok(vec![call.input()?.value.transpose(&order).into()])
    }

    fn samples() -> Vec<Sample> {
        Sample::each([json!({"dims": [2, 1]})])
    }
}
