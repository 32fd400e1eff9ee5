//! The forward pass of an LSTM of few units: a group of rows in the lanes of registers goes through
//! all its timesteps without leaving the first level cache.

use super::{
    args::{LstmForward, LstmOutputs},
    cells::{next_c, next_h},
    lanes::{Tiles, live_in},
};
use crate::kernels::{
    activation_math::Pair,
    lanes,
    packed_steps::live,
    scratch::{Scratch, or_null, or_null_mut},
    shape::CellShape,
    simd::Simd,
    state_rows::product,
};

/// The forward pass, a group of rows after another.
///
/// # Safety
/// `batch_sizes` never grow and none exceeds B; every slice of `args` and `out` holds the elements
/// of its shape, and `scratch` those of `lstm_forward_scratch`. The cell is one that
/// `lanes::serves`, and `out.h_last` and `out.c_last` hold the first states.
#[inline(always)]
pub(super) unsafe fn lanes_forward<S: Simd, P: Pair>(
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
///
/// # Safety
/// `a` is readable for `k` registers; `w` is readable at `i * 4 * u + q * u` for all `i < k` and `q
/// < 4`.
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
///
/// # Safety
/// `a` is readable for `4 * u` registers; `w` is readable at `i * 4 * u + q * u` for all `i < u`
/// and `q < 4`.
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
