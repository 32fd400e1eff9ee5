//! Sum, product, largest and smallest over axes.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{DType, Dim, ShapeError, Spec};
use crate::strided::{Walk, strides};
use crate::tensor::{Element, Tensor, View, ViewMut};
use crate::var::Var;

/// What is gathered from the elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ReduceFn {
    Sum,
    Prod,
    Max,
    Min,
}

/// A reduction over axes, which disappear. On bool, `Max` is "any" and `Min` is "all".
#[derive(Clone, Debug, PartialEq)]
pub struct Reduce {
    /// What is gathered.
    pub f: ReduceFn,
    /// The axes gathered over, rising.
    pub axes: Vec<usize>,
}

impl ReduceFn {
    fn start<T: Element + num_traits::Bounded + num_traits::Num>(self, lowest: T, highest: T) -> T {
        match self {
            ReduceFn::Sum => T::zero(),
            ReduceFn::Prod => T::one(),
            ReduceFn::Max => lowest,
            ReduceFn::Min => highest,
        }
    }

    /// Two elements made one; a NaN stays.
    #[allow(clippy::eq_op)]
    fn join<T: Element + num_traits::Num>(self, a: T, b: T) -> T {
        match self {
            ReduceFn::Sum => a + b,
            ReduceFn::Prod => a * b,
            ReduceFn::Max => {
                if b > a || b != b {
                    b
                } else {
                    a
                }
            }
            ReduceFn::Min => {
                if b < a || b != b {
                    b
                } else {
                    a
                }
            }
        }
    }
}

impl Reduce {
    fn run<T: Element + num_traits::Bounded + num_traits::Num>(
        &self,
        x: &View<'_>,
        out: &mut ViewMut<'_>,
        lowest: T,
        highest: T,
    ) {
        let src = x.get::<T>();
        let dst = out.get::<T>();
        dst.fill(self.f.start(lowest, highest));
        let f = self.f;
        // The last axes alone: each result is a run of the input.
        let first = x.dims.len() - self.axes.len();
        let run: usize = x.dims[first..].iter().product();
        if self.axes.iter().copied().eq(first..x.dims.len()) && run > 0 {
            for (d, row) in dst.iter_mut().zip(src.chunks_exact(run)) {
                *d = row.iter().fold(*d, |a, &b| f.join(a, b));
            }
            return;
        }
        // Walk the input in order; each element finds its place in the result, the reduced axes
        // with stride 0.
        let kept: Vec<usize> =
            (0..x.dims.len()).filter(|i| !self.axes.contains(i)).map(|i| x.dims[i]).collect();
        let own = strides(&kept);
        let mut next = 0;
        let steps = (0..x.dims.len())
            .map(|i| {
                if self.axes.contains(&i) {
                    0
                } else {
                    next += 1;
                    own[next - 1] as isize
                }
            })
            .collect();
        Walk { dims: x.dims.to_vec(), strides: steps, offset: 0 }.rows(|k, at, stride, n| {
            let row = &src[k..k + n];
            if stride == 0 {
                dst[at as usize] = row.iter().fold(dst[at as usize], |a, &b| f.join(a, b));
            } else {
                for (d, &s) in dst[at as usize..].iter_mut().zip(row) {
                    *d = f.join(*d, s);
                }
            }
        });
    }

    fn kept_dims(&self, dims: &[Dim]) -> Vec<Dim> {
        dims.iter()
            .enumerate()
            .map(|(i, d)| if self.axes.contains(&i) { Some(1) } else { *d })
            .collect()
    }
}

impl Primitive for Reduce {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("reduce", ins, 1)?;
        if self.axes.iter().any(|&a| a >= ins[0].rank()) || !self.axes.is_sorted_by(|a, b| a < b) {
            return Err(ShapeError::new(
                "reduce",
                format!("axes {:?} must be axes of the value, rising", self.axes),
                ins,
            ));
        }
        if ins[0].dtype == DType::Bool && matches!(self.f, ReduceFn::Sum | ReduceFn::Prod) {
            return Err(ShapeError::new("reduce", "a sum of bool needs a cast first", ins));
        }
        let dims = ins[0]
            .dims
            .iter()
            .enumerate()
            .filter(|(i, _)| !self.axes.contains(i))
            .map(|(_, d)| *d)
            .collect::<Vec<_>>();
        Ok(vec![Spec::new(ins[0].dtype, dims)])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let x = at.ins[0];
        let dims = x.dims();
        let kept = self.kept_dims(&dims);
        let d = at.grad().reshape(&kept).broadcast_to(&dims);
        let y = at.outs[0].reshape(&kept).broadcast_to(&dims);
        let axes: Vec<isize> = self.axes.iter().map(|&a| a as isize).collect();
        vec![Some(match self.f {
            ReduceFn::Sum => d,
            ReduceFn::Prod => d * y / x,
            // The gradient is shared by the elements that reach the extreme, as JAX shares it.
            ReduceFn::Max | ReduceFn::Min => {
                let at_extreme = x.eq(y).cast(x.dtype());
                d * at_extreme / at_extreme.sum(&axes, true)
            }
        })]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        match ins[0].dtype() {
            DType::F32 => self.run(&ins[0], out, f32::NEG_INFINITY, f32::INFINITY),
            DType::F64 => self.run(&ins[0], out, f64::NEG_INFINITY, f64::INFINITY),
            DType::I32 => self.run(&ins[0], out, i32::MIN, i32::MAX),
            DType::I64 => self.run(&ins[0], out, i64::MIN, i64::MAX),
            DType::Bool => self.run(&ins[0], out, 0u8, 1u8),
        }
    }

    fn samples() -> Vec<Sample<Self>> {
        let all = [ReduceFn::Sum, ReduceFn::Prod, ReduceFn::Max, ReduceFn::Min];
        let cases = [vec![0], vec![2], vec![1, 2], vec![0, 1, 2]];
        all.iter()
            .flat_map(|&f| {
                cases.iter().map(move |axes| {
                    Sample::new(
                        Reduce { f, axes: axes.clone() },
                        vec![sample_numbers(&[3, 2, 4], 131)],
                    )
                })
            })
            .chain([
                Sample::new(
                    Reduce { f: ReduceFn::Sum, axes: vec![0] },
                    vec![Tensor::new(&[3], vec![1i32, 2, 3])],
                ),
                Sample::new(
                    Reduce { f: ReduceFn::Max, axes: vec![1] },
                    vec![Tensor::new(&[2, 2], vec![0u8, 1, 0, 0])],
                ),
            ])
            .collect()
    }
}
