//! A mask made from the data.

use crate::Result;
use crate::lowering::{
    Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, WeightTree, Weights, expect_rank,
};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Masks the timesteps whose features all equal a value, and sets them to 0.
///
/// # Shapes
/// x (B, T, …), y (B, T, …), mask (B, T).
///
/// # Source
/// keras/src/layers/core/masking.py, Keras 3.15.1.
///
/// ```
/// use cornu::{Input, Masking, Model, Predict, SimpleRnn};
/// use ndarray::{arr2, arr3};
/// let x = Input::new([3, 1]);
/// let masked = Masking::new(-9.0).call(&x)?;
/// let sum = SimpleRnn::new(1).activation("linear");
/// let sum = sum.kernel_initializer("ones").recurrent_initializer("ones");
/// let model = Model::new(&x, &sum.call(&masked)?)?;
/// let y = model.predict(&arr3(&[[[1.0f32], [2.0], [-9.0]]]), Predict::new())?;
/// assert_eq!(y.f32()?, arr2(&[[3.0]]).into_dyn()); // The masked timestep does not count.
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Masking {
    /// Value of padding: timesteps of this value alone are masked.
    pub mask_value: f64,
}

impl Masking {
    /// Returns a layer that masks timesteps filled with a value.
    pub fn new(mask_value: f64) -> Self {
        Self { mask_value }
    }
}

impl Layer for Masking {
    settings!("Masking");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        expect_rank(call.input()?, 2..=usize::MAX, "(batch, …, features)")?;
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = cx.to_float(call.input()?.value);
        let counts = x.ne(self.mask_value).any(&[-1], true);
        let y = x * counts.cast(x.dtype());
        Ok(vec![Flow::masked(y, Some(counts.squeeze(-1)))])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::ByTimestep(3)
    }

    fn samples() -> Vec<Sample> {
        Sample::each([json!({"mask_value": -9.0})])
    }
}
