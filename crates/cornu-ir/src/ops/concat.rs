//! Values joined along an axis.

use super::expect_axis;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{ShapeError, Spec};
use crate::tensor::{View, ViewMut};
use crate::var::Var;
use crate::with_type;

/// Values joined along an axis; all other dims equal.
#[derive(Clone, Debug, PartialEq)]
pub struct Concat {
    /// The axis joined.
    pub axis: usize,
}

impl Primitive for Concat {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        let Some(first) = ins.first() else {
            return Err(ShapeError::new("concat", "at least one input is needed", ins));
        };
        expect_axis("concat", ins, self.axis)?;
        let mut dims = first.dims.clone();
        dims[self.axis] = Some(0);
        for s in ins {
            let mut with_axis = dims.clone();
            if s.rank() == dims.len() {
                with_axis[self.axis] = s.dims[self.axis];
            }
            if !s.agrees(&Spec::new(first.dtype, with_axis)) {
                let rule = format!("one type and equal dims are needed but for axis {}", self.axis);
                return Err(ShapeError::new("concat", rule, ins));
            }
            for (i, d) in dims.iter_mut().enumerate() {
                *d = if i == self.axis {
                    d.zip(s.dims[i]).map(|(a, b)| a + b)
                } else {
                    d.or(s.dims[i])
                };
            }
        }
        Ok(vec![Spec::new(first.dtype, dims)])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let mut start = 0;
        at.ins
            .iter()
            .map(|x| {
                let n = x.dim(self.axis as isize).unwrap_or(0);
                start += n;
                Some(at.grad().slice(self.axis as isize, start - n, start))
            })
            .collect()
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let outer: usize = out.dims[..self.axis].iter().product();
        let inner: usize = out.dims[self.axis + 1..].iter().product();
        let row = out.dims[self.axis] * inner;
        with_type!(out.dtype(), T => {
            let dst = out.get::<T>();
            let mut at = 0;
            for x in ins {
                let n = x.dims[self.axis] * inner;
                let src = x.get::<T>();
                for o in 0..outer {
                    dst[o * row + at..o * row + at + n].copy_from_slice(&src[o * n..(o + 1) * n]);
                }
                at += n;
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        let (a, b) = (sample_numbers(&[2, 3, 2], 121), sample_numbers(&[2, 1, 2], 122));
        vec![Sample::new(Concat { axis: 1 }, vec![a, b])]
    }
}
