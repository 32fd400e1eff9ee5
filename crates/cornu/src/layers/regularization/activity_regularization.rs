//! A penalty on the values that pass.

use crate::Result;
use crate::lowering::{Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, WeightTree, Weights};
use crate::regularizers::{L1L2, Regularizer};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The input as it is, with the penalty `l1 · Σ|x| + l2 · Σx²`, over the samples of the batch.
///
/// # Shapes
/// Any; the output has the input's.
///
/// # Source
/// keras/src/layers/regularization/activity_regularization.py, Keras 3.15.1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActivityRegularization {
    /// Factor of the absolute values.
    pub l1: f64,
    /// Factor of the squares.
    pub l2: f64,
}

impl ActivityRegularization {
    /// With factors of the absolute values and of the squares.
    pub fn new(l1: f64, l2: f64) -> Self {
        Self { l1, l2 }
    }
}

impl Layer for ActivityRegularization {
    settings!("ActivityRegularization");

    fn weights(&self, _: &Call<Spec>) -> Result<WeightTree> {
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = cx.to_float(call.input()?.value);
        let penalty = Regularizer::from(L1L2 { l1: self.l1, l2: self.l2 });
        cx.add_loss(penalty.of(call.input()?.own(x)) / cx.batch.unwrap_or(1) as f64);
        Ok(vec![x.into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::ByTimestep(2)
    }

    fn samples() -> Vec<Sample> {
        Sample::each([json!({"l2": 0.1})])
    }
}
