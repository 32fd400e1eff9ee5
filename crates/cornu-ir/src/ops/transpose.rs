//! Axes in another order.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{ShapeError, Spec};
use crate::strided::{Walk, strides};
use crate::tensor::{View, ViewMut};
use crate::var::Var;
use crate::with_type;

/// Axes in another order: axis `i` of the result is axis `perm[i]` of the value.
#[derive(Clone, Debug, PartialEq)]
pub struct Transpose {
    /// The axes of the value, in the result's order.
    pub perm: Vec<usize>,
}

impl Primitive for Transpose {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("transpose", ins, 1)?;
        let mut sorted = self.perm.clone();
        sorted.sort_unstable();
        if sorted != (0..ins[0].rank()).collect::<Vec<_>>() {
            return Err(ShapeError::new(
                "transpose",
                format!("{:?} must name each axis once", self.perm),
                ins,
            ));
        }
        Ok(vec![Spec::new(
            ins[0].dtype,
            self.perm.iter().map(|&p| ins[0].dims[p]).collect::<Vec<_>>(),
        )])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let mut inverse = vec![0; self.perm.len()];
        for (i, &p) in self.perm.iter().enumerate() {
            inverse[p] = i;
        }
        vec![Some(at.grad().transpose(&inverse))]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let own = strides(ins[0].dims);
        let walk = Walk {
            dims: out.dims.to_vec(),
            strides: self.perm.iter().map(|&p| own[p] as isize).collect(),
            offset: 0,
        };
        with_type!(ins[0].dtype(), T => walk.read(ins[0].get::<T>(), out.get::<T>()));
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![Sample::new(Transpose { perm: vec![2, 0, 1] }, vec![sample_numbers(&[2, 3, 4], 81)])]
    }
}
