//! What moves elements without looking at them: transpose, slice, reverse, broadcast, windows, pad.

use super::scalar::scalar_bytes;
use crate::call::{Call, Shape};
use crate::kernel::{Kernel, Request};
use cornu_ir::Op;
use cornu_ir::strided::strides;

/// Axes that a walk can have after neighbours that move together are joined.
const MOST_AXES: usize = 8;
/// Side of the square blocks in which two axes are exchanged.
const BLOCK: usize = 16;

/// A walk over one side while the other lies in order, axes joined where they can be.
#[derive(Clone, Debug)]
pub(crate) struct StridedKernel {
    /// The walked side is written (pad), else read.
    writes: bool,
    dims: Vec<usize>,
    steps: Vec<isize>,
    offset: isize,
    item: usize,
    /// What the result is filled with first.
    fill: Option<[u8; 8]>,
}

impl StridedKernel {
    /// The walk of an operation, if it is one of these and has few enough axes.
    fn new(op: &Op, x: &Shape, out: &Shape) -> Option<StridedKernel> {
        let own: Vec<isize> = strides(&x.dims).iter().map(|&s| s as isize).collect();
        let read = |dims: &[usize], steps: Vec<isize>, offset| {
            Some(StridedKernel::joined(false, dims, steps, offset, x, None))
        };
        let walk = match op {
            Op::Transpose(t) => read(&out.dims, t.perm.iter().map(|&p| own[p]).collect(), 0),
            Op::Slice(s) => {
                let mut steps = own.clone();
                steps[s.axis] *= s.step as isize;
                read(&out.dims, steps, own[s.axis] * s.start as isize)
            }
            Op::Reverse(r) => {
                let mut steps = own.clone();
                steps[r.axis] = -steps[r.axis];
                read(&out.dims, steps, own[r.axis] * (x.dims[r.axis] as isize - 1))
            }
            Op::Broadcast(_) => {
                let lead = out.dims.len() - x.dims.len();
                let step =
                    |i: usize| if i < lead || x.dims[i - lead] == 1 { 0 } else { own[i - lead] };
                read(&out.dims, (0..out.dims.len()).map(step).collect(), 0)
            }
            Op::Windows(w) => {
                let mut steps = own.clone();
                steps[w.axis] = own[w.axis] * w.stride as isize;
                steps.insert(w.axis + 1, own[w.axis] * w.dilation as isize);
                read(&out.dims, steps, 0)
            }
            Op::Pad(p) => {
                let mut steps: Vec<isize> =
                    strides(&out.dims).iter().map(|&s| s as isize).collect();
                let offset = steps[p.axis] * p.low as isize;
                steps[p.axis] *= p.interior as isize + 1;
                let fill = scalar_bytes(x.dtype, p.value);
                Some(StridedKernel::joined(true, &x.dims, steps, offset, x, Some(fill)))
            }
            _ => None,
        };
        walk.filter(|w| w.dims.len() <= MOST_AXES)
    }

    /// Leaves out axes of 1 and joins neighbours of which the outer moves as far as the whole
    /// inner.
    fn joined(
        writes: bool,
        dims: &[usize],
        steps: Vec<isize>,
        offset: isize,
        x: &Shape,
        fill: Option<[u8; 8]>,
    ) -> StridedKernel {
        let (mut d, mut s): (Vec<usize>, Vec<isize>) = (Vec::new(), Vec::new());
        for (&n, &step) in dims.iter().zip(&steps).filter(|(n, _)| **n != 1) {
            match (d.last_mut(), s.last_mut()) {
                (Some(outer), Some(last)) if *last == step * n as isize => {
                    (*outer, *last) = (*outer * n, step)
                }
                _ => {
                    d.push(n);
                    s.push(step);
                }
            }
        }
        if d.is_empty() {
            (d, s) = (vec![1], vec![1]);
        }
        StridedKernel { writes, dims: d, steps: s, offset, item: x.dtype.size_bytes(), fill }
    }

    /// Moves the elements, T having their size.
    ///
    /// # Safety
    /// `x` holds the input's elements and `out` is writable for the output's `n_out`, apart from
    /// each other, both of T's size and aligned for it.
    unsafe fn walk<T: Copy>(&self, x: *const u8, out: *mut u8, n_out: usize) {
        let (x, out) = (x.cast::<T>(), out.cast::<T>());
        if let Some(fill) = self.fill {
            // SAFETY: the first bytes of `fill` are an element; the output is n_out elements.
            unsafe {
                std::slice::from_raw_parts_mut(out, n_out)
                    .fill(fill.as_ptr().cast::<T>().read_unaligned())
            }
        }
        if self.dims.contains(&0) {
            return;
        }
        let rank = self.dims.len();
        let mut index = [0usize; MOST_AXES];
        let (mut k, mut at) = (0usize, self.offset);
        // Where the last axis strides and the one before lies in order, the two are exchanged in
        // blocks.
        let exchange =
            !self.writes && rank >= 2 && self.steps[rank - 2] == 1 && self.steps[rank - 1] > 1;
        let inner = if exchange { 2 } else { 1 };
        let run: usize = self.dims[rank - inner..].iter().product();
        loop {
            // SAFETY: the position of the walk lies in the values.
            unsafe {
                match self.writes {
                    true => write_row(
                        x.add(k),
                        out.offset(at),
                        self.dims[rank - 1],
                        self.steps[rank - 1],
                    ),
                    false if exchange => transpose(
                        x.offset(at),
                        out.add(k),
                        self.dims[rank - 2],
                        self.dims[rank - 1],
                        self.steps[rank - 1] as usize,
                    ),
                    false => read_row(
                        x.offset(at),
                        out.add(k),
                        self.dims[rank - 1],
                        self.steps[rank - 1],
                    ),
                }
            }
            k += run;
            let mut axis = rank - inner;
            loop {
                if axis == 0 {
                    return;
                }
                axis -= 1;
                index[axis] += 1;
                at += self.steps[axis];
                if index[axis] < self.dims[axis] {
                    break;
                }
                at -= self.steps[axis] * self.dims[axis] as isize;
                index[axis] = 0;
            }
        }
    }
}

impl Kernel for StridedKernel {
    fn choose(request: &Request<'_>) -> Option<Self> {
        let moves = matches!(
            request.op(),
            Op::Transpose(_)
                | Op::Slice(_)
                | Op::Reverse(_)
                | Op::Broadcast(_)
                | Op::Windows(_)
                | Op::Pad(_)
        );
        let new = || Self::new(request.op(), &request.in_shape(0), &request.out_shape(0));
        moves.then(new).flatten()
    }

    unsafe fn run(&self, call: &mut Call<'_>) {
        let (x, out) = (call.in_address(0), call.out_address(0));
        // SAFETY: `Kernel::run` asks that addresses hold values of their shapes, apart from each
        // other; the walk stays in them as the operation's own does, and moves bits as they are.
        unsafe {
            match self.item {
                1 => self.walk::<u8>(x, out, call.out_shape(0).n),
                4 => self.walk::<u32>(x, out, call.out_shape(0).n),
                _ => self.walk::<u64>(x, out, call.out_shape(0).n),
            }
        }
    }
}

/// Reads `n` elements at a step and writes them in order.
///
/// # Safety
/// `x` is readable at each of `n` places `step` elements apart, `out` writable for `n` elements,
/// apart from them.
unsafe fn read_row<T: Copy>(x: *const T, out: *mut T, n: usize, step: isize) {
    // SAFETY: n elements at this step are readable, n in order writable.
    unsafe {
        match step {
            1 => std::ptr::copy_nonoverlapping(x, out, n),
            0 => std::slice::from_raw_parts_mut(out, n).fill(*x),
            _ => (0..n).for_each(|i| *out.add(i) = *x.offset(i as isize * step)),
        }
    }
}

/// Reads `n` elements in order and writes them at a step.
///
/// # Safety
/// `x` holds `n` elements, and `out` is writable at each of `n` places `step` elements apart, which
/// lie apart from `x`.
unsafe fn write_row<T: Copy>(x: *const T, out: *mut T, n: usize, step: isize) {
    // SAFETY: n elements in order are readable, n at this step writable.
    unsafe {
        match step {
            1 => std::ptr::copy_nonoverlapping(x, out, n),
            _ => (0..n).for_each(|i| *out.offset(i as isize * step) = *x.add(i)),
        }
    }
}

/// `out (m, n)` from `x` whose element `(i, j)` lies at `i + j * step`.
///
/// # Safety
/// `x` is readable at `i + j * step` for all `i < m` and `j < n`; `out` is writable for `m * n`
/// elements, apart from `x`.
unsafe fn transpose<T: Copy>(x: *const T, out: *mut T, m: usize, n: usize, step: usize) {
    for i0 in (0..m).step_by(BLOCK) {
        for j0 in (0..n).step_by(BLOCK) {
            for i in i0..(i0 + BLOCK).min(m) {
                for j in j0..(j0 + BLOCK).min(n) {
                    // SAFETY: i < m and j < n.
                    unsafe { *out.add(i * n + j) = *x.add(i + j * step) }
                }
            }
        }
    }
}
