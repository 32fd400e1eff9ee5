//! Formulas on [`Var`] along axes: sums, extremes, running sums, order.

use super::axis_of;
use crate::ops::{ArgReduce, Cumulative, Reduce, ReduceFn, Sort};
use crate::spec::Dim;
use crate::var::Var;

impl<'g> Var<'g> {
    fn reduce(self, f: ReduceFn, axes: &[isize], keep: bool) -> Var<'g> {
        let rank = self.rank();
        let mut axes: Vec<usize> = axes.iter().map(|&a| axis_of(a, rank)).collect();
        axes.sort_unstable();
        axes.dedup();
        if axes.is_empty() {
            return self;
        }
        let y = self.builder().apply1(Reduce { f, axes: axes.clone() }, &[self]);
        if !keep {
            return y;
        }
        let dims: Vec<Dim> = self
            .dims()
            .into_iter()
            .enumerate()
            .map(|(i, d)| if axes.contains(&i) { Some(1) } else { d })
            .collect();
        y.reshape(&dims)
    }

    /// Sum over axes.
    pub fn sum(self, axes: &[isize], keep: bool) -> Var<'g> {
        self.reduce(ReduceFn::Sum, axes, keep)
    }

    /// Product over axes.
    pub fn prod(self, axes: &[isize], keep: bool) -> Var<'g> {
        self.reduce(ReduceFn::Prod, axes, keep)
    }

    /// Largest over axes.
    pub fn max(self, axes: &[isize], keep: bool) -> Var<'g> {
        self.reduce(ReduceFn::Max, axes, keep)
    }

    /// Smallest over axes.
    pub fn min(self, axes: &[isize], keep: bool) -> Var<'g> {
        self.reduce(ReduceFn::Min, axes, keep)
    }

    /// Whether any is true, over axes.
    pub fn any(self, axes: &[isize], keep: bool) -> Var<'g> {
        self.reduce(ReduceFn::Max, axes, keep)
    }

    /// Whether all are true, over axes.
    pub fn all(self, axes: &[isize], keep: bool) -> Var<'g> {
        self.reduce(ReduceFn::Min, axes, keep)
    }

    /// Number of elements along axes; an unknown dim counts 1, as a placeholder of the symbolic
    /// stage.
    pub fn count(self, axes: &[isize]) -> f64 {
        let dims = self.dims();
        axes.iter()
            .map(|&a| dims.get(axis_of(a, dims.len())).copied().flatten().unwrap_or(1) as f64)
            .product()
    }

    /// Mean over axes.
    pub fn mean(self, axes: &[isize], keep: bool) -> Var<'g> {
        self.sum(axes, keep) / self.count(axes)
    }

    /// All axes of the value.
    pub fn all_axes(self) -> Vec<isize> {
        (0..self.rank() as isize).collect()
    }

    /// Sum of all elements.
    pub fn sum_all(self) -> Var<'g> {
        self.sum(&self.all_axes(), false)
    }

    /// Index of the largest along an axis, i32; the first of equals.
    pub fn argmax(self, axis: isize) -> Var<'g> {
        let axis = axis_of(axis, self.rank());
        self.builder().apply1(ArgReduce { max: true, axis }, &[self])
    }

    /// Index of the smallest along an axis, i32; the first of equals.
    pub fn argmin(self, axis: isize) -> Var<'g> {
        let axis = axis_of(axis, self.rank());
        self.builder().apply1(ArgReduce { max: false, axis }, &[self])
    }

    /// Running sum along an axis.
    pub fn cumsum(self, axis: isize, reverse: bool) -> Var<'g> {
        let axis = axis_of(axis, self.rank());
        self.builder().apply1(Cumulative { f: ReduceFn::Sum, axis, reverse }, &[self])
    }

    /// Sorted along the last axis, with the i32 index each element had; equal elements keep their
    /// order.
    pub fn sort_last(self, descending: bool) -> (Var<'g>, Var<'g>) {
        let o = self.builder().apply(Sort { descending }, &[self]);
        if o.len() == 2 { (o[0], o[1]) } else { (self, self) }
    }
}
