//! Matrices in factors: the triangle whose square is the matrix, and the directions that the matrix
//! only stretches.

use super::expect_inputs;
use super::solve::{expect_square, far_from_singular, identity, wide};
use crate::op::{At, Primitive, Sample};
use crate::ops::unary::Real;
use crate::ops::{Iota, LinearSolve};
use crate::spec::{DType, ShapeError, Spec};
use crate::tensor::{View, ViewMut};
use crate::var::Var;
use crate::with_float;

/// The lower triangle L with L Lᵀ = a, of symmetric positive definite (…, N, N); its mean with its
/// transpose is taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Cholesky;

/// Eigenvalues (…, N), rising, and eigenvectors (…, N, N), a column each, of symmetric matrices;
/// the mean with the transpose is taken. Of the two directions of a vector the one whose largest
/// element is positive.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigen;

/// The element at or below the diagonal; half of it on the diagonal where `halved`.
fn lower<'g>(x: Var<'g>, halved: bool) -> Var<'g> {
    let dims = x.dims();
    let last = &dims[dims.len() - 2..];
    let count =
        |axis| x.builder().apply1(Iota { dtype: DType::I32, dims: last.to_vec(), axis }, &[]);
    let (row, column) = (count(0), count(1));
    let y = row.ge(column).select(x, 0.0);
    if halved { y - row.eq(column).select(x * 0.5, 0.0) } else { y }
}

fn symmetric(x: Var<'_>) -> Var<'_> {
    (x + x.swap_axes(-1, -2)) * 0.5
}

impl Primitive for Cholesky {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("cholesky", ins, 1)?;
        expect_square("cholesky", ins)?;
        Ok(vec![ins[0].clone()])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let (l, d) = (at.outs[0], at.grad());
        let upper = l.swap_axes(-1, -2);
        let inner = lower(l.matmul_with(lower(d, false), true, false), true);
        // L⁻ᵀ inner L⁻¹, where x L⁻¹ = (L⁻ᵀ xᵀ)ᵀ.
        let solve = |b: Var<'g>| b.builder().apply1(LinearSolve, &[upper, b]);
        vec![Some(symmetric(solve(solve(inner).swap_axes(-1, -2)).swap_axes(-1, -2)))]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let n = ins[0].dims[ins[0].dims.len() - 1];
        if n == 0 {
            return;
        }
        with_float!(ins[0].dtype(), T => {
            for (a, o) in
                ins[0].get::<T>().chunks_exact(n * n).zip(out.get::<T>().chunks_exact_mut(n * n))
            {
                let a = wide(a);
                let mut l = vec![0.0; n * n];
                for i in 0..n {
                    for j in 0..=i {
                        let known: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
                        let rest = (a[i * n + j] + a[j * n + i]) / 2.0 - known;
                        l[i * n + j] = if i == j { rest.sqrt() } else { rest / l[j * n + j] };
                    }
                }
                o.iter_mut().zip(l).for_each(|(o, l)| *o = T::lit(l));
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![Sample::new(Cholesky, vec![far_from_singular(&[2, 3, 3], 331)])]
    }
}

impl Primitive for Eigen {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("eigen", ins, 1)?;
        expect_square("eigen", ins)?;
        Ok(vec![Spec::new(ins[0].dtype, &ins[0].dims[..ins[0].rank() - 1]), ins[0].clone()])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let (w, v) = (at.outs[0], at.outs[1]);
        let own = identity(v);
        let mut inner = at.grads[0].map_or(v.zeros_like(), |d| own * d.expand_dims(-1));
        if let Some(d) = at.grads[1] {
            // 1 / (w_j − w_i) off the diagonal.
            let apart = w.expand_dims(-2) - w.expand_dims(-1);
            let factor = (1.0 - own) / (apart + own);
            inner = inner + v.matmul_with(d, true, false) * factor;
        }
        vec![Some(symmetric(v.matmul(inner).matmul_with(v, false, true)))]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let n = ins[0].dims[ins[0].dims.len() - 1];
        let (values, vectors) = outs.split_at_mut(1);
        if n == 0 {
            return;
        }
        with_float!(ins[0].dtype(), T => {
            for (p, a) in ins[0].get::<T>().chunks_exact(n * n).enumerate() {
                let (w, v) = jacobi(&wide(a), n);
                if let Some(o) = &mut values[0] {
                    o.get::<T>()[p * n..(p + 1) * n]
                        .iter_mut()
                        .zip(&w)
                        .for_each(|(o, &x)| *o = T::lit(x));
                }
                if let Some(o) = &mut vectors[0] {
                    o.get::<T>()[p * n * n..(p + 1) * n * n]
                        .iter_mut()
                        .zip(&v)
                        .for_each(|(o, &x)| *o = T::lit(x));
                }
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![Sample::new(Eigen, vec![far_from_singular(&[2, 3, 3], 332)])]
    }

    fn n_outputs(&self) -> usize {
        2
    }
}

/// Values and vectors by Jacobi's turns, each of which makes one element off the diagonal 0.
fn jacobi(given: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut a: Vec<f64> = (0..n * n).map(|i| (given[i] + given[i % n * n + i / n]) / 2.0).collect();
    let mut v: Vec<f64> = (0..n * n).map(|i| if i / n == i % n { 1.0 } else { 0.0 }).collect();
    let whole: f64 = a.iter().map(|x| x * x).sum();
    for _ in 0..60 {
        let off: f64 = (0..n * n).filter(|i| i / n != i % n).map(|i| a[i] * a[i]).sum();
        if off.is_nan() || off <= whole * 1e-32 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p * n + q] == 0.0 {
                    continue;
                }
                let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * a[p * n + q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..n {
                    let (x, y) = (a[k * n + p], a[k * n + q]);
                    (a[k * n + p], a[k * n + q]) = (c * x - s * y, s * x + c * y);
                }
                for k in 0..n {
                    let (x, y) = (a[p * n + k], a[q * n + k]);
                    (a[p * n + k], a[q * n + k]) = (c * x - s * y, s * x + c * y);
                    let (x, y) = (v[k * n + p], v[k * n + q]);
                    (v[k * n + p], v[k * n + q]) = (c * x - s * y, s * x + c * y);
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[i * n + i].total_cmp(&a[j * n + j]));
    let mut vectors = vec![0.0; n * n];
    for (to, &from) in order.iter().enumerate() {
        let largest = (0..n)
            .map(|k| v[k * n + from])
            .fold(0.0f64, |m, x| if x.abs() > m.abs() { x } else { m });
        let sign = if largest < 0.0 { -1.0 } else { 1.0 };
        (0..n).for_each(|k| vectors[k * n + to] = sign * v[k * n + from]);
    }
    (order.iter().map(|&i| a[i * n + i]).collect(), vectors)
}
