//! Sums, products and extremes of f32 over axes, without memory of their own.

use crate::call::Call;
use crate::kernel::{Kernel, Request};
use crate::kernels::tier::by_tier;
use cornu_ir::Op;
use cornu_ir::ops::ReduceFn;

/// Partial results side by side in a row: a row's result depends on the row alone.
const LANES: usize = 16;
/// Axes that a reduction can have after neighbours of one kind are joined.
const MOST_AXES: usize = 8;

/// A reduction of f32.
#[derive(Clone, Debug)]
pub(crate) struct ReduceKernel {
    f: ReduceFn,
    /// Axes with whether they are gathered over, neighbours of one kind joined; the last is at the
    /// end.
    axes: Vec<(usize, bool)>,
}

impl Kernel for ReduceKernel {
    fn choose(request: &Request<'_>) -> Option<Self> {
        let Op::Reduce(op) = request.op() else { return None };
        if !request.is_f32() {
            return None;
        }
        let x = request.in_shape(0);
        let mut axes: Vec<(usize, bool)> = Vec::new();
        for (i, &n) in x.dims.iter().enumerate().filter(|(_, n)| **n != 1) {
            let gathered = op.axes.contains(&i);
            match axes.last_mut() {
                Some((m, g)) if *g == gathered => *m *= n,
                _ => axes.push((n, gathered)),
            }
        }
        (axes.len() <= MOST_AXES).then_some(ReduceKernel { f: op.f, axes })
    }

    unsafe fn run(&self, call: &mut Call<'_>) {
        // SAFETY: `Kernel::run` asks that addresses hold values of their shapes, here of f32, and
        // that the output lies apart from the input.
        let (x, out) = unsafe {
            (
                std::slice::from_raw_parts(call.in_address(0).cast::<f32>(), call.in_shape(0).n),
                std::slice::from_raw_parts_mut(
                    call.out_address(0).cast::<f32>(),
                    call.out_shape(0).n,
                ),
            )
        };
        match self.f {
            ReduceFn::Sum => sum(&self.axes, x, out),
            ReduceFn::Max => max(&self.axes, x, out),
            ReduceFn::Min => min(&self.axes, x, out),
            ReduceFn::Prod => prod(&self.axes, x, out),
        }
    }
}

by_tier! {
    fn sum(axes: &[(usize, bool)], x: &[f32], out: &mut [f32]) {
        reduce(axes, x, out, 0.0, |a, b| a + b)
    }
    fn prod(axes: &[(usize, bool)], x: &[f32], out: &mut [f32]) {
        reduce(axes, x, out, 1.0, |a, b| a * b)
    }
    fn max(axes: &[(usize, bool)], x: &[f32], out: &mut [f32]) {
        let larger = |a: f32, b: f32| if b > a || b.is_nan() { b } else { a };
        reduce(axes, x, out, f32::NEG_INFINITY, larger)
    }
    fn min(axes: &[(usize, bool)], x: &[f32], out: &mut [f32]) {
        let smaller = |a: f32, b: f32| if b < a || b.is_nan() { b } else { a };
        reduce(axes, x, out, f32::INFINITY, smaller)
    }
}

#[inline(always)]
fn reduce(
    axes: &[(usize, bool)],
    x: &[f32],
    out: &mut [f32],
    start: f32,
    join: impl Fn(f32, f32) -> f32 + Copy,
) {
    out.fill(start);
    match *axes {
        [] => out.iter_mut().zip(x).for_each(|(o, &x)| *o = join(*o, x)),
        [(n, true)] => out[0] = fold(&x[..n], start, join),
        [(_, false), (n, true)] if n > 0 => {
            x.chunks_exact(n).zip(out).for_each(|(row, o)| *o = fold(row, start, join))
        }
        [.., (n, last)] if n > 0 => walk(axes, x, out, n, last, start, join),
        _ => {}
    }
}

/// Row after row of the last axis, each joined to its place in the result.
#[inline(always)]
fn walk(
    axes: &[(usize, bool)],
    x: &[f32],
    out: &mut [f32],
    n: usize,
    last: bool,
    start: f32,
    join: impl Fn(f32, f32) -> f32 + Copy,
) {
    let rank = axes.len();
    let mut steps = [0usize; MOST_AXES];
    let mut size = if last { 1 } else { n };
    for i in (0..rank - 1).rev() {
        if !axes[i].1 {
            steps[i] = size;
            size *= axes[i].0;
        }
    }
    let mut index = [0usize; MOST_AXES];
    let mut at = 0;
    for row in x.chunks_exact(n) {
        if last {
            out[at] = join(out[at], fold(row, start, join));
        } else {
            out[at..at + n].iter_mut().zip(row).for_each(|(o, &x)| *o = join(*o, x));
        }
        for axis in (0..rank - 1).rev() {
            index[axis] += 1;
            at += steps[axis];
            if index[axis] < axes[axis].0 {
                break;
            }
            at -= steps[axis] * axes[axis].0;
            index[axis] = 0;
        }
    }
}

/// The elements of a row joined: lanes side by side, then the lanes in pairs.
#[inline(always)]
fn fold(row: &[f32], start: f32, join: impl Fn(f32, f32) -> f32 + Copy) -> f32 {
    let mut lanes = [start; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    for part in whole {
        for i in 0..LANES {
            lanes[i] = join(lanes[i], part[i]);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = join(*lane, x);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = join(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}
