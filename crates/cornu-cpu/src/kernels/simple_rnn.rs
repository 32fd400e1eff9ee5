//! SimpleRNN over packed sequences: forward and backward.

use super::{
    activation::Activation,
    matmul::{Matmul, Right, Rows, Start, View, left_len, panels_len},
    sequence::*,
    shape::CellShape,
    simd::{Side, Simd, Vector},
    table::table,
    vector_math,
};

/// What a simple recurrent cell reads: `h_t = activation(x W + (h_{t-1} * mask) R + b)`.
///
/// Rows are packed as [`LstmForward`](super::lstm::LstmForward) states.
///
/// Source: `keras/src/layers/rnn/simple_rnn.py`, Keras 3.15.1.
#[derive(Clone, Copy, Debug)]
pub struct SimpleRnnForward<'a> {
    /// F, U, B
    pub shape: CellShape,
    /// Keras's default is tanh.
    pub activation: Activation,
    /// (N, F)
    pub x: &'a [f32],
    /// W: (F, U)
    pub kernel: &'a [f32],
    /// R: (U, U)
    pub recurrent: &'a [f32],
    /// b: (U)
    pub bias: Option<&'a [f32]>,
    /// (B, U)
    pub h0: &'a [f32],
    /// (B, U), multiplies `h_{t-1}` in the recurrent product at every timestep.
    pub recurrent_mask: Option<&'a [f32]>,
    /// Live rows of each timestep: T numbers that never grow.
    pub batch_sizes: &'a [i32],
}

/// What a simple recurrent cell writes.
#[derive(Debug)]
pub struct SimpleRnnOutputs<'a> {
    /// (N, U); needed by the backward pass.
    pub h: Option<&'a mut [f32]>,
    /// (B, U): each sequence's last h, its row of `h0` if it has no timestep.
    pub h_last: &'a mut [f32],
}

/// What the gradient of a simple recurrent cell reads.
#[derive(Clone, Copy, Debug)]
pub struct SimpleRnnBackward<'a> {
    /// The forward pass's inputs.
    pub forward: SimpleRnnForward<'a>,
    /// (N, U), of the forward pass.
    pub h: &'a [f32],
    /// (N, U): gradient of `h`.
    pub dh: Option<&'a [f32]>,
    /// (B, U): gradient of `h_last`.
    pub dh_last: Option<&'a [f32]>,
}

/// The gradients of a simple recurrent cell: written, not added to; what is `None` is not computed.
#[derive(Debug, Default)]
pub struct SimpleRnnGradients<'a> {
    /// (N, F)
    pub dx: Option<&'a mut [f32]>,
    /// (F, U)
    pub dkernel: Option<&'a mut [f32]>,
    /// (U, U)
    pub drecurrent: Option<&'a mut [f32]>,
    /// (U)
    pub dbias: Option<&'a mut [f32]>,
    /// (B, U)
    pub dh0: Option<&'a mut [f32]>,
}

/// Elements of scratch that [`simple_rnn_forward`] takes, whatever the lengths of the sequences.
pub fn simple_rnn_forward_scratch(shape: CellShape) -> usize {
    let CellShape { features: f, units: u, batch: b } = shape;
    part_len(panels_len(u, u))
        + part_len(panels_len(f, u))
        + part_len(left_len(u.max(f)))
        + part_len(b * u)
        + part_len(chunk_rows(b) * u)
}

/// Elements of scratch that [`simple_rnn_backward`] takes, whatever the lengths of the sequences.
pub fn simple_rnn_backward_scratch(shape: CellShape) -> usize {
    let CellShape { features: f, units: u, batch: b } = shape;
    part_len(panels_len(u, u))
        + part_len(panels_len(u, f))
        + part_len(b * u)
        + 2 * part_len(chunk_rows(b) * u)
        + long_products_scratch(u, b)
}

/// Runs the sequences through the cell.
///
/// A sequence's results are the same bits in every batch and at every place in it.
///
/// # Panics
/// If a buffer is smaller than its shape, or `batch_sizes` grow.
pub fn simple_rnn_forward(
    args: &SimpleRnnForward<'_>,
    out: &mut SimpleRnnOutputs<'_>,
    scratch: &mut [f32],
) {
    check_forward(args);
    let CellShape { units: u, batch: b, .. } = args.shape;
    let n = rows_of(args.batch_sizes);
    check_len("simple_rnn", "h", out.h.as_ref().map_or(n * u, |h| h.len()), n * u);
    check_len("simple_rnn", "h_last", out.h_last.len(), b * u);
    check_len("simple_rnn", "scratch", scratch.len(), simple_rnn_forward_scratch(args.shape));
    // SAFETY: the table of a supported tier; every length was checked.
    unsafe { (table().simple_rnn_forward)(args, out, scratch) }
}

/// The gradients of [`simple_rnn_forward`].
///
/// # Panics
/// If a buffer is smaller than its shape, or `batch_sizes` grow.
pub fn simple_rnn_backward(
    args: &SimpleRnnBackward<'_>,
    out: &mut SimpleRnnGradients<'_>,
    scratch: &mut [f32],
) {
    check_forward(&args.forward);
    let CellShape { features: f, units: u, batch: b } = args.forward.shape;
    let n = rows_of(args.forward.batch_sizes);
    check_len("simple_rnn", "h", args.h.len(), n * u);
    for (what, slice, needed) in [("dh", args.dh, n * u), ("dh_last", args.dh_last, b * u)] {
        check_len("simple_rnn", what, slice.map_or(needed, <[f32]>::len), needed);
    }
    for (what, slice, needed) in [
        ("dx", &out.dx, n * f),
        ("dkernel", &out.dkernel, f * u),
        ("drecurrent", &out.drecurrent, u * u),
        ("dbias", &out.dbias, u),
        ("dh0", &out.dh0, b * u),
    ] {
        check_len("simple_rnn", what, slice.as_ref().map_or(needed, |s| s.len()), needed);
    }
    check_len(
        "simple_rnn",
        "scratch",
        scratch.len(),
        simple_rnn_backward_scratch(args.forward.shape),
    );
    // SAFETY: the table of a supported tier; every length was checked.
    unsafe { (table().simple_rnn_backward)(args, out, scratch) }
}

fn check_forward(args: &SimpleRnnForward<'_>) {
    let CellShape { features: f, units: u, batch: b } = args.shape;
    check_batch_sizes("simple_rnn", args.batch_sizes, b);
    let n = rows_of(args.batch_sizes);
    check_len("simple_rnn", "x", args.x.len(), n * f);
    check_len("simple_rnn", "kernel", args.kernel.len(), f * u);
    check_len("simple_rnn", "recurrent", args.recurrent.len(), u * u);
    check_len("simple_rnn", "bias", args.bias.map_or(u, <[f32]>::len), u);
    check_len("simple_rnn", "h0", args.h0.len(), b * u);
    check_len(
        "simple_rnn",
        "recurrent_mask",
        args.recurrent_mask.map_or(b * u, <[f32]>::len),
        b * u,
    );
}

/// # Safety
/// The lengths that [`simple_rnn_forward`] checks.
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
    // SAFETY: the caller's promise on lengths; chunks and steps stay inside N rows, live rows
    // inside the batch.
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

/// # Safety
/// The lengths that [`simple_rnn_backward`] checks.
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
    // SAFETY: the caller's promise on lengths; chunks and steps stay inside N rows, live rows
    // inside the batch.
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

/// tanh in line, others called.
#[inline(always)]
fn activate<S: Vector>(s: S, activation: Activation, x: S::V) -> S::V {
    match activation {
        Activation::Tanh => vector_math::tanh(s, x),
        other => s.activate(other, x),
    }
}

/// As [`activate`], of the derivative.
#[inline(always)]
fn activation_slope<S: Vector>(s: S, activation: Activation, y: S::V, g: S::V) -> S::V {
    match activation {
        Activation::Tanh => s.fnma(s.mul(y, y), g, g),
        other => s.activation_slope(other, y, g),
    }
}

#[cfg(test)]
mod tests;
