//! The same elements under other dims, and the same value without its gradient: neither moves
//! anything.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{Dim, ShapeError, Spec, dims_text};
use crate::tensor::{View, ViewMut};
use crate::var::Var;
use crate::with_type;

/// The same elements under other dims.
#[derive(Clone, Debug, PartialEq)]
pub struct Reshape {
    /// The dims of the result.
    pub dims: Vec<Dim>,
}

impl Primitive for Reshape {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("reshape", ins, 1)?;
        let out = Spec::new(ins[0].dtype, self.dims.clone());
        match (ins[0].n_elements(), out.n_elements()) {
            (Some(a), Some(b)) if a != b => Err(ShapeError::new(
                "reshape",
                format!("the number of elements must stay; {} has {b}", dims_text(&self.dims)),
                ins,
            )),
            _ => Ok(vec![out]),
        }
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        vec![Some(at.grad().reshape(&at.ins[0].dims()))]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        copy(ins, outs);
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![Sample::new(
            Reshape { dims: vec![Some(3), Some(4)] },
            vec![sample_numbers(&[2, 6], 61)],
        )]
    }

    fn flops(&self, _: &[&Spec], _: &[&Spec]) -> f64 {
        0.0
    }
}

/// The value itself, through which no gradient flows.
#[derive(Clone, Debug, PartialEq)]
pub struct StopGradient;

impl Primitive for StopGradient {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("stop_gradient", ins, 1)?;
        Ok(vec![ins[0].clone()])
    }

    fn vjp<'g>(&self, _: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        vec![None]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        copy(ins, outs);
    }

    fn samples() -> Vec<Sample<Self>> {
        // Its gradient is zero by definition and not that of its values: no case for the finite
        // differences.
        vec![]
    }
}

fn copy(ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
    let Some(out) = &mut outs[0] else { return };
    with_type!(ins[0].dtype(), T => out.get::<T>().copy_from_slice(ins[0].get::<T>()));
}
