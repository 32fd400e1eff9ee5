//! Elements of one value put before, after and between those of an axis.

use super::{expect_axis, expect_inputs};
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{ShapeError, Spec};
use crate::strided::{Walk, strides};
use crate::tensor::{Tensor, View, ViewMut};
use crate::var::Var;
use crate::with_type;

/// `low` elements before, `high` after and `interior` between the elements of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Pad {
    /// The axis.
    pub axis: usize,
    /// Elements before the first.
    pub low: usize,
    /// Elements after the last.
    pub high: usize,
    /// Elements between neighbours.
    pub interior: usize,
    /// What is put in.
    pub value: f64,
}

impl Primitive for Pad {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("pad", ins, 1)?;
        expect_axis("pad", ins, self.axis)?;
        let mut dims = ins[0].dims.clone();
        dims[self.axis] =
            dims[self.axis].map(|n| self.low + self.high + n + n.saturating_sub(1) * self.interior);
        Ok(vec![Spec::new(ins[0].dtype, dims)])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let n = at.ins[0].dim(self.axis as isize).unwrap_or(0);
        let end = if n == 0 { self.low } else { self.low + (n - 1) * (self.interior + 1) + 1 };
        vec![Some(at.grad().slice_step(self.axis as isize, self.low, Some(end), self.interior + 1))]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let mut steps: Vec<isize> = strides(out.dims).iter().map(|&s| s as isize).collect();
        let offset = steps[self.axis] * self.low as isize;
        steps[self.axis] *= self.interior as isize + 1;
        let walk = Walk { dims: ins[0].dims.to_vec(), strides: steps, offset };
        let value = Tensor::scalar_of(ins[0].dtype(), self.value);
        with_type!(ins[0].dtype(), T => {
            let out = out.get::<T>();
            out.fill(value.view().get::<T>()[0]);
            walk.write(ins[0].get::<T>(), out);
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![
            Sample::new(
                Pad { axis: 1, low: 2, high: 1, interior: 0, value: 0.5 },
                vec![sample_numbers(&[2, 3, 2], 111)],
            ),
            Sample::new(
                Pad { axis: 0, low: 0, high: 2, interior: 1, value: 0.0 },
                vec![sample_numbers(&[3, 2], 112)],
            ),
        ]
    }
}
