//! All axes but the batch flattened to one.

use crate::Result;
use crate::config::setters;
use crate::layers::geometry::DataFormat;
use crate::lowering::{
    Call, Cx, Flow, Layer, Sample, SampleInput, WeightTree, Weights, expect_rank,
};
use cornu_ir::{Spec, spec::product};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Flattens all axes but the batch to one.
///
/// # Shapes
/// x (B, …), y (B, F) with F the product of the other dims.
///
/// # Source
/// keras/src/layers/reshaping/flatten.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{Flatten, LayerRef};
/// use ndarray::{arr2, arr3};
/// let y = LayerRef::new(Flatten::new()).apply(&arr3(&[[[1.0f32, 2.0], [3.0, 4.0]]]))?;
/// assert_eq!(y, Array::from(arr2(&[[1.0f32, 2.0, 3.0, 4.0]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flatten {
    /// Order of the axes; with `ChannelsFirst` the channels are moved to the last axis first.
    pub data_format: DataFormat,
}

impl Flatten {
    /// Returns the layer with channels last.
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(Flatten {
    plain data_format: DataFormat,
});

impl Layer for Flatten {
    settings!("Flatten");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        expect_rank(call.input()?, 1..=usize::MAX, "(batch, …)")?;
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        _: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let mut x = call.input()?.value;
        let rank = x.rank();
        if self.data_format == DataFormat::ChannelsFirst && rank > 1 {
            let order: Vec<usize> = std::iter::once(0).chain(2..rank).chain([1]).collect();
            x = x.transpose(&order);
        }
        Ok(vec![x.reshape(&[x.dim(0), product(&x.dims()[1..])]).into()])
    }

    fn samples() -> Vec<Sample> {
        vec![Sample::new(json!({})).on([SampleInput::floats([3, 4])])]
    }
}
