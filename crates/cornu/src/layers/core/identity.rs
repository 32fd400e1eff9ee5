//! The inputs as they are.

use crate::Result;
use crate::lowering::{Call, Cx, Flow, Form, Layer, MaskRule, WeightTree, Weights};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};

/// The inputs as they are.
///
/// # Shapes
/// Any; the output has the input's.
///
/// # Source
/// keras/src/layers/core/identity.py, Keras 3.15.1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Identity {}

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

    fn form(&self) -> Form {
        Form::Either
    }

    fn tells_ends(&self) -> bool {
        true
    }
}
