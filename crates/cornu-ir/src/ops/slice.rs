//! A part of one axis.

use super::{expect_axis, expect_inputs};
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::ops::Pad;
use crate::spec::{Dim, ShapeError, Spec};
use crate::strided::{Walk, strides};
use crate::tensor::{View, ViewMut};
use crate::var::Var;
use crate::with_type;

/// Elements `start..end` of one axis, every `step`-th; an `end` of `None` is the axis's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// The axis cut.
    pub axis: usize,
    /// First element.
    pub start: usize,
    /// One past the last element.
    pub end: Dim,
    /// Distance between elements, at least 1.
    pub step: usize,
}

impl Primitive for Slice {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("slice", ins, 1)?;
        expect_axis("slice", ins, self.axis)?;
        let own = ins[0].dims[self.axis];
        let end = self.end.or(own);
        if end.is_some_and(|e| self.start > e)
            || matches!((end, own), (Some(e), Some(n)) if e > n)
            || self.step == 0
        {
            let rule = format!(
                "{}..{:?} by {} must lie within axis {}",
                self.start, self.end, self.step, self.axis
            );
            return Err(ShapeError::new("slice", rule, ins));
        }
        let mut dims = ins[0].dims.clone();
        dims[self.axis] = end.map(|e| (e - self.start).div_ceil(self.step));
        Ok(vec![Spec::new(ins[0].dtype, dims)])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let own = at.ins[0].dim(self.axis as isize).unwrap_or(0);
        let n = at.outs[0].dim(self.axis as isize).unwrap_or(0);
        if n == 0 {
            return vec![Some(at.ins[0].zeros_like())];
        }
        let last = self.start + (n - 1) * self.step + 1;
        let pad = Pad {
            axis: self.axis,
            low: self.start,
            high: own - last,
            interior: self.step - 1,
            value: 0.0,
        };
        vec![Some(at.grad().builder().apply1(pad, &[at.grad()]))]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let mut steps: Vec<isize> = strides(ins[0].dims).iter().map(|&s| s as isize).collect();
        let offset = steps[self.axis] * self.start as isize;
        steps[self.axis] *= self.step as isize;
        let walk = Walk { dims: out.dims.to_vec(), strides: steps, offset };
        with_type!(ins[0].dtype(), T => walk.read(ins[0].get::<T>(), out.get::<T>()));
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![
            Sample::new(
                Slice { axis: 1, start: 1, end: Some(4), step: 1 },
                vec![sample_numbers(&[2, 5, 2], 91)],
            ),
            Sample::new(
                Slice { axis: 1, start: 1, end: None, step: 3 },
                vec![sample_numbers(&[2, 7], 92)],
            ),
        ]
    }
}
