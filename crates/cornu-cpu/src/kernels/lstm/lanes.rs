//! The LSTM of few units: a group of rows in the lanes of registers goes through all its timesteps
//! without leaving the first level cache.

use super::{
    LstmBackward, LstmForward, LstmGradients, LstmOutputs,
    backward::{CellState, cell_backward},
    cells::{next_c, next_h},
};
use crate::kernels::{activation::Pair, lanes, sequence::*, shape::CellShape, simd::Simd};

/// Whether sequences of these sizes go through the cell in lanes.
#[inline(always)]
pub(super) fn serves(shape: CellShape, sizes: &[i32]) -> bool {
    lanes::fits(shape.features, shape.units, 4 * shape.units) && lanes::fills(live(sizes, 0))
}

/// Elements of scratch of [`forward`].
pub(super) fn forward_scratch(shape: CellShape) -> usize {
    let CellShape { features: f, units: u, .. } = shape;
    if lanes::fits(f, u, 4 * u) { (f + 15 * u) * lanes::WIDEST + 64 } else { 0 }
}

/// Elements of scratch of [`backward`].
pub(super) fn backward_scratch(shape: CellShape) -> usize {
    let CellShape { features: f, units: u, .. } = shape;
    if lanes::fits(f, u, 4 * u) {
        (2 * f + 19 * u + (f + u + 1) * 4 * u) * lanes::WIDEST + 64
    } else {
        0
    }
}

/// Hands out tiles of registers.
struct Tiles {
    scratch: Scratch,
    lanes: usize,
}

impl Tiles {
    fn take(&mut self, columns: usize) -> *mut f32 {
        self.scratch.take((columns * self.lanes).next_multiple_of(16))
    }
}

/// Live rows of a timestep among the `LANES` rows from `first` on.
#[inline(always)]
fn live_in(sizes: &[i32], t: usize, first: usize, lanes: usize) -> usize {
    live(sizes, t).saturating_sub(first).min(lanes)
}

#[inline(always)]
pub(super) unsafe fn forward<S: Simd, P: Pair>(
    s: S,
    pair: P,
    args: &LstmForward<'_>,
    out: &mut LstmOutputs<'_>,
    scratch: &mut [f32],
) {
    let CellShape { features: f, units: u, .. } = args.shape;
    let sizes = args.batch_sizes;
    let l = S::LANES;
    let mut tiles = Tiles { scratch: Scratch::new(scratch), lanes: l };
    let [x, mut h, mut h_new, c, z, mask, masked] =
        [f, u, u, u, 4 * u, 4 * u, 4 * u].map(|n| tiles.take(n));
    let (h_out, c_out) = (or_null_mut(&mut out.h), or_null_mut(&mut out.c));
    let gates = or_null_mut(&mut out.gates);
    let (h_last, c_last) = (out.h_last.as_mut_ptr(), out.c_last.as_mut_ptr());
    let (kernel, recurrent) = (args.kernel.as_ptr(), args.recurrent.as_ptr());
    let bias = or_null(args.bias);
    let mut first = 0;
    while first < live(sizes, 0) {
        let mut before = live_in(sizes, 0, first, l);
        // SAFETY: rows first..first + live of each step and of the states; tiles as taken.
        unsafe {
            lanes::load(s, u, before, args.h0.as_ptr().add(first * u), u, h);
            lanes::load(s, u, before, args.c0.as_ptr().add(first * u), u, c);
            if let Some(m) = args.recurrent_mask {
                lanes::load(s, 4 * u, before, m.as_ptr().add(first * 4 * u), 4 * u, mask);
            }
            let mut row = first;
            for t in 0..sizes.len() {
                let rows = live_in(sizes, t, first, l);
                if rows < before {
                    // Sequences end here: their last states are those of the step before.
                    lanes::store(s, u, before, h, h_last.add(first * u), u);
                    lanes::store(s, u, before, c, c_last.add(first * u), u);
                    before = rows;
                }
                if rows == 0 {
                    break;
                }
                lanes::load(s, f, rows, args.x.as_ptr().add(row * f), f, x);
                if args.recurrent_mask.is_some() {
                    for q in 0..4 {
                        product(u * l, h, mask.add(q * u * l), masked.add(q * u * l));
                    }
                }
                for j in 0..u {
                    let mut acc = [s.splat(0.0); 4];
                    if !bias.is_null() {
                        for q in 0..4 {
                            acc[q] = s.splat(*bias.add(q * u + j));
                        }
                    }
                    acc = chain(s, acc, f, x, kernel.add(j), u);
                    acc = if args.recurrent_mask.is_some() {
                        chain_by_gate(s, acc, masked, recurrent.add(j), u)
                    } else {
                        chain(s, acc, u, h, recurrent.add(j), u)
                    };
                    let (i, g) = (pair.gate(s, acc[0]), pair.main(s, acc[2]));
                    let (forget, o) = (pair.gate(s, acc[1]), pair.gate(s, acc[3]));
                    s.store(c.add(j * l), next_c(s, i, forget, g, s.load(c.add(j * l))));
                    s.store(z.add((3 * u + j) * l), o);
                    if !gates.is_null() {
                        for (q, v) in [i, forget, g].into_iter().enumerate() {
                            s.store(z.add((q * u + j) * l), v);
                        }
                    }
                }
                for j in 0..u {
                    s.store(
                        h_new.add(j * l),
                        next_h(s, pair, s.load(z.add((3 * u + j) * l)), s.load(c.add(j * l))),
                    );
                }
                core::mem::swap(&mut h, &mut h_new);
                if !gates.is_null() {
                    lanes::store(s, 4 * u, rows, z, gates.add(row * 4 * u), 4 * u);
                }
                if !h_out.is_null() {
                    lanes::store(s, u, rows, h, h_out.add(row * u), u);
                }
                if !c_out.is_null() {
                    lanes::store(s, u, rows, c, c_out.add(row * u), u);
                }
                row += live(sizes, t);
            }
            lanes::store(s, u, before, h, h_last.add(first * u), u);
            lanes::store(s, u, before, c, c_last.add(first * u), u);
        }
        first += l;
    }
}

/// `acc[q] += sum over k of a[k] * w[k, q u]`, one multiply-add after the other: the four gates of
/// one unit.
#[inline(always)]
unsafe fn chain<S: Simd>(
    s: S,
    mut acc: [S::V; 4],
    k: usize,
    a: *const f32,
    w: *const f32,
    u: usize,
) -> [S::V; 4] {
    for i in 0..k {
        // SAFETY: row i below k of the weights, four gate columns; register i of the tile.
        unsafe {
            let x = s.load(a.add(i * S::LANES));
            let w = w.add(i * 4 * u);
            for q in 0..4 {
                acc[q] = s.fma(x, s.splat(*w.add(q * u)), acc[q]);
            }
        }
    }
    acc
}

/// The same where each gate has states of its own, `a[q, k]`.
#[inline(always)]
unsafe fn chain_by_gate<S: Simd>(
    s: S,
    mut acc: [S::V; 4],
    a: *const f32,
    w: *const f32,
    u: usize,
) -> [S::V; 4] {
    for i in 0..u {
        for q in 0..4 {
            // SAFETY: row i below U of the weights, four gate columns; registers of the four tiles.
            unsafe {
                acc[q] = s.fma(
                    s.load(a.add((q * u + i) * S::LANES)),
                    s.splat(*w.add(i * 4 * u + q * u)),
                    acc[q],
                )
            };
        }
    }
    acc
}

#[inline(always)]
pub(super) unsafe fn backward<S: Simd, P: Pair>(
    s: S,
    pair: P,
    args: &LstmBackward<'_>,
    out: &mut LstmGradients<'_>,
    scratch: &mut [f32],
) {
    let forward = &args.forward;
    let CellShape { features: f, units: u, batch } = forward.shape;
    let sizes = forward.batch_sizes;
    let l = S::LANES;
    let n = rows_of(sizes);
    let width = 4 * u;
    let mut tiles = Tiles { scratch: Scratch::new(scratch), lanes: l };
    let [x, dx, gates, dz] = [f, f, width, width].map(|n| tiles.take(n));
    let [mut c, mut c_before, h_before, dh_out, dh, dc] = [u; 6].map(|n| tiles.take(n));
    let mask = tiles.take(width);
    let [sum_kernel, sum_recurrent, sum_bias] =
        [f * width, u * width, width].map(|n| tiles.take(n));
    let (dkernel, drecurrent) = (or_null_mut(&mut out.dkernel), or_null_mut(&mut out.drecurrent));
    let (dbias, dx_out) = (or_null_mut(&mut out.dbias), or_null_mut(&mut out.dx));
    let (dh0, dc0) = (or_null_mut(&mut out.dh0), or_null_mut(&mut out.dc0));
    let (kernel, recurrent) = (forward.kernel.as_ptr(), forward.recurrent.as_ptr());
    // SAFETY: rows first..first + live of each step and of the states; tiles as taken.
    unsafe {
        for (sum, registers) in
            [(sum_kernel, f * width), (sum_recurrent, u * width), (sum_bias, width)]
        {
            core::ptr::write_bytes(sum, 0, registers * l);
        }
        // Sequences without timesteps hand their gradients straight to the initial states.
        let empty = live(sizes, 0) * u..batch * u;
        for (first, last) in [(dh0, args.dh_last), (dc0, args.dc_last)] {
            if !first.is_null() {
                match last {
                    Some(last) => core::ptr::copy_nonoverlapping(
                        last.as_ptr().add(empty.start),
                        first.add(empty.start),
                        empty.len(),
                    ),
                    None => core::ptr::write_bytes(first.add(empty.start), 0, empty.len()),
                }
            }
        }
        let mut first = 0;
        while first < live(sizes, 0) {
            let all = live_in(sizes, 0, first, l);
            if let Some(m) = forward.recurrent_mask {
                lanes::load(s, width, all, m.as_ptr().add(first * width), width, mask);
            }
            // Lanes whose sequence has not begun, seen from the end, hold 0 and stay 0.
            core::ptr::write_bytes(dh, 0, u * l);
            core::ptr::write_bytes(dc, 0, u * l);
            let mut after = 0;
            let mut row = n;
            for t in (0..sizes.len()).rev() {
                let rows = live_in(sizes, t, first, l);
                row -= live(sizes, t);
                if rows == 0 {
                    continue;
                }
                let here = row + first;
                if rows > after {
                    for (state, last) in [(dh, args.dh_last), (dc, args.dc_last)] {
                        for r in after..rows {
                            for j in 0..u {
                                *state.add(j * l + r) =
                                    last.map_or(0.0, |last| last[(first + r) * u + j]);
                            }
                        }
                    }
                    lanes::load(s, u, rows, args.c.as_ptr().add(here * u), u, c);
                    after = rows;
                }
                lanes::load(s, width, rows, args.gates.as_ptr().add(here * width), width, gates);
                let (c_from, h_from) = if t == 0 {
                    (forward.c0.as_ptr().add(first * u), forward.h0.as_ptr().add(first * u))
                } else {
                    let at = (here - live(sizes, t - 1)) * u;
                    (args.c.as_ptr().add(at), args.h.as_ptr().add(at))
                };
                lanes::load(s, u, rows, c_from, u, c_before);
                if let Some(g) = args.dh {
                    lanes::load(s, u, rows, g.as_ptr().add(here * u), u, dh_out);
                }
                for j in 0..u {
                    let at = j * l;
                    let state = CellState {
                        gates: [
                            s.load(gates.add(at)),
                            s.load(gates.add(u * l + at)),
                            s.load(gates.add(2 * u * l + at)),
                            s.load(gates.add(3 * u * l + at)),
                        ],
                        c: s.load(c.add(at)),
                        c_before: s.load(c_before.add(at)),
                    };
                    let mut g = s.load(dh.add(at));
                    if args.dh.is_some() {
                        g = s.add(g, s.load(dh_out.add(at)));
                    }
                    let (gate_slopes, dc_before) =
                        cell_backward(s, pair, state, g, s.load(dc.add(at)));
                    s.store(dc.add(at), dc_before);
                    for q in 0..4 {
                        s.store(dz.add(q * u * l + at), gate_slopes[q]);
                    }
                }
                core::mem::swap(&mut c, &mut c_before);
                if forward.recurrent_mask.is_some() {
                    dots_by_gate(s, u, dz, recurrent, mask, dh);
                } else {
                    dots(s, u, width, dz, recurrent, dh);
                }
                if !dx_out.is_null() {
                    dots(s, f, width, dz, kernel, dx);
                    lanes::store(s, f, rows, dx, dx_out.add(here * f), f);
                }
                if !dkernel.is_null() {
                    lanes::load(s, f, rows, forward.x.as_ptr().add(here * f), f, x);
                    outer(s, f, width, x, dz, sum_kernel);
                }
                if !drecurrent.is_null() {
                    lanes::load(s, u, rows, h_from, u, h_before);
                    if forward.recurrent_mask.is_some() {
                        outer_by_gate(s, u, h_before, dz, mask, sum_recurrent);
                    } else {
                        outer(s, u, width, h_before, dz, sum_recurrent);
                    }
                }
                if !dbias.is_null() {
                    for j in 0..width {
                        let p = sum_bias.add(j * l);
                        s.store(p, s.add(s.load(p), s.load(dz.add(j * l))));
                    }
                }
            }
            if !dh0.is_null() {
                lanes::store(s, u, all, dh, dh0.add(first * u), u);
            }
            if !dc0.is_null() {
                lanes::store(s, u, all, dc, dc0.add(first * u), u);
            }
            first += l;
        }
        for (to, sum, registers) in [
            (dkernel, sum_kernel, f * width),
            (drecurrent, sum_recurrent, u * width),
            (dbias, sum_bias, width),
        ] {
            if !to.is_null() {
                lanes::sums(s, registers, sum, to);
            }
        }
    }
}

/// `y[k] = sum over g of dz[g] * w[k, g]`.
#[inline(always)]
unsafe fn dots<S: Simd>(s: S, n: usize, width: usize, dz: *const f32, w: *const f32, y: *mut f32) {
    for k in 0..n {
        // Four sums at once hide the latency of one.
        let mut acc = [s.splat(0.0); 4];
        let mut g = 0;
        // SAFETY: row k below n of the weights, columns below `width`, a multiple of four.
        unsafe {
            while g < width {
                for q in 0..4 {
                    let d = s.load(dz.add((g + q) * S::LANES));
                    acc[q] = s.fma(d, s.splat(*w.add(k * width + g + q)), acc[q]);
                }
                g += 4;
            }
            s.store(y.add(k * S::LANES), s.add(s.add(acc[0], acc[1]), s.add(acc[2], acc[3])));
        }
    }
}

/// `sums[k, g] += a[k] * dz[g]`, lane by lane.
#[inline(always)]
unsafe fn outer<S: Simd>(
    s: S,
    n: usize,
    width: usize,
    a: *const f32,
    dz: *const f32,
    sums: *mut f32,
) {
    for k in 0..n {
        // SAFETY: registers k below n and g below `width`, a multiple of four.
        unsafe {
            let x = s.load(a.add(k * S::LANES));
            let mut g = 0;
            while g < width {
                for q in 0..4 {
                    let p = sums.add((k * width + g + q) * S::LANES);
                    s.store(p, s.fma(x, s.load(dz.add((g + q) * S::LANES)), s.load(p)));
                }
                g += 4;
            }
        }
    }
}

/// `y[k] = sum over gates q of mask[q, k] * sum over j of dz[q, j] * w[k, q, j]`.
#[inline(always)]
unsafe fn dots_by_gate<S: Simd>(
    s: S,
    u: usize,
    dz: *const f32,
    w: *const f32,
    mask: *const f32,
    y: *mut f32,
) {
    let l = S::LANES;
    for k in 0..u {
        // SAFETY: row k below U of the weights, columns j below U of each gate.
        unsafe {
            let mut acc = [s.splat(0.0); 4];
            for j in 0..u {
                for q in 0..4 {
                    acc[q] = s.fma(
                        s.load(dz.add((q * u + j) * l)),
                        s.splat(*w.add((k * 4 + q) * u + j)),
                        acc[q],
                    );
                }
            }
            let mut sum = s.splat(0.0);
            for q in 0..4 {
                sum = s.fma(acc[q], s.load(mask.add((q * u + k) * l)), sum);
            }
            s.store(y.add(k * l), sum);
        }
    }
}

/// `sums[k, q, j] += a[k] * mask[q, k] * dz[q, j]`, lane by lane.
#[inline(always)]
unsafe fn outer_by_gate<S: Simd>(
    s: S,
    u: usize,
    a: *const f32,
    dz: *const f32,
    mask: *const f32,
    sums: *mut f32,
) {
    let l = S::LANES;
    for k in 0..u {
        for q in 0..4 {
            // SAFETY: registers k and j below U of each gate.
            unsafe {
                let x = s.mul(s.load(a.add(k * l)), s.load(mask.add((q * u + k) * l)));
                for j in 0..u {
                    let p = sums.add(((k * 4 + q) * u + j) * l);
                    s.store(p, s.fma(x, s.load(dz.add((q * u + j) * l)), s.load(p)));
                }
            }
        }
    }
}
