//! The forward pass of an LSTM: projection in chunks, then the recurrent product and the cells of each step.

use super::{
    LstmForward, LstmOutputs,
    cells::{Step, cells},
    int8, lanes,
};
use crate::kernels::{
    activation::{Activation, AnyPair, Pair, TanhSigmoid},
    matmul::{Matmul, Start, View, left_len, panels_len},
    sequence::*,
    shape::CellShape,
    simd::Simd,
};

/// # Safety
/// The lengths that `lstm_forward` checks.
#[inline(always)]
pub(crate) unsafe fn forward<S: Simd>(s: S, args: &LstmForward<'_>, out: &mut LstmOutputs<'_>, scratch: &mut [f32]) {
    let (main, gate) = (args.activation, args.recurrent_activation);
    // SAFETY: the caller's promise.
    unsafe {
        if (main, gate) == (Activation::Tanh, Activation::Sigmoid) {
            forward_with(s, TanhSigmoid, args, out, scratch);
        } else {
            forward_with(s, AnyPair { main, gate }, args, out, scratch);
        }
    }
}

#[inline(always)]
unsafe fn forward_with<S: Simd, P: Pair>(s: S, pair: P, args: &LstmForward<'_>, out: &mut LstmOutputs<'_>, scratch: &mut [f32]) {
    let CellShape { features: f, units: u, batch } = args.shape;
    let sizes = args.batch_sizes;
    let width = 4 * u;
    out.h_last[..batch * u].copy_from_slice(&args.h0[..batch * u]);
    out.c_last[..batch * u].copy_from_slice(&args.c0[..batch * u]);
    let n = rows_of(sizes);
    if n == 0 || u == 0 {
        return;
    }
    if args.int8.is_none() && lanes::serves(args.shape, sizes) {
        // SAFETY: the caller's promise.
        return unsafe { lanes::forward(s, pair, args, out, scratch) };
    }
    let mut parts = Scratch::new(scratch);
    let recurrent_panels = parts.take(panels_len(u, width));
    let kernel_panels = parts.take(panels_len(f, width));
    let left = parts.take(left_len(u.max(f)));
    let masked = parts.take(batch * u);
    let z_chunk = parts.take(chunk_rows(batch) * width);
    if let Some(w) = args.int8 {
        // SAFETY: the caller's promise; the parts hold what the work states.
        return unsafe { int8::forward_int8(s, pair, args, out, w, int8::Work { z: z_chunk, masked, rounded: left.cast() }) };
    }
    let h_out = or_null_mut(&mut out.h);
    let c_out = or_null_mut(&mut out.c);
    let gates = or_null_mut(&mut out.gates);
    let mask = or_null(args.recurrent_mask);
    let (h, c) = (out.h_last.as_mut_ptr(), out.c_last.as_mut_ptr());
    let start = args.bias.map_or(Start::Zero, |b| Start::Row(b.as_ptr()));
    // SAFETY: the caller's promise on lengths; chunks and steps stay inside N rows, live rows inside the batch.
    unsafe {
        let recurrent = right(s, u, width, View::rows(args.recurrent.as_ptr(), width), per_step(sizes), recurrent_panels);
        let kernel = right(s, f, width, View::rows(args.kernel.as_ptr(), width), at_once(n), kernel_panels);
        let (mut t, mut row) = (0, 0);
        while t < sizes.len() {
            let chunk = chunk_from(sizes, t, row);
            let z = if gates.is_null() { z_chunk } else { gates.add(row * width) };
            let x = View::rows(args.x.as_ptr().add(row * f), f);
            s.matmul(&Matmul { m: chunk.rows, n: width, k: f, a: x, b: kernel, c: z, ldc: width, start, left, from_end: false });
            let mut z = z;
            while t < chunk.t1 {
                let b = live(sizes, t);
                let mut before = h.cast_const();
                if !mask.is_null() {
                    product(s, b * u, h, mask, masked);
                    before = masked;
                }
                s.matmul(&Matmul {
                    m: b,
                    n: width,
                    k: u,
                    a: View::rows(before, u),
                    b: recurrent,
                    c: z,
                    ldc: width,
                    start: Start::Sum,
                    left,
                    from_end: t % 2 == 1,
                });
                let step = Step {
                    rows: b,
                    units: u,
                    z,
                    h,
                    c,
                    h_out: if h_out.is_null() { h_out } else { h_out.add(row * u) },
                    c_out: if c_out.is_null() { c_out } else { c_out.add(row * u) },
                };
                cells(s, pair, step);
                z = z.add(b * width);
                row += b;
                t += 1;
            }
        }
    }
}
