//! Packed rows: the timesteps of several sequences, longest sequence first, step after step,
//! without padding.
//!
//! `batch_sizes: i32 (T)` tells how many sequences are alive at each step; it never rises. The rows
//! of step `t` stand after those of the steps before it, in the order of the sequences, so the rows
//! of a step are a prefix of the batch. A dense batch is the case in which every entry is `B`. A
//! buffer may hold more rows than are alive; the rest is left alone.

use crate::op::count;
use crate::ops::unary::round_even;
use crate::spec::{DType, Dim, ShapeError, Spec};

/// The rows of one timestep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// First row.
    pub start: usize,
    /// Live sequences.
    pub live: usize,
}

/// The steps that have live rows.
pub fn steps(batch_sizes: &[i32]) -> impl DoubleEndedIterator<Item = Step> + Clone + '_ {
    let mut start = 0;
    let ends: Vec<Step> = batch_sizes
        .iter()
        .map(|&n| {
            let step = Step { start, live: n.max(0) as usize };
            start += step.live;
            step
        })
        .take_while(|s| s.live > 0)
        .collect();
    ends.into_iter()
}

/// `y[i, :] += x[i, :] W` for rows of `k` and `n` numbers.
pub(super) fn add_product<T: crate::ops::unary::Real>(
    y: &mut [T],
    x: &[T],
    w: &[T],
    k: usize,
    n: usize,
) {
    for (y, x) in y.chunks_exact_mut(n).zip(x.chunks_exact(k)) {
        for (l, &xl) in x.iter().enumerate() {
            for (y, &w) in y.iter_mut().zip(&w[l * n..(l + 1) * n]) {
                *y = *y + xl * w;
            }
        }
    }
}

/// The same with rows of x and columns of W rounded to integers of eight bits by their largest
/// magnitude.
pub(super) fn add_product_int8<T: crate::ops::unary::Real>(
    y: &mut [T],
    x: &[T],
    w: &[T],
    k: usize,
    n: usize,
) {
    let scale = |most: T| T::lit(127.0) / (most + T::lit(1e-7));
    let most = |values: &mut dyn Iterator<Item = &T>| values.fold(T::zero(), |m, v| m.max(v.abs()));
    let columns: Vec<T> = (0..n).map(|j| scale(most(&mut w.iter().skip(j).step_by(n)))).collect();
    for (y, x) in y.chunks_exact_mut(n).zip(x.chunks_exact(k)) {
        let row = scale(most(&mut x.iter()));
        for j in 0..n {
            let sum = (0..k).fold(T::zero(), |s, l| {
                s + round_even(x[l] * row) * round_even(w[l * n + j] * columns[j])
            });
            y[j] = y[j] + sum / (row * columns[j]);
        }
    }
}

/// `x[i, :] += d[i, :] Wᵀ` and `W += xᵀ d` are the two halves of the gradient of `x W`: this is the
/// first.
pub(super) fn add_product_transposed<T: crate::ops::unary::Real>(
    dx: &mut [T],
    d: &[T],
    w: &[T],
    k: usize,
    n: usize,
) {
    for (dx, d) in dx.chunks_exact_mut(k).zip(d.chunks_exact(n)) {
        for (l, dx) in dx.iter_mut().enumerate() {
            *dx =
                *dx + d.iter().zip(&w[l * n..(l + 1) * n]).fold(T::zero(), |s, (&d, &w)| s + d * w);
        }
    }
}

/// The second half: `dW += xᵀ d`.
pub(super) fn add_outer<T: crate::ops::unary::Real>(
    dw: &mut [T],
    x: &[T],
    d: &[T],
    k: usize,
    n: usize,
) {
    for (x, d) in x.chunks_exact(k).zip(d.chunks_exact(n)) {
        for (l, &xl) in x.iter().enumerate() {
            for (w, &d) in dw[l * n..(l + 1) * n].iter_mut().zip(d) {
                *w = *w + xl * d;
            }
        }
    }
}

/// `y[g] += (x ∘ m[g]) W[:, g]` for a row x of U numbers and the gates g of U columns each.
pub(super) fn add_masked_product<T: crate::ops::unary::Real>(
    y: &mut [T],
    x: &[T],
    m: &[T],
    w: &[T],
) {
    let (u, n) = (x.len(), y.len());
    for (j, y) in y.iter_mut().enumerate() {
        let m = &m[j / u * u..];
        *y = (0..u).fold(*y, |s, l| s + x[l] * m[l] * w[l * n + j]);
    }
}

/// The gradients of [`add_masked_product`] by x and W.
pub(super) fn add_masked_gradients<T: crate::ops::unary::Real>(
    dx: &mut [T],
    dw: &mut [T],
    x: &[T],
    d: &[T],
    m: &[T],
    w: &[T],
) {
    let (u, n) = (x.len(), d.len());
    for l in 0..u {
        for (j, &d) in d.iter().enumerate() {
            let m = m[j / u * u + l];
            dx[l] = dx[l] + d * w[l * n + j] * m;
            dw[l * n + j] = dw[l * n + j] + x[l] * m * d;
        }
    }
}

/// Checks inputs by name and expected dims, in order.
pub(super) fn expect(
    op: &str,
    ins: &[Spec],
    want: &[(&str, DType, Vec<Dim>)],
) -> Result<(), ShapeError> {
    super::expect_inputs(op, ins, want.len())?;
    for (s, (name, dtype, dims)) in ins.iter().zip(want) {
        let spec = Spec::new(*dtype, dims.clone());
        if !s.agrees(&spec) {
            return Err(ShapeError::new(op, format!("`{name}` must be {spec}"), ins));
        }
    }
    Ok(())
}

/// Operations of floating point of a cell, whose inputs begin with packed rows: each row times
/// every matrix that has no row for each of them.
pub(super) fn flops_of_cell(ins: &[&Spec]) -> f64 {
    let rows = ins[0].dims[0];
    let is_matrix = |s: &&&Spec| s.rank() == 2 && s.dims[0] != rows;
    2.0 * rows.unwrap_or(0) as f64
        * ins[1..].iter().filter(is_matrix).map(|s| count(s)).sum::<f64>()
}

/// Operations of floating point of a cell's two products: rows (N, F) by the kernel, and states by
/// the recurrent kernel.
pub(super) fn product_flops_of_cell(ins: &[&Spec]) -> [f64; 2] {
    let rows = ins[0].dims[0].unwrap_or(0) as f64;
    [2.0 * rows * count(ins[1]), 2.0 * rows * count(ins[2])]
}

/// Operations of floating point of the products of a cell's gradient. The gradient of the rows, the
/// first output, is taken only where something reads it.
pub(super) fn product_flops_of_gradient(ins: &[&Spec], read: &[bool]) -> f64 {
    let [inputs, states] = product_flops_of_cell(ins);
    let n_of_inputs = if read[0] { 2.0 } else { 1.0 };
    n_of_inputs * inputs + 2.0 * states
}

/// Bytes of a cell's recurrent kernel: what a timestep reads.
pub(super) fn step_bytes_of_cell(ins: &[&Spec]) -> usize {
    ins[2].n_elements().unwrap_or(0) * ins[2].dtype.size_bytes()
}
