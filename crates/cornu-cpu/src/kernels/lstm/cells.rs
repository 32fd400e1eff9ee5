//! The cells of one timestep, forward and backward.

use crate::kernels::{
    activation_math::Pair,
    simd::Simd,
    strip::{activate_candidates, activate_gates, registers},
    vector::Vector,
};

/// One timestep's cells: `z` to gates in place, the states forward.
pub(super) struct Step {
    pub(super) rows: usize,
    pub(super) units: usize,
    pub(super) z: *mut f32,
    pub(super) h: *mut f32,
    /// Elements from a row of `h` to the next.
    pub(super) ld_h: usize,
    pub(super) c: *mut f32,
    pub(super) h_out: *mut f32,
    pub(super) c_out: *mut f32,
}

/// The cells of a timestep: gates activated in place, then the states.
///
/// # Safety
/// `z` is readable and writable for (rows, 4U), `c` for (rows, U), `h` is writable for (rows, U) at
/// rows of `ld_h`, `h_out` and `c_out` are null or writable for (rows, U); all lie apart.
#[inline(always)]
pub(super) unsafe fn cells<S: Simd, P: Pair>(s: S, pair: P, step: Step) {
    let u = step.units;
    for row in 0..step.rows {
        // SAFETY: row below `rows`, its 4U sums.
        let z = unsafe { step.z.add(row * 4 * u) };
        // SAFETY: the sums of i and f, of g, of o.
        unsafe {
            activate_gates(s, pair, 2 * u, z);
            activate_candidates(s, pair, u, z.add(2 * u));
            activate_gates(s, pair, u, z.add(3 * u));
        }
        // SAFETY: registers below U of each gate and state of the row.
        registers!(s: S, u, |s, lanes, j| unsafe {
            let at = row * u + j;
            let (i, f) = (lanes.load(s, z.add(j)), lanes.load(s, z.add(u + j)));
            let (g, o) = (lanes.load(s, z.add(2 * u + j)), lanes.load(s, z.add(3 * u + j)));
            let c = next_c(s, i, f, g, lanes.load(s, step.c.add(at)));
            let h = next_h(s, pair, o, c);
            lanes.store(s, step.c.add(at), c);
            lanes.store(s, step.h.add(row * step.ld_h + j), h);
            if !step.c_out.is_null() {
                lanes.store(s, step.c_out.add(at), c);
            }
            if !step.h_out.is_null() {
                lanes.store(s, step.h_out.add(at), h);
            }
        });
    }
}

/// `c_t = f c_{t-1} + i g`.
#[inline(always)]
pub(super) fn next_c<S: Vector>(s: S, i: S::V, f: S::V, g: S::V, c: S::V) -> S::V {
    s.fma(f, c, s.mul(i, g))
}

/// `h_t = o activation(c_t)`.
#[inline(always)]
pub(super) fn next_h<S: Vector, P: Pair>(s: S, pair: P, o: S::V, c: S::V) -> S::V {
    s.mul(o, pair.main(s, c))
}

/// What a cell's backward step reads in one register.
#[derive(Clone, Copy)]
pub(super) struct CellState<S: Vector> {
    pub(super) gates: [S::V; 4],
    pub(super) c: S::V,
    pub(super) c_before: S::V,
}

/// `(dz of i f g o, dc_{t-1})` from the gradients of `h_t` and `c_t`.
#[inline(always)]
pub(super) fn cell_backward<S: Vector, P: Pair>(
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
