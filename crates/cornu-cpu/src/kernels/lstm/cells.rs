//! The cells of one timestep: gates from their sums, then the states.

use crate::kernels::{activation::Pair, sequence::*, simd::Simd};

/// One timestep's cells: `z` to gates in place, the states forward.
pub(super) struct Step {
    pub(super) rows: usize,
    pub(super) units: usize,
    pub(super) z: *mut f32,
    pub(super) h: *mut f32,
    pub(super) c: *mut f32,
    pub(super) h_out: *mut f32,
    pub(super) c_out: *mut f32,
    pub(super) keep: bool,
}

#[inline(always)]
pub(super) unsafe fn cells<S: Simd, P: Pair>(s: S, pair: P, step: Step) {
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
