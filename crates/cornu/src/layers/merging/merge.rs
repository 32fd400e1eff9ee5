//! Layers that merge several inputs element by element.

use crate::lowering::{
    Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, SampleInput, WeightTree, Weights,
};
use crate::{Error, Result};
use cornu_ir::{Dim, Spec, Var};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

macro_rules! merging_layers {
    ($($Type:ident $class:literal $doc:literal $file:literal;)*) => {$(
        #[doc = $doc]
        ///
        /// # Shapes
        /// Two or more inputs (B, …), y (B, …): dims are equal or 1; an input with fewer axes gets
        /// axes of 1 after the batch. If all inputs have a mask, the output's is true where any of
        /// them is.
        ///
        /// # Source
        #[doc = concat!("keras/src/layers/merging/", $file, ".py, Keras 3.15.1.")]
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        pub struct $Type {
            /// True if masks are joined as before Keras 3.
            #[serde(default, skip_serializing_if = "std::ops::Not::not")]
            keras2_masks: bool,
        }

        impl $Type {
            /// Returns the layer, which has no settings.
            pub fn new() -> Self {
                Self::default()
            }
        }

        impl Layer for $Type {
            settings!($class);

            fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
                let specs: Vec<Spec> = call.inputs().into_iter().cloned().collect();
                merged_dims(&specs)?;
                if Merge::$Type == Merge::Subtract && specs.len() != 2 {
                    return Err(Error::shapes("expected exactly two inputs", &specs));
                }
                Ok(WeightTree::none())
            }

            fn lower<'g>(
                &self,
                cx: &Cx<'g>,
                _: &Weights<'g>,
                call: &Call<Flow<'g>>,
            ) -> Result<Vec<Flow<'g>>> {
                let specs: Vec<Spec> = call.inputs().into_iter().map(Flow::spec).collect();
                let ending = call.inputs().into_iter().filter(|f| f.ends.is_some());
                if ending.map(|f| f.value.rank()).collect::<HashSet<_>>().len() > 1 {
                    let rule = "sequences of unequal length must have as many axes as each other";
                    return Err(Error::shapes(rule, &specs));
                }
                let dims = merged_dims(&specs)?;
                let flows = aligned(cx, call, dims.len());
                let merge = Merge::$Type;
                let y = if self.keras2_masks && !cx.masks_of_keras_3 {
                    Flow::masked(merge.plain(&flows), all_masks(&flows))
                } else {
                    merge.of(&flows)
                };
                Ok(vec![Flow::masked(y.value.reshape(&dims), y.mask)])
            }

            fn mask_rule(&self) -> MaskRule {
                MaskRule::Own
            }

            fn ragged_form(&self) -> RaggedForm {
                RaggedForm::ByTimestep(2)
            }

            fn samples() -> Vec<Sample> {
                let inputs = [SampleInput::sequence(), SampleInput::sequence()];
                vec![Sample::new(serde_json::json!({})).on(inputs)]
            }
        }
    )*

    #[derive(Clone, Copy, PartialEq)]
    enum Merge { $($Type),* }
    };
}

merging_layers! {
    Add "Add"
        "Sum of its inputs.\n\n```\n\
        use cornu::data::Array;\n\
        use cornu::{Add, LayerRef};\n\
        use ndarray::arr2;\n\
        let (a, b) = (arr2(&[[1.0f32, 2.0]]), arr2(&[[3.0f32, 5.0]]));\n\
        let y = LayerRef::new(Add::new()).apply_all(&[a.into(), b.into()])?;\n\
        assert_eq!(y[0], Array::from(arr2(&[[4.0f32, 7.0]])));\n\
        # Ok::<(), cornu::Error>(())\n```"
        "add";
    Subtract "Subtract"
        "First input minus the second.\n\n```\n\
        use cornu::data::Array;\n\
        use cornu::{LayerRef, Subtract};\n\
        use ndarray::arr2;\n\
        let (a, b) = (arr2(&[[1.0f32, 2.0]]), arr2(&[[3.0f32, 5.0]]));\n\
        let y = LayerRef::new(Subtract::new()).apply_all(&[a.into(), b.into()])?;\n\
        assert_eq!(y[0], Array::from(arr2(&[[-2.0f32, -3.0]])));\n\
        # Ok::<(), cornu::Error>(())\n```"
        "subtract";
    Multiply "Multiply"
        "Product of its inputs. A masked element counts as 1; where all are masked, the output is \
        0.\n\n```\n\
        use cornu::data::Array;\n\
        use cornu::{LayerRef, Multiply};\n\
        use ndarray::arr2;\n\
        let (a, b) = (arr2(&[[1.0f32, 2.0]]), arr2(&[[3.0f32, 5.0]]));\n\
        let y = LayerRef::new(Multiply::new()).apply_all(&[a.into(), b.into()])?;\n\
        assert_eq!(y[0], Array::from(arr2(&[[3.0f32, 10.0]])));\n\
        # Ok::<(), cornu::Error>(())\n```"
        "multiply";
    Average "Average"
        "Mean of its inputs.\n\n```\n\
        use cornu::data::Array;\n\
        use cornu::{Average, LayerRef};\n\
        use ndarray::arr2;\n\
        let (a, b) = (arr2(&[[1.0f32, 2.0]]), arr2(&[[3.0f32, 5.0]]));\n\
        let y = LayerRef::new(Average::new()).apply_all(&[a.into(), b.into()])?;\n\
        assert_eq!(y[0], Array::from(arr2(&[[2.0f32, 3.5]])));\n\
        # Ok::<(), cornu::Error>(())\n```"
        "average";
    Maximum "Maximum"
        "Maximum of its inputs. A masked element does not count.\n\n```\n\
        use cornu::data::Array;\n\
        use cornu::{LayerRef, Maximum};\n\
        use ndarray::arr2;\n\
        let (a, b) = (arr2(&[[1.0f32, 2.0]]), arr2(&[[3.0f32, 5.0]]));\n\
        let y = LayerRef::new(Maximum::new()).apply_all(&[a.into(), b.into()])?;\n\
        assert_eq!(y[0], Array::from(arr2(&[[3.0f32, 5.0]])));\n\
        # Ok::<(), cornu::Error>(())\n```"
        "maximum";
    Minimum "Minimum"
        "Minimum of its inputs. A masked element does not count.\n\n```\n\
        use cornu::data::Array;\n\
        use cornu::{LayerRef, Minimum};\n\
        use ndarray::arr2;\n\
        let (a, b) = (arr2(&[[1.0f32, 2.0]]), arr2(&[[3.0f32, 5.0]]));\n\
        let y = LayerRef::new(Minimum::new()).apply_all(&[a.into(), b.into()])?;\n\
        assert_eq!(y[0], Array::from(arr2(&[[1.0f32, 2.0]])));\n\
        # Ok::<(), cornu::Error>(())\n```"
        "minimum";
}

/// The dims of the result, by Keras's rule: a dim that is unknown in one value is unknown in the
/// result.
fn merged_dims(specs: &[Spec]) -> Result<Vec<Dim>> {
    if specs.is_empty() {
        return Err(Error::argument("", "expected a list of at least one input", "none"));
    }
    let rank = specs.iter().map(Spec::rank).max().unwrap_or(0);
    let fail = || {
        Error::shapes(
            "all inputs must have one batch size (or 1), and other dims equal or 1",
            specs,
        )
    };
    let mut dims: Vec<Dim> = vec![Some(1); rank];
    for (i, s) in specs.iter().enumerate() {
        let Some((&batch, rest)) = s.dims.split_first() else { return Err(fail()) };
        dims[0] = match (dims[0], batch) {
            _ if i == 0 => batch,
            (None, b) | (b, None) => b,
            (a, b) if a == b => a,
            // A constant may stand for every sample.
            (Some(1), one) | (one, Some(1)) => one,
            _ => return Err(fail()),
        };
        let start = rank - rest.len();
        for (d, &own) in dims[start..].iter_mut().zip(rest) {
            *d = match (*d, own) {
                (None, _) | (_, None) => None,
                (Some(1), o) => o,
                (d, Some(1)) => d,
                (d, o) if d == o => d,
                _ => return Err(fail()),
            };
        }
    }
    Ok(dims)
}

/// The values in one float type and rank, axes of 1 put in after the batch.
fn aligned<'g>(cx: &Cx<'g>, call: &Call<Flow<'g>>, rank: usize) -> Vec<Flow<'g>> {
    let flow = |f: &Flow<'g>| {
        let x = cx.to_float(f.value);
        let x = (x.rank()..rank).fold(x, |x, _| x.expand_dims(1));
        Flow::masked(x, f.mask)
    };
    call.inputs().into_iter().map(flow).collect()
}

impl Merge {
    fn of<'g>(self, flows: &[Flow<'g>]) -> Flow<'g> {
        match self {
            Merge::Add | Merge::Average | Merge::Subtract => {
                Flow::masked(self.plain(flows), any_mask(flows))
            }
            Merge::Multiply => multiply(flows),
            Merge::Maximum => extreme(flows, |a, b| a.maximum(b)),
            Merge::Minimum => extreme(flows, |a, b| a.minimum(b)),
        }
    }

    /// The values merged, whatever their masks.
    fn plain<'g>(self, flows: &[Flow<'g>]) -> Var<'g> {
        let all = |f: fn(Var<'g>, Var<'g>) -> Var<'g>| {
            flows[1..].iter().fold(flows[0].value, |y, flow| f(y, flow.value))
        };
        match self {
            Merge::Add => all(|a, b| a + b),
            Merge::Average => all(|a, b| a + b) / flows.len() as f64,
            Merge::Subtract => all(|a, b| a - b),
            Merge::Multiply => all(|a, b| a * b),
            Merge::Maximum => all(|a, b| a.maximum(b)),
            Merge::Minimum => all(|a, b| a.minimum(b)),
        }
    }
}

/// True where any mask is, when all values have one.
fn any_mask<'g>(flows: &[Flow<'g>]) -> Option<Var<'g>> {
    flows.iter().map(|f| f.mask).reduce(|a, b| Some(joined(a?, b?, Var::or))).flatten()
}

/// True where all masks are that there are: the rule before Keras 3.
///
/// Source: `_Merge.compute_mask` of keras/src/layers/merging/base_merge.py, Keras 2.15.
fn all_masks<'g>(flows: &[Flow<'g>]) -> Option<Var<'g>> {
    flows.iter().filter_map(|f| f.mask).reduce(|a, b| joined(a, b, Var::and))
}

/// Two masks joined; a mask joined with itself is that mask.
pub(super) fn joined<'g>(
    a: Var<'g>,
    b: Var<'g>,
    join: impl Fn(Var<'g>, Var<'g>) -> Var<'g>,
) -> Var<'g> {
    if a.id() == b.id() { a } else { join(a, b) }
}

/// A mask for every element of its value.
fn of_elements<'g>(f: &Flow<'g>) -> Option<Var<'g>> {
    f.mask.map(|m| m.expand_dims(-1).broadcast_to(&f.value.dims()))
}

fn multiply<'g>(flows: &[Flow<'g>]) -> Flow<'g> {
    let masks: Vec<_> = flows.iter().map(of_elements).collect();
    let value =
        |(f, m): (&Flow<'g>, &Option<Var<'g>>)| m.map_or(f.value, |m| m.select(f.value, 1.0));
    let y = flows.iter().zip(&masks).map(value).reduce(|a, b| a * b).expect("at least one input");
    match masks.into_iter().reduce(|a, b| Some(a?.or(b?))).flatten() {
        Some(m) => Flow::masked(m.select(y, 0.0), Some(m.any(&[-1], false))),
        None => Flow::new(y),
    }
}

/// The extreme of values; at an element where one of them is masked, the other counts alone.
fn extreme<'g>(flows: &[Flow<'g>], f: impl Fn(Var<'g>, Var<'g>) -> Var<'g>) -> Flow<'g> {
    let mut y = flows[0].value;
    let mut y_mask = of_elements(&flows[0]);
    for flow in &flows[1..] {
        let mask = of_elements(flow);
        let x = mask.map_or(flow.value, |m| m.select(flow.value, y));
        let before = y_mask.map_or(y, |m| m.select(y, x));
        y_mask = y_mask.zip(mask).map(|(a, b)| a.or(b));
        y = f(before, x);
    }
    Flow::masked(y, y_mask.map(|m| m.any(&[-1], false)))
}
