//! The layer that returns its input.

use crate::Result;
use crate::lowering::{Call, Cx, Flow, Layer, MaskRule, RaggedForm, WeightTree, Weights};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};

/// Layer that returns its input unchanged.
///
/// # Shapes
/// Any shape; the output has the shape of the input.
///
/// # Source
/// keras/src/layers/core/identity.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{Identity, LayerRef};
/// use ndarray::arr2;
/// let y = LayerRef::new(Identity::new()).apply(&arr2(&[[1.0f32, -2.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[1.0f32, -2.0]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Identity {}

impl Identity {
    /// Returns the layer.
    pub fn new() -> Self {
        Self {}
    }
}

impl Layer for Identity {
    settings!("Identity");

    fn weights(&self, _: &Call<Spec>) -> Result<WeightTree> {
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        _: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        Ok(call.inputs().into_iter().copied().collect())
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Either
    }

    fn is_causal(&self) -> bool {
        true
    }

    fn tells_ends(&self) -> bool {
        true
    }
}
