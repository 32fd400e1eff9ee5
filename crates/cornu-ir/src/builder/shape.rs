//! Formulas on [`Var`] that place elements: dims, axes, pieces.

use crate::ops::{Broadcast, Concat, Pad, Reshape, Reverse, Slice, StopGradient, Transpose};
use crate::spec::Dim;
use crate::var::Var;

/// The axis that a possibly negative number names. What is out of range stays out of range, for the
/// shape rule to name.
pub fn axis_of(axis: isize, rank: usize) -> usize {
    if axis < 0 { (axis + rank as isize).try_into().unwrap_or(usize::MAX) } else { axis as usize }
}

/// Values joined along an axis.
pub fn concat<'g>(parts: &[Var<'g>], axis: isize) -> Var<'g> {
    let first = parts[0];
    if parts.len() == 1 {
        return first;
    }
    first.builder().apply1(Concat { axis: axis_of(axis, first.rank()) }, parts)
}

/// Values of equal dims joined along a new axis.
pub fn stack<'g>(parts: &[Var<'g>], axis: isize) -> Var<'g> {
    let parts: Vec<Var<'g>> = parts.iter().map(|p| p.expand_dims(axis)).collect();
    concat(&parts, axis)
}

impl<'g> Var<'g> {
    /// One dim; negative axes count from the end.
    pub fn dim(self, axis: isize) -> Dim {
        let dims = self.dims();
        dims.get(axis_of(axis, dims.len())).copied().flatten()
    }

    /// Stretched to dims (rules of numpy).
    pub fn broadcast_to(self, dims: &[Dim]) -> Var<'g> {
        let own = self.dims();
        if own == dims && own.iter().all(Option::is_some) {
            return self;
        }
        self.builder().apply1(Broadcast { dims: dims.to_vec() }, &[self])
    }

    /// The same elements under other dims.
    pub fn reshape(self, dims: &[Dim]) -> Var<'g> {
        if self.dims() == dims && dims.iter().all(Option::is_some) {
            return self;
        }
        self.builder().apply1(Reshape { dims: dims.to_vec() }, &[self])
    }

    /// A dim of 1 put in before `axis` of the result.
    pub fn expand_dims(self, axis: isize) -> Var<'g> {
        let mut dims = self.dims();
        dims.insert(axis_of(axis, dims.len() + 1).min(dims.len()), Some(1));
        self.reshape(&dims)
    }

    /// A dim of 1 taken out.
    pub fn squeeze(self, axis: isize) -> Var<'g> {
        let mut dims = self.dims();
        let axis = axis_of(axis, dims.len());
        if axis < dims.len() {
            dims.remove(axis);
        }
        self.reshape(&dims)
    }

    /// Axes in another order: axis `i` of the result is axis `perm[i]` of the value.
    pub fn transpose(self, perm: &[usize]) -> Var<'g> {
        if perm.iter().enumerate().all(|(i, &p)| i == p) {
            return self;
        }
        self.builder().apply1(Transpose { perm: perm.to_vec() }, &[self])
    }

    /// Two axes exchanged.
    pub fn swap_axes(self, a: isize, b: isize) -> Var<'g> {
        let rank = self.rank();
        let mut perm: Vec<usize> = (0..rank).collect();
        perm.swap(axis_of(a, rank), axis_of(b, rank));
        self.transpose(&perm)
    }

    /// Elements `start..end` of one axis, every `step`-th.
    pub fn slice_step(self, axis: isize, start: usize, end: Dim, step: usize) -> Var<'g> {
        let axis = axis_of(axis, self.rank());
        self.builder().apply1(Slice { axis, start, end, step }, &[self])
    }

    /// Elements `start..end` of one axis.
    pub fn slice(self, axis: isize, start: usize, end: usize) -> Var<'g> {
        self.slice_step(axis, start, Some(end), 1)
    }

    /// Element `i` of one axis, which disappears.
    pub fn index(self, axis: isize, i: usize) -> Var<'g> {
        let axis = axis_of(axis, self.rank()) as isize;
        self.slice(axis, i, i + 1).squeeze(axis)
    }

    /// An axis backwards.
    pub fn reverse(self, axis: isize) -> Var<'g> {
        let axis = axis_of(axis, self.rank());
        self.builder().apply1(Reverse { axis }, &[self])
    }

    /// `low` and `high` elements of `value` put around an axis.
    pub fn pad(self, axis: isize, low: usize, high: usize, value: f64) -> Var<'g> {
        if low == 0 && high == 0 {
            return self;
        }
        let axis = axis_of(axis, self.rank());
        self.builder().apply1(Pad { axis, low, high, interior: 0, value }, &[self])
    }

    /// Passes the value on but no gradient.
    pub fn stop_gradient(self) -> Var<'g> {
        self.builder().apply1(StopGradient, &[self])
    }

    /// Zeros like the value.
    pub fn zeros_like(self) -> Var<'g> {
        self.builder().full(self.dtype(), &self.dims(), 0.0)
    }

    /// Ones like the value.
    pub fn ones_like(self) -> Var<'g> {
        self.builder().full(self.dtype(), &self.dims(), 1.0)
    }
}
