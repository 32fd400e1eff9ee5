//! The forward pass of a GRU: projection in chunks, then a product or two and the gates at each
//! step.

use super::args::{GruForward, GruOutputs, gru_gates_width};
use crate::kernels::{
    activation::Activation,
    activation_math::{AnyPair, Pair, TanhSigmoid},
    by_gate::{GateMasks, GateProducts, recurrent_panels_len},
    operands::{Matmul, Right, Start, View, left_len, panels_len},
    packed_steps::{chunk_from, chunk_rows, live, rows_of},
    scratch::{Scratch, or_null_mut},
    shape::CellShape,
    simd::Simd,
    state_rows::product,
    strip::{Strip, activate_gates, registers},
    vector::{Side, Vector},
    weights::{at_once, per_step, right},
};

/// The forward pass on a tier.
///
/// # Safety
/// `batch_sizes` never grow and none exceeds B; every slice of `args` and `out` holds the elements
/// of its shape, and `scratch` those of `gru_forward_scratch`.
#[inline(always)]
pub(crate) unsafe fn forward<S: Simd>(
    s: S,
    args: &GruForward<'_>,
    out: &mut GruOutputs<'_>,
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

/// The pass with its activations known to the compiler, or looked up.
///
/// # Safety
/// `batch_sizes` never grow and none exceeds B; every slice of `args` and `out` holds the elements
/// of its shape, and `scratch` those of `gru_forward_scratch`.
#[inline(always)]
unsafe fn forward_with<S: Simd, P: Pair>(
    s: S,
    pair: P,
    args: &GruForward<'_>,
    out: &mut GruOutputs<'_>,
    scratch: &mut [f32],
) {
    let CellShape { features: f, units: u, batch } = args.shape;
    let sizes = args.batch_sizes;
    out.h_last[..batch * u].copy_from_slice(&args.h0[..batch * u]);
    let n = rows_of(sizes);
    if n == 0 || u == 0 {
        return;
    }
    let width = gru_gates_width(u, args.reset_after);
    let mut parts = Scratch::new(scratch);
    let panels = [parts.take(recurrent_panels_len(u, 3, u)), parts.take(panels_len(u, u))];
    let kernel_panels = parts.take(panels_len(f, 3 * u));
    let left = parts.take(left_len(u.max(f)));
    let masked = parts.take(batch * u);
    let q = parts.take(batch * 3 * u);
    let z_chunk = parts.take(chunk_rows(batch) * 4 * u);
    let h_out = or_null_mut(&mut out.h);
    let gates = or_null_mut(&mut out.gates);
    let masks = GateMasks::new(args.recurrent_mask, 3, u);
    let h = out.h_last.as_mut_ptr();
    let start = args.bias.map_or(Start::Zero, |b| Start::Row(b.as_ptr()));
    // SAFETY: slices hold the elements of their shapes, and parts of the scratch what they were
    // taken for; chunks and steps stay inside N rows, live rows inside the batch.
    unsafe {
        let r = args.recurrent.as_ptr();
        // All columns at once, or those of z and r apart from those of the candidate.
        let columns = if args.reset_after { 3 * u } else { 2 * u };
        let reads = per_step(sizes);
        let by_gate = if masks.is_some() {
            masks.pack(s, r, false, reads, panels[0])
        } else {
            [Right::Panels(panels[0]); 4]
        };
        let recurrent = if masks.is_some() {
            by_gate[0]
        } else {
            right(s, u, columns, View::rows(r, 3 * u), reads, panels[0])
        };
        let candidate = match (args.reset_after, masks.is_some()) {
            (true, _) => recurrent,
            (false, true) => by_gate[2],
            (false, false) => right(s, u, u, View::rows(r.add(2 * u), 3 * u), reads, panels[1]),
        };
        let kernel =
            right(s, f, 3 * u, View::rows(args.kernel.as_ptr(), 3 * u), at_once(n), kernel_panels);
        let product_of = |m: usize,
                          a: *const f32,
                          b: Right,
                          columns: usize,
                          c: *mut f32,
                          ldc: usize,
                          start: Start| {
            s.matmul(&Matmul {
                m,
                n: columns,
                k: u,
                a: View::rows(a, u),
                b,
                c,
                ldc,
                start,
                left,
                from_end: false,
            });
        };
        let (mut t, mut row) = (0, 0);
        while t < sizes.len() {
            let chunk = chunk_from(sizes, t, row);
            let mut z = if gates.is_null() { z_chunk } else { gates.add(row * width) };
            let x = View::rows(args.x.as_ptr().add(row * f), f);
            s.matmul(&Matmul {
                m: chunk.rows,
                n: 3 * u,
                k: f,
                a: x,
                b: kernel,
                c: z,
                ldc: width,
                start,
                left,
                from_end: false,
            });
            while t < chunk.t1 {
                let b = live(sizes, t);
                let h_out = if h_out.is_null() { h_out } else { h_out.add(row * u) };
                let step =
                    Step { rows: b, units: u, width, z, q, h, h_out, keep: !gates.is_null() };
                let by = GateProducts { rows: b, weights: by_gate, between: masked, left };
                if args.reset_after {
                    if masks.is_some() {
                        let starts = [0, 1, 2, 0].map(|gate| {
                            args.bias.map_or(Start::Zero, |b| {
                                Start::Row(b.as_ptr().wrapping_add((3 + gate) * u))
                            })
                        });
                        masks.sums(s, by, 3, h, starts, q, 3 * u);
                    } else {
                        let start =
                            args.bias.map_or(Start::Zero, |b| Start::Row(b.as_ptr().add(3 * u)));
                        product_of(b, h, recurrent, 3 * u, q, 3 * u, start);
                    }
                    cells_reset_after(s, pair, &step);
                } else {
                    let mut before = h.cast_const();
                    if masks.is_some() {
                        masks.sums(s, by, 2, h, [Start::Sum; 4], z, width);
                        masks.gate(2).rows(b, u, h, masked);
                        before = masked;
                    } else {
                        product_of(b, h, recurrent, 2 * u, z, width, Start::Sum);
                    }
                    gates_reset_before(s, pair, &step, before);
                    product_of(b, q, candidate, u, z.add(2 * u), width, Start::Sum);
                    cells_reset_before(s, pair, &step);
                }
                z = z.add(b * width);
                row += b;
                t += 1;
            }
        }
    }
}

/// One timestep.
struct Step {
    rows: usize,
    units: usize,
    /// Columns of `z`.
    width: usize,
    /// The projected inputs, turned to gates in place.
    z: *mut f32,
    /// The recurrent product (rows, 3U), or `r h'` (rows, U).
    q: *mut f32,
    h: *mut f32,
    h_out: *mut f32,
    keep: bool,
}

/// `z h + (1 - z) g`.
#[inline(always)]
fn mix<S: Vector>(s: S, z: S::V, h: S::V, g: S::V) -> S::V {
    s.fma(z, s.sub(h, g), g)
}

/// The cells of a timestep whose r multiplies behind the recurrent product.
///
/// # Safety
/// In `step` `z` is readable and writable for (rows, width), `h` for (rows, U), `q` for (rows, 3U),
/// `h_out` is null or writable for (rows, U); all lie apart.
#[inline(always)]
unsafe fn cells_reset_after<S: Simd, P: Pair>(s: S, pair: P, step: &Step) {
    let u = step.units;
    for row in 0..step.rows {
        // SAFETY: row below `rows`, its columns.
        let (x, q) = unsafe { (step.z.add(row * step.width), step.q.add(row * 3 * u)) };
        // SAFETY: the sums of z and r.
        registers!(s: S, 2 * u, |s, lanes, j| unsafe {
            let sum = s.add(lanes.load(s, x.add(j)), lanes.load(s, q.add(j)));
            lanes.store(s, x.add(j), pair.gate(s, sum));
        });
        // SAFETY: registers below U of each gate and of the state.
        registers!(s: S, u, |s, lanes, j| unsafe {
            let inner = lanes.load(s, q.add(2 * u + j));
            if step.keep {
                lanes.store(s, x.add(3 * u + j), inner);
            }
            let r = lanes.load(s, x.add(u + j));
            let sum = s.fma(r, inner, lanes.load(s, x.add(2 * u + j)));
            mix_candidates(s, pair, step, row, lanes, j, sum);
        });
    }
}

/// z and r activated in place, `r h'` to `q`.
///
/// # Safety
/// In `step` `z` is readable and writable for (rows, width), `h` for (rows, U), `q` for (rows, U),
/// `h_out` is null or writable for (rows, U); all lie apart. `before` is readable for (rows, U),
/// apart from `z` and `q`.
#[inline(always)]
unsafe fn gates_reset_before<S: Simd, P: Pair>(s: S, pair: P, step: &Step, before: *const f32) {
    let u = step.units;
    for row in 0..step.rows {
        // SAFETY: row below `rows`, registers below U of each gate and of the state.
        unsafe {
            let x = step.z.add(row * step.width);
            activate_gates(s, pair, 2 * u, x);
            product(u, x.add(u), before.add(row * u), step.q.add(row * u));
        }
    }
}

/// The candidates of all rows, whose sums stand in `z`.
///
/// # Safety
/// In `step` `z` is readable and writable for (rows, width), `h` for (rows, U), `q` for (rows, U),
/// `h_out` is null or writable for (rows, U); all lie apart.
#[inline(always)]
unsafe fn cells_reset_before<S: Simd, P: Pair>(s: S, pair: P, step: &Step) {
    let u = step.units;
    for row in 0..step.rows {
        // SAFETY: registers below U of row below `rows`.
        registers!(s: S, u, |s, lanes, j| unsafe {
            let sum = lanes.load(s, step.z.add(row * step.width + 2 * u + j));
            mix_candidates(s, pair, step, row, lanes, j, sum);
        });
    }
}

/// Candidates activated from their sums, and the states mixed of both.
///
/// # Safety
/// `row` is below `step.rows` and the lanes from `j` on end at U; in `step` `z` is readable and
/// writable for (rows, width), `h` for (rows, U), and `h_out` is null or writable for (rows, U);
/// all lie apart.
#[inline(always)]
unsafe fn mix_candidates<S: Simd, P: Pair, const N: usize>(
    s: Side<S, N>,
    pair: P,
    step: &Step,
    row: usize,
    lanes: Strip<S, N>,
    j: usize,
    sums: [S::V; N],
) {
    let u = step.units;
    // SAFETY: lanes from j on, below U, of a row below `rows`.
    unsafe {
        let x = step.z.add(row * step.width + j);
        let g = pair.main(s, sums);
        let p = step.h.add(row * u + j);
        let h = mix(s, lanes.load(s, x), lanes.load(s, p), g);
        lanes.store(s, p, h);
        if step.keep {
            lanes.store(s, x.add(2 * u), g);
        }
        if !step.h_out.is_null() {
            lanes.store(s, step.h_out.add(row * u + j), h);
        }
    }
}
