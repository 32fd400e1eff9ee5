//! Concatenation along an axis.

use super::merge::joined;
use crate::lowering::{
    Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, SampleInput, WeightTree, Weights,
};
use crate::{Error, Result};
use cornu_ir::builder::{axis_of, concat};
use cornu_ir::{DType, Spec, Var};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Concatenates two or more inputs along an axis.
///
/// # Shapes
/// Two or more inputs (B, …) with equal dims except along the axis, where their lengths add up.
/// Masks are concatenated along the axis; along the last axis the mask is true where any input's
/// is.
///
/// # Source
/// keras/src/layers/merging/concatenate.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{Concatenate, LayerRef};
/// use ndarray::arr2;
/// let (a, b) = (arr2(&[[1.0f32, 2.0]]), arr2(&[[3.0f32, 5.0]]));
/// let y = LayerRef::new(Concatenate::new()).apply_all(&[a.into(), b.into()])?;
/// assert_eq!(y[0], Array::from(arr2(&[[1.0f32, 2.0, 3.0, 5.0]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Concatenate {
    /// Axis of concatenation; a negative one counts from the end.
    pub axis: isize,
    /// True if masks are joined as before Keras 3: true where all are.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    keras2_masks: bool,
}

impl Default for Concatenate {
    fn default() -> Self {
        Self { axis: -1, keras2_masks: false }
    }
}

impl Concatenate {
    /// Returns a layer that concatenates along the last axis.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the axis of concatenation.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }

    fn check(&self, specs: &[Spec]) -> Result<()> {
        let Some(first) = specs.first() else {
            return Err(Error::argument("", "expected a list of at least one input", "none"));
        };
        let axis = axis_of(self.axis, first.rank());
        let fits = |s: &Spec| {
            s.rank() == first.rank()
                && s.dims
                    .iter()
                    .zip(&first.dims)
                    .enumerate()
                    .all(|(i, (a, b))| i == axis || a.is_none() || b.is_none() || a == b)
        };
        if axis >= first.rank() || !specs.iter().all(fits) {
            return Err(Error::shapes(
                format!("inputs must have equal dims but for axis {}", self.axis),
                specs,
            ));
        }
        Ok(())
    }

    /// The mask along the axis, true where any of the inputs' is, or all are: unmasked values count
    /// whole.
    fn mask<'g>(&self, flows: &[Flow<'g>], all: bool) -> Option<Var<'g>> {
        if flows.iter().all(|f| f.mask.is_none()) {
            return None;
        }
        let rank = flows[0].value.rank();
        let full = |f: &Flow<'g>, dims: &[cornu_ir::Dim]| match f.mask {
            Some(m) if m.rank() < dims.len() => m.expand_dims(-1).broadcast_to(dims),
            Some(m) => m,
            None => f.value.builder().full(DType::Bool, dims, 1.0),
        };
        let by_step = flows.iter().all(|f| f.mask.is_none_or(|m| m.rank() + 1 == rank));
        if by_step {
            // All elements of a step share its mask: no need to spell it out for each.
            let of_step = |f: &Flow<'g>| {
                f.mask.unwrap_or_else(|| {
                    f.value.builder().full(DType::Bool, &f.value.dims()[..rank - 1], 1.0)
                })
            };
            let masks: Vec<_> = flows.iter().map(of_step).collect();
            let axis = axis_of(self.axis, rank);
            return Some(if axis + 1 == rank {
                let join = if all { Var::and } else { Var::or };
                masks.into_iter().reduce(|a, b| joined(a, b, join))?
            } else {
                concat(&masks, axis as isize)
            });
        }
        let masks: Vec<_> = flows.iter().map(|f| full(f, &f.value.dims())).collect();
        let masks = concat(&masks, self.axis);
        Some(if all { masks.all(&[-1], false) } else { masks.any(&[-1], false) })
    }
}

impl Layer for Concatenate {
    settings!("Concatenate");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let specs: Vec<Spec> = call.inputs().into_iter().cloned().collect();
        self.check(&specs)?;
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let flows: Vec<Flow<'g>> = call.inputs().into_iter().copied().collect();
        self.check(&flows.iter().map(Flow::spec).collect::<Vec<_>>())?;
        let one_type = flows.iter().all(|f| f.value.dtype() == flows[0].value.dtype());
        let values: Vec<_> =
            flows.iter().map(|f| if one_type { f.value } else { cx.to_float(f.value) }).collect();
        Ok(vec![Flow::masked(
            concat(&values, self.axis),
            self.mask(&flows, self.keras2_masks && !cx.masks_of_keras_3),
        )])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn ragged_form(&self) -> RaggedForm {
        // Joined along time, sequences would end in the middle.
        RaggedForm::along_features(&[self.axis])
    }

    fn samples() -> Vec<Sample> {
        vec![
            Sample::new(json!({})).on([SampleInput::sequence(), SampleInput::sequence()]),
            Sample::new(json!({"axis": 1})).on([SampleInput::sequence(), SampleInput::sequence()]),
        ]
    }
}
