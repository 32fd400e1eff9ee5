//! Where along an axis the largest or smallest stands.

use super::{expect_axis, expect_inputs};
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{DType, ShapeError, Spec};
use crate::tensor::{View, ViewMut};
use crate::var::Var;
use crate::with_type;

/// Index (i32) of the largest or smallest along an axis, the first of equals; a NaN counts as the
/// extreme.
#[derive(Clone, Debug, PartialEq)]
pub struct ArgReduce {
    /// The largest, else the smallest.
    pub max: bool,
    /// The axis, which disappears.
    pub axis: usize,
}

impl Primitive for ArgReduce {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("arg_reduce", ins, 1)?;
        expect_axis("arg_reduce", ins, self.axis)?;
        let mut dims = ins[0].dims.clone();
        dims.remove(self.axis);
        Ok(vec![Spec::new(DType::I32, dims)])
    }

    fn vjp<'g>(&self, _: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        vec![None]
    }

    #[allow(clippy::eq_op)]
    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let n = ins[0].dims[self.axis];
        let inner: usize = ins[0].dims[self.axis + 1..].iter().product();
        with_type!(ins[0].dtype(), T => {
            let x = ins[0].get::<T>();
            for (k, o) in out.get::<i32>().iter_mut().enumerate() {
                let at = |i: usize| x[(k / inner * n + i) * inner + k % inner];
                let better =
                    |a: T, b: T| (if self.max { a > b } else { a < b }) || (a != a && b == b);
                *o =
                    (1..n).fold(0, |best, i| if better(at(i), at(best)) { i } else { best }) as i32;
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![
            Sample::new(ArgReduce { max: true, axis: 1 }, vec![sample_numbers(&[3, 4, 2], 141)]),
            Sample::new(ArgReduce { max: false, axis: 0 }, vec![sample_numbers(&[5], 142)]),
        ]
    }
}
