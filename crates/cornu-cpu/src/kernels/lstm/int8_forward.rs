//! The forward pass of an LSTM whose weights have eight bits: row after row, for the weights of a
//! step are near.

use super::{
    args::{LstmForward, LstmOutputs},
    cells::{Step, cells},
    int8::LstmInt8,
};
use crate::kernels::{
    activation_math::Pair, packed_steps::live, scratch::or_null_mut, shape::CellShape, simd::Simd,
};
use core::slice::{from_raw_parts, from_raw_parts_mut};

/// Memory of the steps.
#[derive(Clone, Copy)]
pub(super) struct Int8Work {
    /// (B, 4U)
    pub(super) z: *mut f32,
    /// max(F, U) bytes rounded up to fours.
    pub(super) rounded: *mut u8,
}

/// The forward pass, row after row.
///
/// # Safety
/// `batch_sizes` never grow and none exceeds B; every slice of `args` and `out` holds the elements
/// of its shape; `out.h_last` and `out.c_last` hold the first states; `work` is writable for what
/// it states, for this call alone.
#[inline(always)]
pub(super) unsafe fn int8_forward<S: Simd, P: Pair>(
    s: S,
    pair: P,
    args: &LstmForward<'_>,
    out: &mut LstmOutputs<'_>,
    w: LstmInt8<'_>,
    work: Int8Work,
) {
    let CellShape { features: f, units: u, .. } = args.shape;
    let width = 4 * u;
    let (h_out, c_out, gates) =
        (or_null_mut(&mut out.h), or_null_mut(&mut out.c), or_null_mut(&mut out.gates));
    let (h, c) = (out.h_last.as_mut_ptr(), out.c_last.as_mut_ptr());
    let mut row = 0;
    for t in 0..args.batch_sizes.len() {
        let b = live(args.batch_sizes, t);
        // SAFETY: rows of step t inside N, live rows inside the batch; the parts of the work lie
        // apart.
        unsafe {
            let z = if gates.is_null() { work.z } else { gates.add(row * width) };
            let rounded = from_raw_parts_mut(work.rounded, f.max(u).next_multiple_of(4));
            for r in 0..b {
                let z = from_raw_parts_mut(z.add(r * width), width);
                match args.bias {
                    Some(bias) => z.copy_from_slice(&bias[..width]),
                    None => z.fill(0.0),
                }
                w.kernel.add_row(&args.x[(row + r) * f..][..f], rounded, z);
                w.recurrent.add_row(from_raw_parts(h.add(r * u), u), rounded, z);
            }
            let at = |p: *mut f32| if p.is_null() { p } else { p.add(row * u) };
            let step =
                Step { rows: b, units: u, z, h, ld_h: u, c, h_out: at(h_out), c_out: at(c_out) };
            cells(s, pair, step);
        }
        row += b;
    }
}
