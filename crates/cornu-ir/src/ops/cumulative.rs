//! Running sums, products and extremes along an axis.

use super::{expect_axis, expect_inputs};
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::ops::ReduceFn;
use crate::spec::{ShapeError, Spec};
use crate::tensor::{View, ViewMut};
use crate::var::Var;
use crate::with_type;

/// A running reduction along an axis, element included. Only the sum has a gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Cumulative {
    /// What runs: `Sum`, `Max` or `Min`.
    pub f: ReduceFn,
    /// Along which axis.
    pub axis: usize,
    /// From the last element to the first.
    pub reverse: bool,
}

impl Primitive for Cumulative {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("cumulative", ins, 1)?;
        expect_axis("cumulative", ins, self.axis)?;
        if ins[0].dtype == crate::DType::Bool || self.f == ReduceFn::Prod {
            return Err(ShapeError::new(
                "cumulative",
                "a running sum or extreme of numbers is needed",
                ins,
            ));
        }
        Ok(vec![ins[0].clone()])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        vec![(self.f == ReduceFn::Sum).then(|| at.grad().cumsum(self.axis as isize, !self.reverse))]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let n = ins[0].dims[self.axis];
        let inner: usize = ins[0].dims[self.axis + 1..].iter().product();
        with_type!(ins[0].dtype(), T => {
            let (x, y) = (ins[0].get::<T>(), out.get::<T>());
            y.copy_from_slice(x);
            for block in y.chunks_exact_mut((n * inner).max(1)) {
                for i in 1..n {
                    let (from, to) = if self.reverse { (n - i, n - i - 1) } else { (i - 1, i) };
                    for j in 0..inner {
                        let (a, b) = (block[from * inner + j], block[to * inner + j]);
                        block[to * inner + j] = match self.f {
                            ReduceFn::Max => if a > b { a } else { b },
                            ReduceFn::Min => if a < b { a } else { b },
                            _ => a + b,
                        };
                    }
                }
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        [false, true]
            .map(|reverse| {
                Sample::new(
                    Cumulative { f: ReduceFn::Sum, axis: 1, reverse },
                    vec![sample_numbers(&[2, 4, 2], 151)],
                )
            })
            .into()
    }
}
