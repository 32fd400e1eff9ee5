//! The forward pass of an LSTM: projection in chunks, then the recurrent product and the cells of
//! each step.

use super::{
    args::{LstmForward, LstmOutputs},
    cells::{Step, cells},
    int8_forward::{Int8Work, int8_forward},
    lanes,
    lanes_forward::lanes_forward,
};
use crate::kernels::{
    activation::Activation,
    activation_math::{AnyPair, Pair, TanhSigmoid},
    by_gate::{GateMasks, GateProducts, recurrent_panels_len},
    operands::{Matmul, Right, Start, View, left_len, panels_len},
    packed_steps::{chunk_from, chunk_rows, live, rows_of},
    scratch::{Scratch, or_null_mut},
    shape::CellShape,
    simd::Simd,
    state_rows::copy_rows,
    weights::{at_once, per_step, right},
};

/// The forward pass on a tier.
///
/// # Safety
/// `batch_sizes` never grow and none exceeds B; every slice of `args` and `out` holds the elements
/// of its shape, and `scratch` those of `lstm_forward_scratch`.
#[inline(always)]
pub(crate) unsafe fn forward<S: Simd>(
    s: S,
    args: &LstmForward<'_>,
    out: &mut LstmOutputs<'_>,
    scratch: &mut [f32],
) {
    let (main, gate) = (args.activation, args.recurrent_activation);
    // SAFETY: both ask for the same lengths.
    unsafe {
        if (main, gate) == (Activation::Tanh, Activation::Sigmoid) {
            forward_with(s, TanhSigmoid, args, out, scratch);
        } else {
            forward_with(s, AnyPair { main, gate }, args, out, scratch);
        }
    }
}

/// Features up to which x is read in the product of the steps, beside h: a product of its own would
/// be too shallow.
const SHALLOW: usize = 128;

/// Columns of the rows that the steps multiply, for a cell whose x may be among them.
pub(super) fn most_depth(shape: CellShape) -> usize {
    shape.units + if shape.features <= SHALLOW { shape.features } else { 0 }
}

/// The pass with its activations known to the compiler, or looked up.
///
/// # Safety
/// `batch_sizes` never grow and none exceeds B; every slice of `args` and `out` holds the elements
/// of its shape, and `scratch` those of `lstm_forward_scratch`.
#[inline(always)]
unsafe fn forward_with<S: Simd, P: Pair>(
    s: S,
    pair: P,
    args: &LstmForward<'_>,
    out: &mut LstmOutputs<'_>,
    scratch: &mut [f32],
) {
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
        // SAFETY: `lanes_forward` asks for the same lengths, and the sizes fit its tiles.
        return unsafe { lanes_forward(s, pair, args, out, scratch) };
    }
    let mut parts = Scratch::new(scratch);
    let recurrent_panels = parts.take(recurrent_panels_len(most_depth(args.shape), 4, u));
    let kernel_panels = parts.take(panels_len(f, width));
    let left = parts.take(left_len(most_depth(args.shape).max(f)));
    let states = parts.take(batch * most_depth(args.shape));
    let z_chunk = parts.take(chunk_rows(batch) * width);
    if let Some(w) = args.int8 {
        // SAFETY: the lengths are as it asks, the states are set, the parts hold what the work
        // states.
        return unsafe {
            int8_forward(s, pair, args, out, w, Int8Work { z: z_chunk, rounded: left.cast() })
        };
    }
    let h_out = or_null_mut(&mut out.h);
    let c_out = or_null_mut(&mut out.c);
    let gates = or_null_mut(&mut out.gates);
    let masks = GateMasks::new(args.recurrent_mask, 4, u);
    let (h_last, c) = (out.h_last.as_mut_ptr(), out.c_last.as_mut_ptr());
    let start = args.bias.map_or(Start::Zero, |b| Start::Row(b.as_ptr()));
    let beside =
        f <= SHALLOW && !masks.is_some() && live(sizes, 0) > 2 && per_step(sizes).repay_packing();
    let (depth, h) = if beside { (f + u, states.wrapping_add(f)) } else { (u, h_last) };
    // SAFETY: slices hold the elements of their shapes, and parts of the scratch what they were
    // taken for; chunks and steps stay inside N rows, live rows inside the batch.
    unsafe {
        let (kernel, recurrent) =
            (View::rows(args.kernel.as_ptr(), width), View::rows(args.recurrent.as_ptr(), width));
        let reads = per_step(sizes);
        let mut weights = [Right::Panels(recurrent_panels); 4];
        let kernel = if beside {
            s.pack(f, width, kernel, depth, recurrent_panels);
            s.pack(u, width, recurrent, depth, recurrent_panels.add(f * 2 * S::LANES));
            copy_rows(batch, u, h_last, u, h, depth);
            None
        } else {
            if masks.is_some() {
                weights = masks.pack(s, args.recurrent.as_ptr(), false, reads, recurrent_panels);
            } else {
                weights[0] = right(s, u, width, recurrent, reads, recurrent_panels);
            }
            Some(right(s, f, width, kernel, at_once(n), kernel_panels))
        };
        let (mut t, mut row) = (0, 0);
        while t < sizes.len() {
            let chunk = chunk_from(sizes, t, row);
            let mut z = if gates.is_null() { z_chunk } else { gates.add(row * width) };
            if let Some(b) = kernel {
                let a = View::rows(args.x.as_ptr().add(row * f), f);
                s.matmul(&Matmul {
                    m: chunk.rows,
                    n: width,
                    k: f,
                    a,
                    b,
                    c: z,
                    ldc: width,
                    start,
                    left,
                    from_end: false,
                });
            }
            while t < chunk.t1 {
                let b = live(sizes, t);
                if masks.is_some() {
                    let by = GateProducts { rows: b, weights, between: states, left };
                    masks.sums(s, by, 4, h, [Start::Sum; 4], z, width);
                } else {
                    if beside {
                        copy_rows(b, f, args.x.as_ptr().add(row * f), f, states, depth);
                    }
                    s.matmul(&Matmul {
                        m: b,
                        n: width,
                        k: depth,
                        a: View::rows(if beside { states } else { h_last }, depth),
                        b: weights[0],
                        c: z,
                        ldc: width,
                        start: if beside { start } else { Start::Sum },
                        left,
                        from_end: t % 2 == 1,
                    });
                }
                let step = Step {
                    rows: b,
                    units: u,
                    z,
                    h,
                    ld_h: depth,
                    c,
                    h_out: if h_out.is_null() { h_out } else { h_out.add(row * u) },
                    c_out: if c_out.is_null() { c_out } else { c_out.add(row * u) },
                };
                cells(s, pair, step);
                if !beside || !gates.is_null() {
                    z = z.add(b * width);
                }
                row += b;
                t += 1;
            }
        }
        if beside {
            copy_rows(batch, u, h, depth, h_last, u);
        }
    }
}
