//! Softmax as a layer, along any axes and under a mask.

use crate::constraints::Axes;
use crate::lowering::{
    Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, SampleInput, WeightTree, Weights, mask_of,
};
use crate::{Error, Result};
use cornu_ir::builder::{axis_of, broadcast_dims};
use cornu_ir::composites::softmax;
use cornu_ir::{DType, Spec, Var};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Softmax along one or more axes: `exp(x) / Σ exp(x)`; masked elements get 0.
///
/// # Shapes
/// Any shape; the output has the shape of the input. The mask is broadcast to the input as in
/// numpy.
///
/// # Source
/// keras/src/layers/activations/softmax.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, Softmax};
/// use ndarray::arr2;
/// let y = LayerRef::new(Softmax::new(-1)).apply(&arr2(&[[3.0f32, 3.0, -1000.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[0.5f32, 0.5, 0.0]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Softmax {
    /// Axis or axes along which the output sums to 1.
    pub axis: Axes,
}

impl Default for Softmax {
    fn default() -> Self {
        Self { axis: Axes::One(-1) }
    }
}

impl Softmax {
    /// Returns a softmax along an axis.
    pub fn new(axis: isize) -> Self {
        Self { axis: Axes::One(axis) }
    }
}

/// Softmax along axes, under a mask that stretches to the value.
pub(crate) fn masked_softmax<'g>(x: Var<'g>, axes: &[isize], mask: Option<Var<'g>>) -> Var<'g> {
    let Some(mask) = mask else { return softmax(x, axes) };
    let y = softmax(mask.select(x, -1e9), axes);
    mask.select(y, 0.0)
}

impl Layer for Softmax {
    settings!("Softmax");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let x = call.input()?;
        match self.axis.list().iter().find(|&&a| axis_of(a, x.rank()) >= x.rank()) {
            Some(axis) => Err(Error::shapes(
                format!("axis {axis} must be an axis of the input"),
                std::slice::from_ref(x),
            )),
            None => Ok(WeightTree::none()),
        }
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = cx.to_float(call.input()?.value);
        cx.keep_whole_along(&self.axis.list(), x.rank());
        let mask = mask_of(call).map(|m| if m.dtype() == DType::Bool { m } else { m.gt(0.5) });
        if let Some(m) = mask
            && (m.rank() > x.rank() || broadcast_dims(&m.dims(), &x.dims()).is_none())
        {
            return Err(Error::shapes(
                "the mask must stretch to the input: equal dims or 1, counted from the last axis",
                &[x.spec(), m.spec()],
            ));
        }
        Ok(vec![masked_softmax(x, &self.axis.list(), mask).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::along_features(&self.axis.list())
    }

    fn samples() -> Vec<Sample> {
        let scores = Sample::new(json!({})).on([SampleInput::floats([None])]);
        [Sample::each([json!({}), json!({"axis": 1})]), vec![scores]].concat()
    }
}
