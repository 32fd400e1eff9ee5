//! The backward pass of a simple recurrent cell: gradients step by step, weight gradients chunk by
//! chunk.

use super::args::{SimpleRnnBackward, SimpleRnnGradients};
use crate::kernels::{
    activation::Activation,
    operands::{Matmul, Right, Rows, Start, View, panels_len},
    packed_steps::{chunk_rows, chunk_until, live, rows_of},
    scratch::{Scratch, or_null, or_null_mut},
    shape::CellShape,
    simd::Simd,
    state_rows::{Mask, previous_rows, product},
    strip::registers,
    vector::Vector,
    weights::{LongProducts, WeightGradient, at_once, per_step, right, zero},
};

/// The backward pass on a tier.
///
/// # Safety
/// `batch_sizes` never grow and none exceeds B; every slice of `args` and `out` holds the elements
/// of its shape, and `scratch` those of `simple_rnn_backward_scratch`.
#[inline(always)]
pub(crate) unsafe fn backward<S: Simd>(
    s: S,
    args: &SimpleRnnBackward<'_>,
    out: &mut SimpleRnnGradients<'_>,
    scratch: &mut [f32],
) {
    let forward = &args.forward;
    let CellShape { features: f, units: u, batch } = forward.shape;
    let sizes = forward.batch_sizes;
    let n = rows_of(sizes);
    let mut parts = Scratch::new(scratch);
    let recurrent_panels = parts.take(panels_len(u, u));
    let kernel_panels = parts.take(panels_len(u, f));
    let dh = parts.take(batch * u);
    let dz_chunk = parts.take(chunk_rows(batch) * u);
    let before = parts.take(chunk_rows(batch) * u);
    let mut long = LongProducts::new(&mut parts, u, batch);
    let left = long.left;
    let (dkernel, drecurrent) = (or_null_mut(&mut out.dkernel), or_null_mut(&mut out.drecurrent));
    let (dx, dbias) = (or_null_mut(&mut out.dx), or_null_mut(&mut out.dbias));
    let dh_out = or_null(args.dh);
    let mask = or_null(forward.recurrent_mask);
    // SAFETY: slices hold the elements of their shapes, and parts of the scratch what they were
    // taken for; chunks and steps stay inside N rows, live rows inside the batch.
    unsafe {
        // A row's gradient waits here, untouched, until the step at which its sequence ends.
        match args.dh_last {
            Some(last) => core::ptr::copy_nonoverlapping(last.as_ptr(), dh, batch * u),
            None => core::ptr::write_bytes(dh, 0, batch * u),
        }
        if n > 0 && u > 0 {
            let recurrent = right(
                s,
                u,
                u,
                View::rows(forward.recurrent.as_ptr(), u).t(),
                per_step(sizes),
                recurrent_panels,
            );
            let kernel = if dx.is_null() {
                Right::Panels(kernel_panels)
            } else {
                right(
                    s,
                    u,
                    f,
                    View::rows(forward.kernel.as_ptr(), u).t(),
                    at_once(n),
                    kernel_panels,
                )
            };
            let (mut t, mut end) = (sizes.len(), n);
            while t > 0 {
                let chunk = chunk_until(sizes, t, end);
                let mut row = end;
                while t > chunk.t0 {
                    t -= 1;
                    let b = live(sizes, t);
                    row -= b;
                    let dz = dz_chunk.add((row - chunk.row0) * u);
                    registers!(s: S, b * u, |s, lanes, i| {
                        let mut g = lanes.load(s, dh.add(i));
                        if !dh_out.is_null() {
                            g = s.add(g, lanes.load(s, dh_out.add(row * u + i)));
                        }
                        let y = lanes.load(s, args.h.as_ptr().add(row * u + i));
                        lanes.store(s, dz.add(i), activation_slope(s, forward.activation, y, g));
                    });
                    s.matmul(&Matmul {
                        m: b,
                        n: u,
                        k: u,
                        a: View::rows(dz, u),
                        b: recurrent,
                        c: dh,
                        ldc: u,
                        start: Start::Zero,
                        left,
                        from_end: false,
                    });
                    if !mask.is_null() {
                        product(b * u, dh, mask, dh);
                    }
                }
                if !drecurrent.is_null() {
                    previous_rows(
                        sizes,
                        chunk,
                        u,
                        args.h.as_ptr(),
                        forward.h0.as_ptr(),
                        Mask { rows: mask, ld: u },
                        before,
                    );
                }
                let dz = Rows { ptr: dz_chunk, rows: chunk.rows, n: u, ld: u };
                let products = [
                    WeightGradient { a: forward.x.as_ptr().add(chunk.row0 * f), m: f, c: dkernel },
                    WeightGradient { a: before, m: u, c: drecurrent },
                ];
                long.weights(s, dz, &products);
                long.bias(s, dz, dbias);
                if !dx.is_null() {
                    long.inputs(s, dz, kernel, dx.add(chunk.row0 * f), f);
                }
                long.add = true;
                end = chunk.row0;
            }
        }
        if let Some(dh0) = &mut out.dh0 {
            core::ptr::copy_nonoverlapping(dh, dh0.as_mut_ptr(), batch * u);
        }
    }
    if !long.add {
        zero(&mut out.dkernel, f * u);
        zero(&mut out.drecurrent, u * u);
        zero(&mut out.dbias, u);
    }
}

/// The derivative of tanh in line, others called.
#[inline(always)]
fn activation_slope<S: Vector>(s: S, activation: Activation, y: S::V, g: S::V) -> S::V {
    match activation {
        Activation::Tanh => s.fnma(s.mul(y, y), g, g),
        other => s.activation_slope(other, y, g),
    }
}
