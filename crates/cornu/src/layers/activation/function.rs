//! An activation function as a layer.

use crate::Result;
use crate::activations;
use crate::lowering::{Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, WeightTree, Weights};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Layer that applies an activation function of `keras.activations`.
///
/// # Shapes
/// Any shape; the output has the shape of the input.
///
/// # Source
/// keras/src/layers/activations/activation.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{Activation, LayerRef};
/// use ndarray::arr2;
/// let layer = LayerRef::new(Activation::new("softsign")); // x / (1 + |x|)
/// let y = layer.apply(&arr2(&[[-1.0f32, 0.0, 3.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[-0.5f32, 0.0, 0.75]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Activation {
    /// The activation function.
    pub activation: activations::Activation,
}

impl Activation {
    /// Returns the layer of an activation, given as a value or by Keras's name.
    pub fn new(activation: impl Into<activations::Activation>) -> Self {
        Self { activation: activation.into() }
    }
}

impl Layer for Activation {
    fn class(&self) -> &'static str {
        "Activation"
    }

    fn config(&self) -> Value {
        crate::config::to_value(self).expect("plain settings serialize")
    }

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
        // Keras declares the input's shape, also for `glu`, which halves the last axis.
        Ok(vec![cx.declared(self.activation.of(x), &x.dims()).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::of_activation(&self.activation)
    }

    fn samples() -> Vec<Sample> {
        Sample::each([
            json!({"activation": "gelu"}),
            json!({"activation": "softmax"}),
            json!({"activation": {"class_name": "Softmax", "config": {"axis": 1}}}),
        ])
    }
}
