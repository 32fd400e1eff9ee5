//! The forward pass of a simple recurrent cell: projection in chunks, then a product and the
//! activation at each step.

use super::args::{SimpleRnnForward, SimpleRnnOutputs};
use crate::kernels::{
    activation::Activation,
    operands::{Matmul, Start, View, left_len, panels_len},
    packed_steps::{chunk_from, chunk_rows, live, rows_of},
    scratch::{Scratch, or_null, or_null_mut},
    shape::CellShape,
    simd::Simd,
    state_rows::product,
    strip::registers,
    vector::Vector,
    vector_math,
    weights::{at_once, per_step, right},
};

/// The forward pass on a tier.
///
/// # Safety
/// `batch_sizes` never grow and none exceeds B; every slice of `args` and `out` holds the elements
/// of its shape, and `scratch` those of `simple_rnn_forward_scratch`.
#[inline(always)]
pub(crate) unsafe fn forward<S: Simd>(
    s: S,
    args: &SimpleRnnForward<'_>,
    out: &mut SimpleRnnOutputs<'_>,
    scratch: &mut [f32],
) {
    let CellShape { features: f, units: u, batch } = args.shape;
    let sizes = args.batch_sizes;
    out.h_last[..batch * u].copy_from_slice(&args.h0[..batch * u]);
    let n = rows_of(sizes);
    if n == 0 || u == 0 {
        return;
    }
    let mut parts = Scratch::new(scratch);
    let recurrent_panels = parts.take(panels_len(u, u));
    let kernel_panels = parts.take(panels_len(f, u));
    let left = parts.take(left_len(u.max(f)));
    let masked = parts.take(batch * u);
    let z_chunk = parts.take(chunk_rows(batch) * u);
    let h_out = or_null_mut(&mut out.h);
    let mask = or_null(args.recurrent_mask);
    let h = out.h_last.as_mut_ptr();
    let start = args.bias.map_or(Start::Zero, |b| Start::Row(b.as_ptr()));
    // SAFETY: slices hold the elements of their shapes, and parts of the scratch what they were
    // taken for; chunks and steps stay inside N rows, live rows inside the batch.
    unsafe {
        let recurrent = right(
            s,
            u,
            u,
            View::rows(args.recurrent.as_ptr(), u),
            per_step(sizes),
            recurrent_panels,
        );
        let kernel = right(s, f, u, View::rows(args.kernel.as_ptr(), u), at_once(n), kernel_panels);
        let (mut t, mut row) = (0, 0);
        while t < sizes.len() {
            let chunk = chunk_from(sizes, t, row);
            let mut z = if h_out.is_null() { z_chunk } else { h_out.add(row * u) };
            let x = View::rows(args.x.as_ptr().add(row * f), f);
            s.matmul(&Matmul {
                m: chunk.rows,
                n: u,
                k: f,
                a: x,
                b: kernel,
                c: z,
                ldc: u,
                start,
                left,
                from_end: false,
            });
            while t < chunk.t1 {
                let b = live(sizes, t);
                let mut before = h.cast_const();
                if !mask.is_null() {
                    product(b * u, h, mask, masked);
                    before = masked;
                }
                s.matmul(&Matmul {
                    m: b,
                    n: u,
                    k: u,
                    a: View::rows(before, u),
                    b: recurrent,
                    c: z,
                    ldc: u,
                    start: Start::Sum,
                    left,
                    from_end: false,
                });
                registers!(s: S, b * u, |s, lanes, i| {
                    let y = activate(s, args.activation, lanes.load(s, z.add(i)));
                    lanes.store(s, z.add(i), y);
                    lanes.store(s, h.add(i), y);
                });
                z = z.add(b * u);
                row += b;
                t += 1;
            }
        }
    }
}

/// tanh in line, others called.
#[inline(always)]
fn activate<S: Vector>(s: S, activation: Activation, x: S::V) -> S::V {
    match activation {
        Activation::Tanh => vector_math::tanh(s, x),
        other => s.activate(other, x),
    }
}
