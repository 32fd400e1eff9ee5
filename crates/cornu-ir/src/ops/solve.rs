//! Systems of linear equations and determinants, by elimination with the largest element of each
//! column.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::ops::Iota;
use crate::ops::unary::Real;
use crate::spec::{DType, ShapeError, Spec};
use crate::tensor::{Tensor, View, ViewMut};
use crate::var::Var;
use crate::with_float;

/// The solution of `a x = b`. Inputs: a (…, N, N), b (…, N, K).
#[derive(Clone, Debug, PartialEq)]
pub struct LinearSolve;

/// Sign and logarithm of the absolute value of the determinant of (…, N, N).
#[derive(Clone, Debug, PartialEq)]
pub struct Determinant;

/// Fails unless the first input holds square matrices of floats.
pub(super) fn expect_square(op: &str, ins: &[Spec]) -> Result<(), ShapeError> {
    let square = |d: &[Option<usize>]| {
        d.len() >= 2
            && (d[d.len() - 1] == d[d.len() - 2]
                || d[d.len() - 1].is_none()
                || d[d.len() - 2].is_none())
    };
    if ins[0].dtype.is_float() && square(&ins[0].dims) {
        Ok(())
    } else {
        Err(ShapeError::new(op, "square matrices of floats are needed", ins))
    }
}

/// 1 on the diagonal of `n` rows, 0 elsewhere, stretched to dims.
pub(super) fn identity<'g>(like: Var<'g>) -> Var<'g> {
    let dims = like.dims();
    let last = &dims[dims.len() - 2..];
    let count =
        |axis| like.builder().apply1(Iota { dtype: DType::I32, dims: last.to_vec(), axis }, &[]);
    count(0).eq(count(1)).cast(like.dtype()).broadcast_to(&dims)
}

/// Brings `a` (n, n) to a triangle, doing the same to the rows of `b` (n, k); returns the sign of
/// the exchanges of rows.
fn eliminate(a: &mut [f64], b: &mut [f64], n: usize, k: usize) -> f64 {
    let mut sign = 1.0;
    for c in 0..n {
        let best =
            (c..n).max_by(|&i, &j| a[i * n + c].abs().total_cmp(&a[j * n + c].abs())).unwrap_or(c);
        if best != c {
            sign = -sign;
            (0..n).for_each(|j| a.swap(c * n + j, best * n + j));
            (0..k).for_each(|j| b.swap(c * k + j, best * k + j));
        }
        for r in c + 1..n {
            let factor = a[r * n + c] / a[c * n + c];
            if factor != 0.0 {
                (c..n).for_each(|j| a[r * n + j] -= factor * a[c * n + j]);
                (0..k).for_each(|j| b[r * k + j] -= factor * b[c * k + j]);
            }
        }
    }
    sign
}

pub(super) fn wide<T: Real>(x: &[T]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64().unwrap_or(f64::NAN)).collect()
}

impl Primitive for LinearSolve {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("linear_solve", ins, 2)?;
        expect_square("linear_solve", ins)?;
        let (a, b) = (&ins[0], &ins[1]);
        let r = a.rank();
        if b.rank() != r
            || !Spec::new(a.dtype, &a.dims[..r - 1]).agrees(&Spec::new(b.dtype, &b.dims[..r - 1]))
        {
            return Err(ShapeError::new(
                "linear_solve",
                "the right side must have as many rows, and equal leading dims",
                ins,
            ));
        }
        Ok(vec![b.clone()])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let (a, x, d) = (at.ins[0], at.outs[0], at.grad());
        let db = d.builder().apply1(LinearSolve, &[a.swap_axes(-1, -2), d]);
        vec![Some(-db.matmul_with(x, false, true)), Some(db)]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let n = ins[0].dims[ins[0].dims.len() - 1];
        let k = ins[1].dims[ins[1].dims.len() - 1];
        if n * k == 0 {
            return;
        }
        with_float!(ins[0].dtype(), T => {
            for ((a, b), x) in ins[0]
                .get::<T>()
                .chunks_exact(n * n)
                .zip(ins[1].get::<T>().chunks_exact(n * k))
                .zip(out.get::<T>().chunks_exact_mut(n * k))
            {
                let (mut a, mut b) = (wide(a), wide(b));
                eliminate(&mut a, &mut b, n, k);
                for r in (0..n).rev() {
                    for j in 0..k {
                        let known: f64 = (r + 1..n).map(|c| a[r * n + c] * b[c * k + j]).sum();
                        b[r * k + j] = (b[r * k + j] - known) / a[r * n + r];
                    }
                }
                x.iter_mut().zip(b).for_each(|(x, b)| *x = T::lit(b));
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![Sample::new(
            LinearSolve,
            vec![far_from_singular(&[2, 3, 3], 321), sample_numbers(&[2, 3, 2], 322)],
        )]
    }
}

impl Primitive for Determinant {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("determinant", ins, 1)?;
        expect_square("determinant", ins)?;
        let y = Spec::new(ins[0].dtype, &ins[0].dims[..ins[0].rank() - 2]);
        Ok(vec![y.clone(), y])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let Some(d) = at.grads[1] else { return vec![None] };
        let a = at.ins[0];
        let inverse = d.builder().apply1(LinearSolve, &[a.swap_axes(-1, -2), identity(a)]);
        vec![Some(inverse * d.expand_dims(-1).expand_dims(-1))]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let n = ins[0].dims[ins[0].dims.len() - 1];
        let (sign, log) = outs.split_at_mut(1);
        with_float!(ins[0].dtype(), T => {
            for (i, a) in ins[0].get::<T>().chunks_exact((n * n).max(1)).enumerate() {
                let mut a = wide(a);
                let mut s = eliminate(&mut a, &mut [], n, 0);
                let mut l = 0.0;
                for c in 0..n {
                    let pivot = a[c * n + c];
                    s *= if pivot == 0.0 { 0.0 } else { pivot.signum() };
                    l += pivot.abs().ln();
                }
                // A column without a pivot leaves what is not a number behind it.
                let singular = s == 0.0 || (0..n).any(|c| a[c * n + c] == 0.0);
                if let Some(o) = &mut sign[0] {
                    o.get::<T>()[i] = T::lit(if singular { 0.0 } else { s });
                }
                if let Some(o) = &mut log[0] {
                    o.get::<T>()[i] = T::lit(if singular { f64::NEG_INFINITY } else { l });
                }
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![Sample::new(Determinant, vec![far_from_singular(&[2, 3, 3], 323)])]
    }

    fn n_outputs(&self) -> usize {
        2
    }
}

/// Matrices whose diagonal outweighs the rest.
pub(super) fn far_from_singular(dims: &[usize], seed: u64) -> Tensor {
    let n = dims[dims.len() - 1];
    let v = sample_numbers(dims, seed).to_f64();
    Tensor::new(
        dims,
        v.iter().enumerate().map(|(i, x)| x + if i / n % n == i % n { 4.0 } else { 0.0 }).collect(),
    )
}
