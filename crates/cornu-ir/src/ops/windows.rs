//! Windows along an axis, and their overlapping sum: what convolution and pooling are made of.

use super::{expect_axis, expect_inputs};
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{Dim, ShapeError, Spec};
use crate::strided::{Walk, strides};
use crate::tensor::{View, ViewMut};
use crate::var::Var;
use crate::{with_float, with_type};

/// Windows of `length` elements, `dilation` apart, starting every `stride` elements of an axis: (…,
/// T, …) becomes (…, T', length, …).
#[derive(Clone, Debug, PartialEq)]
pub struct Windows {
    /// The axis cut.
    pub axis: usize,
    /// Elements of a window.
    pub length: usize,
    /// Distance between starts.
    pub stride: usize,
    /// Distance between elements.
    pub dilation: usize,
}

impl Windows {
    /// How many windows an axis of `n` elements holds.
    pub fn count(&self, n: usize) -> usize {
        let span = (self.length - 1) * self.dilation + 1;
        if n < span { 0 } else { (n - span) / self.stride + 1 }
    }

    /// The walk over an axis of the source that visits the windows in order.
    fn walk(&self, source: &[usize]) -> Walk {
        let mut dims = source.to_vec();
        let mut steps: Vec<isize> = strides(source).iter().map(|&s| s as isize).collect();
        let step = steps[self.axis];
        dims[self.axis] = self.count(source[self.axis]);
        dims.insert(self.axis + 1, self.length);
        steps[self.axis] = step * self.stride as isize;
        steps.insert(self.axis + 1, step * self.dilation as isize);
        Walk { dims, strides: steps, offset: 0 }
    }
}

impl Primitive for Windows {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("windows", ins, 1)?;
        expect_axis("windows", ins, self.axis)?;
        if self.length == 0 || self.stride == 0 || self.dilation == 0 {
            return Err(ShapeError::new(
                "windows",
                "length, stride and dilation must be at least 1",
                ins,
            ));
        }
        let mut dims = ins[0].dims.clone();
        dims[self.axis] = dims[self.axis].map(|n| self.count(n));
        dims.insert(self.axis + 1, Some(self.length));
        Ok(vec![Spec::new(ins[0].dtype, dims)])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let n = at.ins[0].dim(self.axis as isize);
        vec![Some(
            at.grad().builder().apply1(FoldWindows { windows: self.clone(), n }, &[at.grad()]),
        )]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        with_type!(ins[0].dtype(), T => {
            self.walk(ins[0].dims).read(ins[0].get::<T>(), out.get::<T>())
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![
            Sample::new(
                Windows { axis: 1, length: 3, stride: 1, dilation: 1 },
                vec![sample_numbers(&[2, 6, 2], 191)],
            ),
            Sample::new(
                Windows { axis: 1, length: 2, stride: 2, dilation: 3 },
                vec![sample_numbers(&[2, 9], 192)],
            ),
        ]
    }
}

/// The sum of overlapping windows at the places they were cut from: the gradient of [`Windows`].
#[derive(Clone, Debug, PartialEq)]
pub struct FoldWindows {
    /// How the windows lie.
    pub windows: Windows,
    /// Elements of the axis made.
    pub n: Dim,
}

impl Primitive for FoldWindows {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("fold_windows", ins, 1)?;
        let axis = self.windows.axis;
        expect_axis("fold_windows", ins, axis + 1)?;
        let count = self.n.map(|n| self.windows.count(n));
        let fits = |have: Dim, want: Dim| have.is_none() || want.is_none() || have == want;
        if !ins[0].dtype.is_float()
            || !fits(ins[0].dims[axis + 1], Some(self.windows.length))
            || !fits(ins[0].dims[axis], count)
        {
            return Err(ShapeError::new(
                "fold_windows",
                "float windows as they were cut are needed",
                ins,
            ));
        }
        let mut dims = ins[0].dims.clone();
        dims.remove(axis + 1);
        dims[axis] = self.n;
        Ok(vec![Spec::new(ins[0].dtype, dims)])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        vec![Some(at.grad().builder().apply1(self.windows.clone(), &[at.grad()]))]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let walk = self.windows.walk(out.dims);
        with_float!(ins[0].dtype(), T => {
            let (x, y) = (ins[0].get::<T>(), out.get::<T>());
            y.fill(0.0);
            walk.rows(|k, at, stride, n| {
                let mut p = at;
                for s in &x[k..k + n] {
                    y[p as usize] += *s;
                    p += stride;
                }
            });
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        let windows = Windows { axis: 1, length: 3, stride: 2, dilation: 1 };
        vec![Sample::new(
            FoldWindows { windows, n: Some(7) },
            vec![sample_numbers(&[2, 3, 3, 2], 193)],
        )]
    }
}
