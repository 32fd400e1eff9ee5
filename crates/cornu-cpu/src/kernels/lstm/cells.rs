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
    // The states first, then what needs them: so no activation of a stretch waits for another.
    let stretch = rows_of_stretch(u);
    let mut first = 0;
    while first < step.rows {
        let rows = first..step.rows.min(first + stretch);
        for r in rows.clone() {
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
                    let c = next_c(s, i, f, g, lanes.load(s, step.c.add(at)));
                    lanes.store(s, step.c.add(at), c);
                    lanes.store(s, z.add(3 * u), o);
                    if step.keep {
                        lanes.store(s, z, i);
                        lanes.store(s, z.add(u), f);
                        lanes.store(s, z.add(2 * u), g);
                    }
                    if !step.c_out.is_null() {
                        lanes.store(s, step.c_out.add(at), c);
                    }
                }
                j += S::LANES;
            }
        }
        for r in rows {
            let mut j = 0;
            while j < u {
                let lanes = Lanes::at(s, j, u);
                let at = r * u + j;
                // SAFETY: row r of `rows`, lanes j.. below U.
                unsafe {
                    let o = lanes.load(s, step.z.add(r * 4 * u + 3 * u + j));
                    let h = next_h(s, pair, o, lanes.load(s, step.c.add(at)));
                    lanes.store(s, step.h.add(at), h);
                    if !step.h_out.is_null() {
                        lanes.store(s, step.h_out.add(at), h);
                    }
                }
                j += S::LANES;
            }
        }
        first += stretch;
    }
}

/// `c_t = f c_{t-1} + i g`.
#[inline(always)]
pub(super) fn next_c<S: Simd>(s: S, i: S::V, f: S::V, g: S::V, c: S::V) -> S::V {
    s.fma(f, c, s.mul(i, g))
}

/// `h_t = o activation(c_t)`.
#[inline(always)]
pub(super) fn next_h<S: Simd, P: Pair>(s: S, pair: P, o: S::V, c: S::V) -> S::V {
    s.mul(o, pair.main(s, c))
}
