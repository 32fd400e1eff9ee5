//! LSTM over packed sequences: forward and backward.

use super::{
    activation::{Activation, AnyPair, Pair, TanhSigmoid},
    matmul::{Matmul, Right, Start, View, left_len, panels_len},
    sequence::*,
    simd::Simd,
    table::table,
};

/// The sizes of an LSTM and of the batch it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LstmShape {
    /// F
    pub features: usize,
    /// U
    pub units: usize,
    /// B: rows of the states; no timestep has more live rows.
    pub batch: usize,
}

/// What an LSTM reads. Gates stand in Keras's order i, f, c, o.
///
/// ```text
/// z = x W + (h_{t-1} * mask) R + b
/// i, f, o = recurrent_activation(z_i, z_f, z_o)      g = activation(z_c)
/// c_t = f c_{t-1} + i g                              h_t = o activation(c_t)
/// ```
///
/// Sequences are sorted by length, longest first, and packed time-major: the rows of timestep 0, then those of
/// timestep 1 for the sequences still live, … `N` is the sum of `batch_sizes`; buffers of N rows may hold more,
/// which are neither read nor written.
///
/// Source: `keras/src/layers/rnn/lstm.py`, Keras 3.15.1. Differs: one mask serves the four gates.
#[derive(Clone, Copy, Debug)]
pub struct LstmForward<'a> {
    /// F, U, B
    pub shape: LstmShape,
    /// On the candidate and on the output; Keras's default is tanh.
    pub activation: Activation,
    /// On the gates; Keras's default is sigmoid.
    pub recurrent_activation: Activation,
    /// (N, F)
    pub x: &'a [f32],
    /// W: (F, 4U)
    pub kernel: &'a [f32],
    /// R: (U, 4U)
    pub recurrent: &'a [f32],
    /// b: (4U)
    pub bias: Option<&'a [f32]>,
    /// (B, U)
    pub h0: &'a [f32],
    /// (B, U)
    pub c0: &'a [f32],
    /// (B, U), multiplies `h_{t-1}` in the recurrent product at every timestep.
    pub recurrent_mask: Option<&'a [f32]>,
    /// Live rows of each timestep: T numbers that never grow.
    pub batch_sizes: &'a [i32],
}

/// What an LSTM writes.
#[derive(Debug)]
pub struct LstmOutputs<'a> {
    /// (N, U); needed by the backward pass.
    pub h: Option<&'a mut [f32]>,
    /// (N, U); needed by the backward pass.
    pub c: Option<&'a mut [f32]>,
    /// (N, 4U): the activated i, f, g, o; needed by the backward pass.
    pub gates: Option<&'a mut [f32]>,
    /// (B, U): each sequence's last h, its row of `h0` if it has no timestep.
    pub h_last: &'a mut [f32],
    /// (B, U): each sequence's last c, its row of `c0` if it has no timestep.
    pub c_last: &'a mut [f32],
}

/// What the gradient of an LSTM reads.
#[derive(Clone, Copy, Debug)]
pub struct LstmBackward<'a> {
    /// The forward pass's inputs.
    pub forward: LstmForward<'a>,
    /// (N, U), of the forward pass.
    pub h: &'a [f32],
    /// (N, U), of the forward pass.
    pub c: &'a [f32],
    /// (N, 4U), of the forward pass.
    pub gates: &'a [f32],
    /// (N, U): gradient of `h`.
    pub dh: Option<&'a [f32]>,
    /// (B, U): gradient of `h_last`.
    pub dh_last: Option<&'a [f32]>,
    /// (B, U): gradient of `c_last`.
    pub dc_last: Option<&'a [f32]>,
}

/// The gradients of an LSTM: written, not added to; what is `None` is not computed.
#[derive(Debug, Default)]
pub struct LstmGradients<'a> {
    /// (N, F)
    pub dx: Option<&'a mut [f32]>,
    /// (F, 4U)
    pub dkernel: Option<&'a mut [f32]>,
    /// (U, 4U)
    pub drecurrent: Option<&'a mut [f32]>,
    /// (4U)
    pub dbias: Option<&'a mut [f32]>,
    /// (B, U)
    pub dh0: Option<&'a mut [f32]>,
    /// (B, U)
    pub dc0: Option<&'a mut [f32]>,
}

/// Elements of scratch that [`lstm_forward`] takes, whatever the lengths of the sequences.
pub fn lstm_forward_scratch(shape: LstmShape) -> usize {
    let LstmShape { features: f, units: u, batch: b } = shape;
    part_len(panels_len(u, 4 * u))
        + part_len(panels_len(f, 4 * u))
        + part_len(left_len(u.max(f)))
        + part_len(b * u)
        + part_len(chunk_rows(b) * 4 * u)
}

/// Elements of scratch that [`lstm_backward`] takes, whatever the lengths of the sequences.
pub fn lstm_backward_scratch(shape: LstmShape) -> usize {
    let LstmShape { features: f, units: u, batch: b } = shape;
    part_len(panels_len(4 * u, u))
        + part_len(panels_len(4 * u, f))
        + 2 * part_len(b * u)
        + part_len(chunk_rows(b) * 4 * u)
        + part_len(chunk_rows(b) * u)
        + weight_gradients_scratch(4 * u, b)
}

/// Runs the sequences through the cell.
///
/// A sequence's results are the same bits in every batch and at every place in it.
///
/// # Panics
/// If a buffer is smaller than its shape, or `batch_sizes` grow.
pub fn lstm_forward(args: &LstmForward<'_>, out: &mut LstmOutputs<'_>, scratch: &mut [f32]) {
    check_forward(args);
    let LstmShape { units: u, batch: b, .. } = args.shape;
    let n = rows_of(args.batch_sizes);
    check_len("lstm", "h", out.h.as_ref().map_or(n * u, |h| h.len()), n * u);
    check_len("lstm", "c", out.c.as_ref().map_or(n * u, |c| c.len()), n * u);
    check_len("lstm", "gates", out.gates.as_ref().map_or(n * 4 * u, |g| g.len()), n * 4 * u);
    check_len("lstm", "h_last", out.h_last.len(), b * u);
    check_len("lstm", "c_last", out.c_last.len(), b * u);
    check_len("lstm", "scratch", scratch.len(), lstm_forward_scratch(args.shape));
    // SAFETY: the table of a supported tier; every length was checked.
    unsafe { (table().lstm_forward)(args, out, scratch) }
}

/// The gradients of [`lstm_forward`].
///
/// # Panics
/// If a buffer is smaller than its shape, or `batch_sizes` grow.
pub fn lstm_backward(args: &LstmBackward<'_>, out: &mut LstmGradients<'_>, scratch: &mut [f32]) {
    check_forward(&args.forward);
    let LstmShape { features: f, units: u, batch: b } = args.forward.shape;
    let n = rows_of(args.forward.batch_sizes);
    check_len("lstm", "h", args.h.len(), n * u);
    check_len("lstm", "c", args.c.len(), n * u);
    check_len("lstm", "gates", args.gates.len(), n * 4 * u);
    for (what, slice, needed) in [("dh", args.dh, n * u), ("dh_last", args.dh_last, b * u), ("dc_last", args.dc_last, b * u)] {
        check_len("lstm", what, slice.map_or(needed, <[f32]>::len), needed);
    }
    for (what, slice, needed) in [
        ("dx", &out.dx, n * f),
        ("dkernel", &out.dkernel, f * 4 * u),
        ("drecurrent", &out.drecurrent, u * 4 * u),
        ("dbias", &out.dbias, 4 * u),
        ("dh0", &out.dh0, b * u),
        ("dc0", &out.dc0, b * u),
    ] {
        check_len("lstm", what, slice.as_ref().map_or(needed, |s| s.len()), needed);
    }
    check_len("lstm", "scratch", scratch.len(), lstm_backward_scratch(args.forward.shape));
    // SAFETY: the table of a supported tier; every length was checked.
    unsafe { (table().lstm_backward)(args, out, scratch) }
}

fn check_forward(args: &LstmForward<'_>) {
    let LstmShape { features: f, units: u, batch: b } = args.shape;
    check_batch_sizes("lstm", args.batch_sizes, b);
    let n = rows_of(args.batch_sizes);
    check_len("lstm", "x", args.x.len(), n * f);
    check_len("lstm", "kernel", args.kernel.len(), f * 4 * u);
    check_len("lstm", "recurrent", args.recurrent.len(), u * 4 * u);
    check_len("lstm", "bias", args.bias.map_or(4 * u, <[f32]>::len), 4 * u);
    check_len("lstm", "h0", args.h0.len(), b * u);
    check_len("lstm", "c0", args.c0.len(), b * u);
    check_len("lstm", "recurrent_mask", args.recurrent_mask.map_or(b * u, <[f32]>::len), b * u);
}

/// # Safety
/// The lengths that [`lstm_forward`] checks.
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

/// # Safety
/// The lengths that [`lstm_backward`] checks.
#[inline(always)]
pub(crate) unsafe fn backward<S: Simd>(
    s: S,
    args: &LstmBackward<'_>,
    out: &mut LstmGradients<'_>,
    scratch: &mut [f32],
) {
    let (main, gate) = (args.forward.activation, args.forward.recurrent_activation);
    // SAFETY: the caller's promise.
    unsafe {
        if (main, gate) == (Activation::Tanh, Activation::Sigmoid) {
            backward_with(s, TanhSigmoid, args, out, scratch);
        } else {
            backward_with(s, AnyPair { main, gate }, args, out, scratch);
        }
    }
}

#[inline(always)]
unsafe fn forward_with<S: Simd, P: Pair>(
    s: S,
    pair: P,
    args: &LstmForward<'_>,
    out: &mut LstmOutputs<'_>,
    scratch: &mut [f32],
) {
    let LstmShape { features: f, units: u, batch } = args.shape;
    let sizes = args.batch_sizes;
    let width = 4 * u;
    out.h_last[..batch * u].copy_from_slice(&args.h0[..batch * u]);
    out.c_last[..batch * u].copy_from_slice(&args.c0[..batch * u]);
    let n = rows_of(sizes);
    if n == 0 || u == 0 {
        return;
    }
    let mut parts = Scratch::new(scratch);
    let recurrent_panels = parts.take(panels_len(u, width));
    let kernel_panels = parts.take(panels_len(f, width));
    let left = parts.take(left_len(u.max(f)));
    let masked = parts.take(batch * u);
    let z_chunk = parts.take(chunk_rows(batch) * width);
    let h_out = or_null_mut(&mut out.h);
    let c_out = or_null_mut(&mut out.c);
    let gates = or_null_mut(&mut out.gates);
    let mask = or_null(args.recurrent_mask);
    let (h, c) = (out.h_last.as_mut_ptr(), out.c_last.as_mut_ptr());
    let start = args.bias.map_or(Start::Zero, |b| Start::Row(b.as_ptr()));
    // SAFETY: the caller's promise on lengths; chunks and steps stay inside N rows, live rows inside the batch.
    unsafe {
        let repeated = if live(sizes, 0) > 2 { n } else { 0 };
        let recurrent = right(s, u, width, View::rows(args.recurrent.as_ptr(), width), repeated, recurrent_panels);
        let kernel = right(s, f, width, View::rows(args.kernel.as_ptr(), width), n, kernel_panels);
        let (mut t, mut row) = (0, 0);
        while t < sizes.len() {
            let chunk = chunk_from(sizes, t, row);
            let z = if gates.is_null() { z_chunk } else { gates.add(row * width) };
            let x = View::rows(args.x.as_ptr().add(row * f), f);
            s.matmul(&Matmul { m: chunk.rows, n: width, k: f, a: x, b: kernel, c: z, ldc: width, start, left });
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
                });
                let step = Step {
                    rows: b,
                    units: u,
                    z,
                    h,
                    c,
                    h_out: if h_out.is_null() { h_out } else { h_out.add(row * u) },
                    c_out: if c_out.is_null() { c_out } else { c_out.add(row * u) },
                    keep: !gates.is_null(),
                };
                cells(s, pair, step);
                z = z.add(b * width);
                row += b;
                t += 1;
            }
        }
    }
}

/// One timestep's cells: `z` to gates in place, the states forward.
struct Step {
    rows: usize,
    units: usize,
    z: *mut f32,
    h: *mut f32,
    c: *mut f32,
    h_out: *mut f32,
    c_out: *mut f32,
    keep: bool,
}

#[inline(always)]
unsafe fn cells<S: Simd, P: Pair>(s: S, pair: P, step: Step) {
    let u = step.units;
    for r in 0..step.rows {
        let mut j = 0;
        while j < u {
            let lanes = Lanes::at(s, j, u);
            let at = r * u + j;
            // SAFETY: row r of `rows`, lanes j.. below U of each gate.
            unsafe {
                let z = step.z.add(r * 4 * u + j);
                let i = pair.gate(s, lanes.load(s, z));
                let f = pair.gate(s, lanes.load(s, z.add(u)));
                let g = pair.main(s, lanes.load(s, z.add(2 * u)));
                let o = pair.gate(s, lanes.load(s, z.add(3 * u)));
                let (c, h) = cell(s, pair, i, f, g, o, lanes.load(s, step.c.add(at)));
                lanes.store(s, step.c.add(at), c);
                lanes.store(s, step.h.add(at), h);
                if step.keep {
                    lanes.store(s, z, i);
                    lanes.store(s, z.add(u), f);
                    lanes.store(s, z.add(2 * u), g);
                    lanes.store(s, z.add(3 * u), o);
                }
                if !step.c_out.is_null() {
                    lanes.store(s, step.c_out.add(at), c);
                }
                if !step.h_out.is_null() {
                    lanes.store(s, step.h_out.add(at), h);
                }
            }
            j += S::LANES;
        }
    }
}

/// `(c_t, h_t)` of activated gates.
#[inline(always)]
pub(crate) fn cell<S: Simd, P: Pair>(s: S, pair: P, i: S::V, f: S::V, g: S::V, o: S::V, c: S::V) -> (S::V, S::V) {
    let c = s.fma(f, c, s.mul(i, g));
    (c, s.mul(o, pair.main(s, c)))
}

/// What a cell's backward step reads in one register.
#[derive(Clone, Copy)]
pub(crate) struct CellState<S: Simd> {
    pub(crate) gates: [S::V; 4],
    pub(crate) c: S::V,
    pub(crate) c_before: S::V,
}

/// `(dz of i f g o, dc_{t-1})` from the gradients of `h_t` and `c_t`.
#[inline(always)]
pub(crate) fn cell_backward<S: Simd, P: Pair>(
    s: S,
    pair: P,
    at: CellState<S>,
    dh: S::V,
    dc: S::V,
) -> ([S::V; 4], S::V) {
    let [i, f, g, o] = at.gates;
    let y = pair.main(s, at.c);
    let dc = s.add(dc, pair.main_slope(s, y, s.mul(dh, o)));
    (
        [
            pair.gate_slope(s, i, s.mul(dc, g)),
            pair.gate_slope(s, f, s.mul(dc, at.c_before)),
            pair.main_slope(s, g, s.mul(dc, i)),
            pair.gate_slope(s, o, s.mul(dh, y)),
        ],
        s.mul(dc, f),
    )
}

#[inline(always)]
unsafe fn backward_with<S: Simd, P: Pair>(
    s: S,
    pair: P,
    args: &LstmBackward<'_>,
    out: &mut LstmGradients<'_>,
    scratch: &mut [f32],
) {
    let forward = &args.forward;
    let LstmShape { features: f, units: u, batch } = forward.shape;
    let sizes = forward.batch_sizes;
    let width = 4 * u;
    let n = rows_of(sizes);
    let mut parts = Scratch::new(scratch);
    let recurrent_panels = parts.take(panels_len(width, u));
    let kernel_panels = parts.take(panels_len(width, f));
    let dh = parts.take(batch * u);
    let dc = parts.take(batch * u);
    let dz_chunk = parts.take(chunk_rows(batch) * width);
    let before = parts.take(chunk_rows(batch) * u);
    let mut weights = WeightGradients {
        width,
        features: f,
        units: u,
        dkernel: or_null_mut(&mut out.dkernel),
        drecurrent: or_null_mut(&mut out.drecurrent),
        dbias: or_null_mut(&mut out.dbias),
        panels: parts.take(panels_len(chunk_rows(batch), width)),
        left: parts.take(left_len(chunk_rows(batch).max(width))),
        started: false,
    };
    let left = weights.left;
    let dx = or_null_mut(&mut out.dx);
    let dh_out = or_null(args.dh);
    let mask = or_null(forward.recurrent_mask);
    // SAFETY: the caller's promise on lengths; chunks and steps stay inside N rows, live rows inside the batch.
    unsafe {
        // A row's gradient waits here, untouched, until the step at which its sequence ends.
        for (state, last) in [(dh, args.dh_last), (dc, args.dc_last)] {
            match last {
                Some(last) => core::ptr::copy_nonoverlapping(last.as_ptr(), state, batch * u),
                None => core::ptr::write_bytes(state, 0, batch * u),
            }
        }
        if n > 0 && u > 0 {
            let recurrent = View::rows(forward.recurrent.as_ptr(), width).t();
            let recurrent = right(s, width, u, recurrent, n, recurrent_panels);
            let kernel = View::rows(forward.kernel.as_ptr(), width).t();
            let kernel = if dx.is_null() {
                Right::Panels(kernel_panels)
            } else {
                right(s, width, f, kernel, n, kernel_panels)
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
                    s.matmul(&Matmul {
                        m: b,
                        n: u,
                        k: width,
                        a: View::rows(dz, width),
                        b: recurrent,
                        c: dh,
                        ldc: u,
                        start: Start::Zero,
                        left,
                    });
                    if !mask.is_null() {
                        product(s, b * u, dh, mask, dh);
                    }
                }
                if !weights.drecurrent.is_null() {
                    previous_rows(s, sizes, chunk, u, args.h.as_ptr(), forward.h0.as_ptr(), mask, before);
                }
                weights.add(s, chunk.rows, forward.x.as_ptr().add(chunk.row0 * f), before, dz_chunk);
                if !dx.is_null() {
                    s.matmul(&Matmul {
                        m: chunk.rows,
                        n: f,
                        k: width,
                        a: View::rows(dz_chunk, width),
                        b: kernel,
                        c: dx.add(chunk.row0 * f),
                        ldc: f,
                        start: Start::Zero,
                        left,
                    });
                }
                end = chunk.row0;
            }
        }
        weights.finish();
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

#[inline(always)]
unsafe fn cells_backward<S: Simd, P: Pair>(s: S, pair: P, step: StepBackward) {
    let u = step.units;
    for r in 0..step.rows {
        let mut j = 0;
        while j < u {
            let lanes = Lanes::at(s, j, u);
            let at = r * u + j;
            // SAFETY: row r of `rows`, lanes j.. below U of each gate.
            unsafe {
                let gates = step.gates.add(r * 4 * u + j);
                let state = CellState {
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
            j += S::LANES;
        }
    }
}

#[cfg(test)]
mod tests;
