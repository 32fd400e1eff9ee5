//! A layer that adds a penalty on its input to the loss.

use crate::Result;
use crate::lowering::{Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, WeightTree, Weights};
use crate::regularizers::{L1L2, Regularizer};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Layer that returns its input and adds a penalty on it to the loss: `l1 · Σ|x| + l2 · Σx²`,
/// divided by the batch size.
///
/// # Shapes
/// Any shape; the output has the shape of the input.
///
/// # Source
/// keras/src/layers/regularization/activity_regularization.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{ActivityRegularization, LayerRef};
/// use ndarray::arr2;
/// let y = LayerRef::new(ActivityRegularization::new(0.0, 0.01)).apply(&arr2(&[[1.0f32, 2.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[1.0f32, 2.0]]))); // A prediction changes nothing.
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActivityRegularization {
    /// Factor of the sum of absolute values.
    pub l1: f64,
    /// Factor of the sum of squares.
    pub l2: f64,
}

impl ActivityRegularization {
    /// Returns a layer with factors of the absolute values and of the squares.
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
