//! Sorting along the last axis.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{DType, Dim, ShapeError, Spec, product};
use crate::tensor::{View, ViewMut};
use crate::var::Var;
use crate::with_type;
use std::cmp::Ordering;

/// Sorts along the last axis. Outputs: sorted values; the i32 index each had. Stable; NaN goes
/// last.
#[derive(Clone, Debug, PartialEq)]
pub struct Sort {
    /// Largest first.
    pub descending: bool,
}

impl Primitive for Sort {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("sort", ins, 1)?;
        if ins[0].rank() == 0 {
            return Err(ShapeError::new("sort", "an axis is needed", ins));
        }
        Ok(vec![ins[0].clone(), Spec::new(DType::I32, ins[0].dims.clone())])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        // The gradient goes back to where each element came from: a scatter over the flattened
        // rows.
        let Some(d) = at.grads[0] else { return vec![None] };
        let b = d.builder();
        let dims = at.ins[0].dims();
        let n = dims[dims.len() - 1];
        let rows: Dim = product(&dims[..dims.len() - 1]);
        let first = b
            .apply1(crate::ops::Iota { dtype: DType::I32, dims: vec![rows, n], axis: 0 }, &[])
            * n.unwrap_or(1) as f64;
        let flat = (at.outs[1].reshape(&[rows, n]) + first).reshape(&[product(&dims)]);
        let total = product(&dims);
        let back = b.apply1(crate::ops::ScatterAdd { rows: total }, &[d.reshape(&[total]), flat]);
        vec![Some(back.reshape(&dims))]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let n = ins[0].dims[ins[0].dims.len() - 1];
        let (values, index) = outs.split_at_mut(1);
        if n == 0 {
            return;
        }
        with_type!(ins[0].dtype(), T => {
            for (r, x) in ins[0].get::<T>().chunks_exact(n).enumerate() {
                let mut order: Vec<usize> = (0..n).collect();
                order.sort_by(|&i, &j| {
                    let (a, b) = if self.descending { (x[j], x[i]) } else { (x[i], x[j]) };
                    a.partial_cmp(&b).unwrap_or_else(|| {
                        #[allow(clippy::eq_op)]
                        let nan = |k: usize| x[k] != x[k];
                        match (nan(i), nan(j)) {
                            (true, false) => Ordering::Greater,
                            (false, true) => Ordering::Less,
                            _ => Ordering::Equal,
                        }
                    })
                });
                if let Some(v) = &mut values[0] {
                    v.get::<T>()[r * n..].iter_mut().zip(&order).for_each(|(o, &i)| *o = x[i]);
                }
                if let Some(v) = &mut index[0] {
                    v.get::<i32>()[r * n..]
                        .iter_mut()
                        .zip(&order)
                        .for_each(|(o, &i)| *o = i as i32);
                }
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        [false, true]
            .map(|descending| Sample::new(Sort { descending }, vec![sample_numbers(&[3, 5], 161)]))
            .into()
    }

    fn n_outputs(&self) -> usize {
        2
    }
}
