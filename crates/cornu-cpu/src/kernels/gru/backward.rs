//! The backward pass of a GRU: gate gradients step by step, weight gradients chunk by chunk.

use super::args::{GruBackward, GruGradients, bias_len, gru_gates_width};
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
    strip::{Strip, registers},
    vector::{Side, Vector},
    weights::{LongProducts, WeightGradient, at_once, per_step, right, zero},
};

/// The backward pass on a tier.
///
/// # Safety
/// `batch_sizes` never grow and none exceeds B; every slice of `args` and `out` holds the elements
/// of its shape, and `scratch` those of `gru_backward_scratch`.
#[inline(always)]
pub(crate) unsafe fn backward<S: Simd>(
    s: S,
    args: &GruBackward<'_>,
    out: &mut GruGradients<'_>,
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
/// of its shape, and `scratch` those of `gru_backward_scratch`.
#[inline(always)]
unsafe fn backward_with<S: Simd, P: Pair>(
    s: S,
    pair: P,
    args: &GruBackward<'_>,
    out: &mut GruGradients<'_>,
    scratch: &mut [f32],
) {
    let forward = &args.forward;
    let after = forward.reset_after;
    let CellShape { features: f, units: u, batch } = forward.shape;
    let sizes = forward.batch_sizes;
    let width = gru_gates_width(u, after);
    let n = rows_of(sizes);
    let mut parts = Scratch::new(scratch);
    let panels = [parts.take(transposed_panels_len(3, u)), parts.take(panels_len(u, u))];
    let kernel_panels = parts.take(panels_len(3 * u, f));
    let dh = parts.take(batch * u);
    let dreset = parts.take(batch * u);
    let through = parts.take(batch * u);
    let dx_chunk = parts.take(chunk_rows(batch) * 3 * u);
    let dq_chunk = parts.take(chunk_rows(batch) * 3 * u);
    let before = parts.take(chunk_rows(batch) * u);
    let reset = parts.take(chunk_rows(batch) * u);
    let mut long = LongProducts::new(&mut parts, 3 * u, batch);
    let left = long.left;
    let (dkernel, drecurrent) = (or_null_mut(&mut out.dkernel), or_null_mut(&mut out.drecurrent));
    let (dx, dbias) = (or_null_mut(&mut out.dx), or_null_mut(&mut out.dbias));
    let dh_out = or_null(args.dh);
    let masks = GateMasks::new(forward.recurrent_mask, 3, u);
    // SAFETY: slices hold the elements of their shapes, and parts of the scratch what they were
    // taken for; chunks and steps stay inside N rows, live rows inside the batch.
    unsafe {
        // A row's gradient waits here, untouched, until the step at which its sequence ends.
        match args.dh_last {
            Some(last) => core::ptr::copy_nonoverlapping(last.as_ptr(), dh, batch * u),
            None => core::ptr::write_bytes(dh, 0, batch * u),
        }
        if n > 0 && u > 0 {
            let r = forward.recurrent.as_ptr();
            let depth = if after { 3 * u } else { 2 * u };
            let reads = per_step(sizes);
            let by_gate = if masks.is_some() {
                masks.pack(s, r, true, reads, panels[0])
            } else {
                [Right::Panels(panels[0]); 4]
            };
            let recurrent = if masks.is_some() {
                by_gate[0]
            } else {
                right(s, depth, u, View::rows(r, 3 * u).t(), reads, panels[0])
            };
            let candidate = match (after, masks.is_some()) {
                (true, _) => recurrent,
                (false, true) => by_gate[2],
                (false, false) => {
                    right(s, u, u, View::rows(r.add(2 * u), 3 * u).t(), reads, panels[1])
                }
            };
            let kernel = if dx.is_null() {
                Right::Panels(kernel_panels)
            } else {
                right(
                    s,
                    3 * u,
                    f,
                    View::rows(forward.kernel.as_ptr(), 3 * u).t(),
                    at_once(n),
                    kernel_panels,
                )
            };
            let product_of =
                |m: usize, a: *const f32, k: usize, b: Right, c: *mut f32, start: Start| {
                    s.matmul(&Matmul {
                        m,
                        n: u,
                        k,
                        a: View::rows(a, 3 * u),
                        b,
                        c,
                        ldc: u,
                        start,
                        left,
                        from_end: false,
                    });
                };
            let (mut t, mut end) = (sizes.len(), n);
            while t > 0 {
                let chunk = chunk_until(sizes, t, end);
                let (h, h0) = (args.h.as_ptr(), forward.h0.as_ptr());
                // As the candidate takes them; those of the other gates follow where they are
                // needed.
                previous_rows(sizes, chunk, u, h, h0, masks.gate(2), before);
                let mut row = end;
                while t > chunk.t0 {
                    t -= 1;
                    let b = live(sizes, t);
                    row -= b;
                    let at = row - chunk.row0;
                    let step = Step {
                        rows: b,
                        units: u,
                        width,
                        gates: args.gates.as_ptr().add(row * width),
                        h_before: if t == 0 {
                            forward.h0.as_ptr()
                        } else {
                            args.h.as_ptr().add((row - live(sizes, t - 1)) * u)
                        },
                        dh_out: if dh_out.is_null() { dh_out } else { dh_out.add(row * u) },
                        dh,
                        dx: dx_chunk.add(at * 3 * u),
                        dq: dq_chunk.add(at * 3 * u),
                    };
                    let by = GateProducts { rows: b, weights: by_gate, between: through, left };
                    if after {
                        cells_reset_after(s, pair, &step);
                        if masks.is_some() {
                            masks.back(s, by, 3, step.dq, 3 * u, dh);
                        } else {
                            product_of(b, step.dq, 3 * u, recurrent, dh, Start::Sum);
                        }
                    } else {
                        cells_reset_before(s, pair, &step);
                        product_of(b, step.dx.add(2 * u), u, candidate, dreset, Start::Zero);
                        let (before, reset) = (before.add(at * u), reset.add(at * u));
                        if masks.is_some() {
                            gates_reset_before(
                                s, pair, &step, dreset, before, reset, through, false,
                            );
                            masks.gate(2).add_rows(b, u, through, dh);
                            masks.back(s, by, 2, step.dx, 3 * u, dh);
                        } else {
                            gates_reset_before(s, pair, &step, dreset, before, reset, dh, true);
                            product_of(b, step.dx, 2 * u, recurrent, dh, Start::Sum);
                        }
                    }
                }
                let whole = Rows { ptr: dx_chunk, rows: chunk.rows, n: 3 * u, ld: 3 * u };
                let x = forward.x.as_ptr().add(chunk.row0 * f);
                // What the recurrent products of z and r, or of all gates, took.
                let (inner, n_inner) =
                    if after { (Rows { ptr: dq_chunk, ..whole }, 3) } else { (whole, 2) };
                let of_kernel = WeightGradient { a: x, m: f, c: dkernel };
                let column = |gate: usize| {
                    if drecurrent.is_null() {
                        drecurrent
                    } else {
                        drecurrent.wrapping_add(gate * u)
                    }
                };
                long.weights(s, whole, &[of_kernel]);
                if !after {
                    long.weights(
                        s,
                        whole.columns(2 * u, u),
                        &[WeightGradient { a: reset, m: u, c: column(2) }],
                    );
                }
                if masks.is_some() {
                    for gate in 0..n_inner {
                        previous_rows(sizes, chunk, u, h, h0, masks.gate(gate), before);
                        long.weights(
                            s,
                            inner.columns(gate * u, u),
                            &[WeightGradient { a: before, m: u, c: column(gate) }],
                        );
                    }
                } else {
                    long.weights(
                        s,
                        inner.columns(0, n_inner * u),
                        &[WeightGradient { a: before, m: u, c: column(0) }],
                    );
                }
                if after && !dbias.is_null() {
                    long.bias(s, inner, dbias.add(3 * u));
                }
                long.bias(s, whole, dbias);
                if !dx.is_null() {
                    long.inputs(s, whole, kernel, dx.add(chunk.row0 * f), f);
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
        zero(&mut out.dkernel, f * 3 * u);
        zero(&mut out.drecurrent, u * 3 * u);
        zero(&mut out.dbias, bias_len(forward));
    }
}

/// One timestep.
struct Step {
    rows: usize,
    units: usize,
    /// Columns of `gates`.
    width: usize,
    gates: *const f32,
    h_before: *const f32,
    dh_out: *const f32,
    dh: *mut f32,
    /// (rows, 3U): gradients of the pre-activations.
    dx: *mut f32,
    /// (rows, 3U): gradients of the recurrent product, with `reset_after`.
    dq: *mut f32,
}

/// Gradients of z and of the candidate's pre-activation, where gate values and states are given;
/// `dh` becomes the part of `dh_{t-1}` that z let through.
///
/// # Safety
/// `row` is below `step.rows` and the lanes from `j` on end at U. In `step` `gates` is readable for
/// (rows, width), `h_before` for (rows, U), `dh_out`, unless null, for (rows, U), `dh` is readable
/// and writable for (rows, U); what is written lies apart from all else.
#[inline(always)]
unsafe fn mixed<S: Simd, P: Pair, const N: usize>(
    s: Side<S, N>,
    pair: P,
    step: &Step,
    row: usize,
    j: usize,
    lanes: Strip<S, N>,
) -> [[S::V; N]; 2] {
    let u = step.units;
    let at = row * u + j;
    // SAFETY: row below `rows`, lanes j.. below U of each gate.
    unsafe {
        let gates = step.gates.add(row * step.width + j);
        let (z, g) = (lanes.load(s, gates), lanes.load(s, gates.add(2 * u)));
        let mut dh = lanes.load(s, step.dh.add(at));
        if !step.dh_out.is_null() {
            dh = s.add(dh, lanes.load(s, step.dh_out.add(at)));
        }
        lanes.store(s, step.dh.add(at), s.mul(dh, z));
        let dz = s.mul(dh, s.sub(lanes.load(s, step.h_before.add(at)), g));
        [pair.gate_slope(s, z, dz), pair.main_slope(s, g, s.fnma(dh, z, dh))]
    }
}

/// The gradients of a timestep's cells whose r multiplies behind the recurrent product.
///
/// # Safety
/// In `step` `gates` is readable for (rows, width), `h_before` for (rows, U), `dh_out`, unless
/// null, for (rows, U), `dh` is readable and writable for (rows, U), `dx` and `dq` are writable for
/// (rows, 3U); what is written lies apart from all else.
#[inline(always)]
unsafe fn cells_reset_after<S: Simd, P: Pair>(s: S, pair: P, step: &Step) {
    let u = step.units;
    for row in 0..step.rows {
        registers!(s: S, u, |s, lanes, j| {
            // SAFETY: row below `rows`, lanes j.. below U of each gate.
            unsafe {
                let [dz, dg] = mixed(s, pair, step, row, j, lanes);
                let gates = step.gates.add(row * step.width + j);
                let (r, inner) = (lanes.load(s, gates.add(u)), lanes.load(s, gates.add(3 * u)));
                let dr = pair.gate_slope(s, r, s.mul(dg, inner));
                let (dx, dq) = (step.dx.add(row * 3 * u + j), step.dq.add(row * 3 * u + j));
                for (i, x, q) in [(0, dz, dz), (u, dr, dr), (2 * u, dg, s.mul(dg, r))] {
                    lanes.store(s, dx.add(i), x);
                    lanes.store(s, dq.add(i), q);
                }
            }
        });
    }
}

/// Gradients of z and the candidate; r's follows behind the product.
///
/// # Safety
/// In `step` `gates` is readable for (rows, width), `h_before` for (rows, U), `dh_out`, unless
/// null, for (rows, U), `dh` is readable and writable for (rows, U), `dx` is writable for (rows,
/// 3U); what is written lies apart from all else.
#[inline(always)]
unsafe fn cells_reset_before<S: Simd, P: Pair>(s: S, pair: P, step: &Step) {
    let u = step.units;
    for row in 0..step.rows {
        registers!(s: S, u, |s, lanes, j| {
            // SAFETY: row below `rows`, lanes j.. below U of each gate.
            unsafe {
                let [dz, dg] = mixed(s, pair, step, row, j, lanes);
                let dx = step.dx.add(row * 3 * u + j);
                lanes.store(s, dx, dz);
                lanes.store(s, dx.add(2 * u), dg);
            }
        });
    }
}

/// From `dreset`, the gradient of `r h'`: r's own, and what goes `through` to h'; `r h'` itself to
/// `reset`.
///
/// # Safety
/// `step.gates` is readable for (rows, width), `before` and `dreset` for (rows, U); `step.dx` is
/// writable for (rows, 3U), `reset` and `through` for (rows, U), and with `add` `through` holds
/// numbers; what is written lies apart from all else.
#[inline(always)]
unsafe fn gates_reset_before<S: Simd, P: Pair>(
    s: S,
    pair: P,
    step: &Step,
    dreset: *const f32,
    before: *const f32,
    reset: *mut f32,
    through: *mut f32,
    add: bool,
) {
    let u = step.units;
    for row in 0..step.rows {
        registers!(s: S, u, |s, lanes, j| {
            let at = row * u + j;
            // SAFETY: row below `rows`, lanes j.. below U of each gate.
            unsafe {
                let r = lanes.load(s, step.gates.add(row * step.width + j + u));
                let h = lanes.load(s, before.add(at));
                let d = lanes.load(s, dreset.add(at));
                let dr = pair.gate_slope(s, r, s.mul(d, h));
                lanes.store(s, step.dx.add(row * 3 * u + j + u), dr);
                lanes.store(s, reset.add(at), s.mul(r, h));
                let base = if add { lanes.load(s, through.add(at)) } else { s.splat(0.0) };
                lanes.store(s, through.add(at), s.fma(d, r, base));
            }
        });
    }
}
