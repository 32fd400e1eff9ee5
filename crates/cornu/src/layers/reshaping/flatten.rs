//! All axes but the batch made one.

use crate::Result;
use crate::config::setters;
use crate::layers::geometry::DataFormat;
use crate::lowering::{
    Call, Cx, Flow, Layer, Sample, SampleInput, WeightTree, Weights, expect_rank,
};
use cornu_ir::{Spec, spec::product};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// All axes but the batch made one.
///
/// # Shapes
/// x (B, …), y (B, F) with F the product of the other dims.
///
/// # Source
/// keras/src/layers/reshaping/flatten.py, Keras 3.15.1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flatten {
    /// Where the channels stand: first, they are moved last before.
    pub data_format: DataFormat,
}

impl Flatten {
    /// With the channels last.
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
