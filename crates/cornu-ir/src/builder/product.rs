//! Formulas on [`Var`] that join two values by their indices: matrix products, picked rows.

use super::broadcast_dims;
use crate::ops::{Gather, MatMul};
use crate::spec::{Dim, product};
use crate::var::Var;

impl<'g> Var<'g> {
    /// Matrix product over the last two axes; leading axes stretch to each other, a right side of
    /// rank 2 serves all.
    pub fn matmul(self, other: Var<'g>) -> Var<'g> {
        self.matmul_with(other, false, false)
    }

    /// Matrix product with either side's last two axes exchanged.
    pub fn matmul_with(self, other: Var<'g>, transpose_a: bool, transpose_b: bool) -> Var<'g> {
        let (a, b) = (self.dims(), other.dims());
        let op = MatMul { transpose_a, transpose_b };
        if a.len() > 2 && b.len() == 2 && !transpose_a {
            let rows = product(&a[..a.len() - 1]);
            let y = self.builder().apply1(op, &[self.reshape(&[rows, a[a.len() - 1]]), other]);
            let mut dims = a[..a.len() - 1].to_vec();
            dims.push(y.dim(-1));
            return y.reshape(&dims);
        }
        let (mut x, mut y) = (self, other);
        if a.len() >= 2
            && b.len() >= 2
            && a[..a.len() - 2] != b[..b.len() - 2]
            && let Some(lead) = broadcast_dims(&a[..a.len() - 2], &b[..b.len() - 2])
        {
            let full = |lead: &[Dim], own: &[Dim]| [lead, &own[own.len() - 2..]].concat();
            x = x.broadcast_to(&full(&lead, &a));
            y = y.broadcast_to(&full(&lead, &b));
        }
        self.builder().apply1(op, &[x, y])
    }

    /// Rows of axis 0 picked by an i32 value; an index of -1 picks zeros. Dims: those of the index,
    /// then the row's.
    pub fn gather(self, index: Var<'g>) -> Var<'g> {
        self.builder().apply1(Gather, &[self, index])
    }
}
