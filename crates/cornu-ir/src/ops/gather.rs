//! Rows picked by index, and rows added to where an index says.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{DType, Dim, ShapeError, Spec};
use crate::tensor::{Tensor, View, ViewMut};
use crate::var::Var;
use crate::{with_float, with_type};

/// Rows of axis 0 picked by an i32 value; an index outside the rows picks zeros. Inputs: rows (R,
/// …), index (…).
#[derive(Clone, Debug, PartialEq)]
pub struct Gather;

impl Primitive for Gather {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("gather", ins, 2)?;
        if ins[0].rank() == 0 || ins[1].dtype != DType::I32 {
            return Err(ShapeError::new("gather", "rows and an i32 index are needed", ins));
        }
        Ok(vec![Spec::new(ins[0].dtype, [&ins[1].dims[..], &ins[0].dims[1..]].concat())])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let rows = at.ins[0].dim(0);
        vec![Some(at.grad().builder().apply1(ScatterAdd { rows }, &[at.grad(), at.ins[1]])), None]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let row: usize = ins[0].dims[1..].iter().product();
        let n = ins[0].dims[0];
        if row == 0 {
            return;
        }
        with_type!(ins[0].dtype(), T => {
            let x = ins[0].get::<T>();
            for (o, &i) in out.get::<T>().chunks_exact_mut(row).zip(ins[1].get::<i32>()) {
                match usize::try_from(i) {
                    Ok(i) if i < n => o.copy_from_slice(&x[i * row..(i + 1) * row]),
                    _ => o.fill(T::default()),
                }
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![
            Sample::new(
                Gather,
                vec![sample_numbers(&[4, 3], 181), Tensor::new(&[2, 2], vec![3i32, 0, -1, 3])],
            ),
            Sample::new(
                Gather,
                vec![sample_numbers(&[4], 182), Tensor::new(&[3], vec![1i32, 1, 2])],
            ),
        ]
    }
}

/// The sum of rows that share an index: the gradient of [`Gather`]. Inputs: values (index dims, …),
/// index; an index outside is left out.
#[derive(Clone, Debug, PartialEq)]
pub struct ScatterAdd {
    /// Rows of the result.
    pub rows: Dim,
}

impl Primitive for ScatterAdd {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("scatter_add", ins, 2)?;
        let n = ins[1].rank();
        let lead = ins[0].rank() >= n && Spec::new(DType::I32, &ins[0].dims[..n]).agrees(&ins[1]);
        if !lead || !ins[0].dtype.is_float() {
            return Err(ShapeError::new(
                "scatter_add",
                "float values whose leading dims are those of an i32 index are needed",
                ins,
            ));
        }
        let mut dims = vec![self.rows];
        dims.extend(&ins[0].dims[n..]);
        Ok(vec![Spec::new(ins[0].dtype, dims)])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        vec![Some(at.grad().gather(at.ins[1])), None]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let row: usize = out.dims[1..].iter().product();
        let n = out.dims[0];
        with_float!(ins[0].dtype(), T => {
            let (x, y) = (ins[0].get::<T>(), out.get::<T>());
            y.fill(0.0);
            for (k, &i) in ins[1].get::<i32>().iter().enumerate() {
                if let Ok(i) = usize::try_from(i) && i < n {
                    for j in 0..row {
                        y[i * row + j] += x[k * row + j];
                    }
                }
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![Sample::new(
            ScatterAdd { rows: Some(4) },
            vec![sample_numbers(&[2, 2, 3], 183), Tensor::new(&[2, 2], vec![3i32, 0, -1, 3])],
        )]
    }
}
