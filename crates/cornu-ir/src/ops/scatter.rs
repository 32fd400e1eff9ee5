//! Rows that share an index, multiplied or held against each other.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::ops::{ReduceFn, ScatterAdd};
use crate::spec::{DType, Dim, ShapeError, Spec};
use crate::tensor::{Element, Tensor, View, ViewMut};
use crate::var::Var;

/// The product or the extreme of rows that share an index; a row that none names holds 1 or the
/// type's lowest or highest number. Inputs: values (index dims, …), index (i32); an index outside
/// is left out.
#[derive(Clone, Debug, PartialEq)]
pub struct ScatterReduce {
    /// `Prod`, `Max` or `Min`.
    pub f: ReduceFn,
    /// Rows of the result.
    pub rows: Dim,
}

impl ScatterReduce {
    fn run<T: Element + num_traits::Num>(
        &self,
        ins: &[View<'_>],
        out: &mut ViewMut<'_>,
        lowest: T,
        highest: T,
    ) {
        let row: usize = out.dims[1..].iter().product();
        let n = out.dims[0];
        let (x, y) = (ins[0].get::<T>(), out.get::<T>());
        y.fill(match self.f {
            ReduceFn::Max => lowest,
            ReduceFn::Min => highest,
            _ => T::one(),
        });
        for (k, &i) in ins[1].get::<i32>().iter().enumerate() {
            if let Ok(i) = usize::try_from(i)
                && i < n
            {
                for (y, &x) in y[i * row..(i + 1) * row].iter_mut().zip(&x[k * row..(k + 1) * row])
                {
                    #[allow(clippy::eq_op)]
                    let nan = x != x;
                    *y = match self.f {
                        ReduceFn::Max if x > *y || nan => x,
                        ReduceFn::Min if x < *y || nan => x,
                        ReduceFn::Max | ReduceFn::Min => *y,
                        _ => *y * x,
                    };
                }
            }
        }
    }
}

impl Primitive for ScatterReduce {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("scatter_reduce", ins, 2)?;
        let n = ins[1].rank();
        let lead = ins[0].rank() >= n && Spec::new(DType::I32, &ins[0].dims[..n]).agrees(&ins[1]);
        if !lead || ins[0].dtype == DType::Bool || self.f == ReduceFn::Sum {
            return Err(ShapeError::new(
                "scatter_reduce",
                "numbers whose leading dims are those of an i32 index are needed",
                ins,
            ));
        }
        let mut dims = vec![self.rows];
        dims.extend(&ins[0].dims[n..]);
        Ok(vec![Spec::new(ins[0].dtype, dims)])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let (x, index, y, d) = (at.ins[0], at.ins[1], at.outs[0], at.grad());
        if !x.dtype().is_float() {
            return vec![None, None];
        }
        let back = d.gather(index);
        vec![
            Some(match self.f {
                ReduceFn::Max | ReduceFn::Min => {
                    // Shared by the rows that reach the extreme, as JAX shares it.
                    let there = x.eq(y.gather(index)).cast(x.dtype());
                    let n = d.builder().apply1(ScatterAdd { rows: self.rows }, &[there, index]);
                    back * there / n.gather(index).maximum(1.0)
                }
                _ => back * y.gather(index) / x,
            }),
            None,
        ]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        match ins[0].dtype() {
            DType::F32 => self.run(ins, out, f32::NEG_INFINITY, f32::INFINITY),
            DType::F64 => self.run(ins, out, f64::NEG_INFINITY, f64::INFINITY),
            DType::I32 => self.run(ins, out, i32::MIN, i32::MAX),
            _ => self.run(ins, out, i64::MIN, i64::MAX),
        }
    }

    fn samples() -> Vec<Sample<Self>> {
        let index = || Tensor::new(&[5], vec![2i32, 0, -1, 2, 1]);
        [ReduceFn::Prod, ReduceFn::Max, ReduceFn::Min]
            .iter()
            .map(|&f| {
                Sample::new(
                    ScatterReduce { f, rows: Some(3) },
                    vec![sample_numbers(&[5, 2], 311), index()],
                )
            })
            .collect()
    }
}
