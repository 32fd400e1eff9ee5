//! The backward pass of an LSTM: gate gradients step by step, weight gradients chunk by chunk.

use super::{
    args::{LstmBackward, LstmGradients},
    cells::{CellState, cell_backward},
    lanes,
    lanes_backward::lanes_backward,
};
use crate::kernels::{
    activation::Activation,
    activation_math::{AnyPair, Pair, TanhSigmoid},
    by_gate::{GateMasks, GateProducts, transposed_panels_len},
    operands::{Matmul, Right, Rows, Start, View, panels_len},
    packed_steps::{chunk_rows, chunk_until, live, rows_of},
    scratch::{Scratch, or_null, or_null_mut},
    shape::CellShape,
    simd::Simd,
    state_rows::previous_rows,
    strip::registers,
    vector::{Side, Vector},
    weights::{LongProducts, WeightGradient, at_once, per_step, right, zero},
};

/// The backward pass on a tier.
///
/// # Safety
/// `batch_sizes` never grow and none exceeds B; every slice of `args` and `out` holds the elements
/// of its shape, and `scratch` those of `lstm_backward_scratch`.
#[inline(always)]
pub(crate) unsafe fn backward<S: Simd>(
    s: S,
    args: &LstmBackward<'_>,
    out: &mut LstmGradients<'_>,
    scratch: &mut [f32],
) {
    let (main, gate) = (args.forward.activation, args.forward.recurrent_activation);
    // SAFETY: both ask for the same lengths.
    unsafe {
        if (main, gate) == (Activation::Tanh, Activation::Sigmoid) {
            backward_with(s, TanhSigmoid, args, out, scratch);
        } else {
            backward_with(s, AnyPair { main, gate }, args, out, scratch);
        }
    }
}

/// The pass with its activations known to the compiler, or looked up.
///
/// # Safety
/// `batch_sizes` never grow and none exceeds B; every slice of `args` and `out` holds the elements
/// of its shape, and `scratch` those of `lstm_backward_scratch`.
#[inline(always)]
unsafe fn backward_with<S: Simd, P: Pair>(
    s: S,
    pair: P,
    args: &LstmBackward<'_>,
    out: &mut LstmGradients<'_>,
    scratch: &mut [f32],
) {
    let forward = &args.forward;
    let CellShape { features: f, units: u, batch } = forward.shape;
    let sizes = forward.batch_sizes;
    let width = 4 * u;
    let n = rows_of(sizes);
    if n > 0 && lanes::serves(forward.shape, sizes) {
        // SAFETY: `lanes_backward` asks for the same lengths, and the sizes fit its tiles.
        return unsafe { lanes_backward(s, pair, args, out, scratch) };
    }
    let mut parts = Scratch::new(scratch);
    let recurrent_panels = parts.take(transposed_panels_len(4, u));
    let kernel_panels = parts.take(panels_len(width, f));
    let dh = parts.take(batch * u);
    let dc = parts.take(batch * u);
    let between = parts.take(batch * u);
    let dz_chunk = parts.take(chunk_rows(batch) * width);
    let before = parts.take(chunk_rows(batch) * u);
    let mut long = LongProducts::new(&mut parts, width, batch);
    let left = long.left;
    let (dkernel, drecurrent) = (or_null_mut(&mut out.dkernel), or_null_mut(&mut out.drecurrent));
    let dbias = or_null_mut(&mut out.dbias);
    let dx = or_null_mut(&mut out.dx);
    let dh_out = or_null(args.dh);
    let masks = GateMasks::new(forward.recurrent_mask, 4, u);
    // SAFETY: slices hold the elements of their shapes, and parts of the scratch what they were
    // taken for; chunks and steps stay inside N rows, live rows inside the batch.
    unsafe {
        // A row's gradient waits here, untouched, until the step at which its sequence ends.
        for (state, last) in [(dh, args.dh_last), (dc, args.dc_last)] {
            match last {
                Some(last) => core::ptr::copy_nonoverlapping(last.as_ptr(), state, batch * u),
                None => core::ptr::write_bytes(state, 0, batch * u),
            }
        }
        if n > 0 && u > 0 {
            let mut recurrent = [Right::Panels(recurrent_panels); 4];
            if masks.is_some() {
                recurrent = masks.pack(
                    s,
                    forward.recurrent.as_ptr(),
                    true,
                    per_step(sizes),
                    recurrent_panels,
                );
            } else {
                recurrent[0] = right(
                    s,
                    width,
                    u,
                    View::rows(forward.recurrent.as_ptr(), width).t(),
                    per_step(sizes),
                    recurrent_panels,
                );
            }
            let kernel = View::rows(forward.kernel.as_ptr(), width).t();
            let kernel = if dx.is_null() {
                Right::Panels(kernel_panels)
            } else {
                right(s, width, f, kernel, at_once(n), kernel_panels)
            };
            let (mut t, mut end) = (sizes.len(), n);
            while t > 0 {
                let chunk = chunk_until(sizes, t, end);
                let mut row = end;
                while t > chunk.t0 {
                    t -= 1;
                    let b = live(sizes, t);
                    row -= b;
                    let dz = dz_chunk.add((row - chunk.row0) * width);
                    let step = StepBackward {
                        rows: b,
                        units: u,
                        gates: args.gates.as_ptr().add(row * width),
                        c: args.c.as_ptr().add(row * u),
                        c_before: if t == 0 {
                            forward.c0.as_ptr()
                        } else {
                            args.c.as_ptr().add((row - live(sizes, t - 1)) * u)
                        },
                        dh_out: if dh_out.is_null() { dh_out } else { dh_out.add(row * u) },
                        dh,
                        dc,
                        dz,
                    };
                    cells_backward(s, pair, step);
                    if masks.is_some() {
                        core::ptr::write_bytes(dh, 0, b * u);
                        let by = GateProducts { rows: b, weights: recurrent, between, left };
                        masks.back(s, by, 4, dz, width, dh);
                    } else {
                        s.matmul(&Matmul {
                            m: b,
                            n: u,
                            k: width,
                            a: View::rows(dz, width),
                            b: recurrent[0],
                            c: dh,
                            ldc: u,
                            start: Start::Zero,
                            left,
                            from_end: false,
                        });
                    }
                }
                let dz = Rows { ptr: dz_chunk, rows: chunk.rows, n: width, ld: width };
                let of_kernel =
                    WeightGradient { a: forward.x.as_ptr().add(chunk.row0 * f), m: f, c: dkernel };
                let (h, h0) = (args.h.as_ptr(), forward.h0.as_ptr());
                if drecurrent.is_null() {
                    long.weights(s, dz, &[of_kernel]);
                } else if masks.is_some() {
                    long.weights(s, dz, &[of_kernel]);
                    for gate in 0..4 {
                        previous_rows(sizes, chunk, u, h, h0, masks.gate(gate), before);
                        long.weights(
                            s,
                            dz.columns(gate * u, u),
                            &[WeightGradient { a: before, m: u, c: drecurrent.add(gate * u) }],
                        );
                    }
                } else {
                    previous_rows(sizes, chunk, u, h, h0, masks.gate(0), before);
                    long.weights(
                        s,
                        dz,
                        &[of_kernel, WeightGradient { a: before, m: u, c: drecurrent }],
                    );
                }
                long.bias(s, dz, dbias);
                if !dx.is_null() {
                    long.inputs(s, dz, kernel, dx.add(chunk.row0 * f), f);
                }
                long.add = true;
                end = chunk.row0;
            }
        }
        if !long.add {
            zero(&mut out.dkernel, f * width);
            zero(&mut out.drecurrent, u * width);
            zero(&mut out.dbias, width);
        }
        for (state, first) in [(dh, &mut out.dh0), (dc, &mut out.dc0)] {
            if let Some(first) = first {
                core::ptr::copy_nonoverlapping(state, first.as_mut_ptr(), batch * u);
            }
        }
    }
}

struct StepBackward {
    rows: usize,
    units: usize,
    gates: *const f32,
    c: *const f32,
    c_before: *const f32,
    dh_out: *const f32,
    dh: *const f32,
    dc: *mut f32,
    dz: *mut f32,
}

/// The gradients of a timestep's cells.
///
/// # Safety
/// `gates` is readable for (rows, 4U), `c`, `c_before` and `dh` for (rows, U), `dh_out`, unless
/// null, for (rows, U), `dc` is readable and writable for (rows, U), `dz` writable for (rows, 4U);
/// what is written lies apart from all else.
#[inline(always)]
unsafe fn cells_backward<S: Simd, P: Pair>(s: S, pair: P, step: StepBackward) {
    let u = step.units;
    for r in 0..step.rows {
        registers!(s: S, u, |s, lanes, j| {
            let at = r * u + j;
            // SAFETY: row r of `rows`, lanes j.. below U of each gate.
            unsafe {
                let gates = step.gates.add(r * 4 * u + j);
                let state = CellState::<Side<S, _>> {
                    gates: [
                        lanes.load(s, gates),
                        lanes.load(s, gates.add(u)),
                        lanes.load(s, gates.add(2 * u)),
                        lanes.load(s, gates.add(3 * u)),
                    ],
                    c: lanes.load(s, step.c.add(at)),
                    c_before: lanes.load(s, step.c_before.add(at)),
                };
                let mut dh = lanes.load(s, step.dh.add(at));
                if !step.dh_out.is_null() {
                    dh = s.add(dh, lanes.load(s, step.dh_out.add(at)));
                }
                let (dz, dc) = cell_backward(s, pair, state, dh, lanes.load(s, step.dc.add(at)));
                lanes.store(s, step.dc.add(at), dc);
                let out = step.dz.add(r * 4 * u + j);
                for q in 0..4 {
                    lanes.store(s, out.add(q * u), dz[q]);
                }
            }
        });
    }
}
