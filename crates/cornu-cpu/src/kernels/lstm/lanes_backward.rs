//! The backward pass of an LSTM of few units, with a group of rows in the lanes of registers.

use super::{
    args::{LstmBackward, LstmGradients},
    cells::{CellState, cell_backward},
    lanes::{Tiles, live_in},
};
use crate::kernels::{
    activation_math::Pair,
    lanes,
    packed_steps::{live, rows_of},
    scratch::{Scratch, or_null_mut},
    shape::CellShape,
    simd::Simd,
};

/// The backward pass, a group of rows after another.
///
/// # Safety
/// `batch_sizes` never grow and none exceeds B; every slice of `args` and `out` holds the elements
/// of its shape, and `scratch` those of `lstm_backward_scratch`. The cell is one that
/// `lanes::serves`.
#[inline(always)]
pub(super) unsafe fn lanes_backward<S: Simd, P: Pair>(
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
///
/// # Safety
/// `dz` is readable for `width` registers, `w` for (n, width) elements, `y` writable for `n`
/// registers, apart from both; `width` is a multiple of four.
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
///
/// # Safety
/// `a` is readable for `n` registers, `dz` for `width`; `sums` is readable and writable for `n *
/// width` registers, apart from both; `width` is a multiple of four.
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
///
/// # Safety
/// `dz` and `mask` are readable for `4 * u` registers, `w` for (u, 4 u) elements, `y` writable for
/// `u` registers, apart from all of them.
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
///
/// # Safety
/// `a` is readable for `u` registers, `mask` and `dz` for `4 * u`; `sums` is readable and writable
/// for `4 * u * u` registers, apart from all of them.
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
