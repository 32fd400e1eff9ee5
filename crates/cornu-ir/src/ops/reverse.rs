//! One axis backwards.

use super::{expect_axis, expect_inputs};
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{ShapeError, Spec};
use crate::strided::{Walk, strides};
use crate::tensor::{View, ViewMut};
use crate::var::Var;
use crate::with_type;

/// One axis backwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Reverse {
    /// The axis turned.
    pub axis: usize,
}

impl Primitive for Reverse {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("reverse", ins, 1)?;
        expect_axis("reverse", ins, self.axis)?;
        Ok(vec![ins[0].clone()])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        vec![Some(at.grad().reverse(self.axis as isize))]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let mut steps: Vec<isize> = strides(ins[0].dims).iter().map(|&s| s as isize).collect();
        let offset = steps[self.axis] * (ins[0].dims[self.axis] as isize - 1);
        steps[self.axis] = -steps[self.axis];
        let walk = Walk { dims: out.dims.to_vec(), strides: steps, offset };
        with_type!(ins[0].dtype(), T => walk.read(ins[0].get::<T>(), out.get::<T>()));
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![Sample::new(Reverse { axis: 1 }, vec![sample_numbers(&[2, 3, 2], 101)])]
    }
}
