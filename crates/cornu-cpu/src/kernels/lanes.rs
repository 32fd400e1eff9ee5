//! Rows of a batch in the lanes of registers: the layout of cells so small that a row would not
//! fill one.
//!
//! A tile is `columns` registers; lane `r` of register `j` holds element `(r, j)` of up to `LANES`
//! rows. Weights are broadcast, so each element is the same chain of operations as in
//! [`matmul`](super::matmul), to the bit.

use super::simd::Simd;

/// Registers of weight gradients that a cell kept in lanes may hold: about what the first level
/// cache does.
const REGISTERS: usize = 768;
/// Lanes of the widest tier; scratch is sized by it.
pub(crate) const WIDEST: usize = 16;
/// Live rows from which lanes are worth their idle neighbours.
const ROWS: usize = 3;

/// Whether a cell of `width` gate columns keeps its rows in lanes. Bits do not depend on the
/// answer.
pub(crate) fn fits(features: usize, units: usize, width: usize) -> bool {
    units <= 10 && (features + units + 1) * width <= REGISTERS
}

/// Whether a batch whose first step has `live` rows does.
pub(crate) fn fills(live: usize) -> bool {
    live >= ROWS
}

/// Reads a tile from rows of `ld` elements; lanes from `live` on become 0.
///
/// # Safety
/// `src` is readable for (live, columns) at rows of `ld`, `tile` writable for `columns` registers,
/// apart from `src`; `live` is at most a register's lanes, and `ld` is 1 for one column alone.
#[inline(always)]
pub(crate) unsafe fn load<S: Simd>(
    s: S,
    columns: usize,
    live: usize,
    src: *const f32,
    ld: usize,
    tile: *mut f32,
) {
    let l = S::LANES;
    // SAFETY: columns below `columns` of rows below `live`; registers below `columns`.
    unsafe {
        if columns >= 4 {
            let mut j = 0;
            while j < columns {
                // The last four columns may overlap those before.
                let at = j.min(columns - 4);
                let v = s.load_columns(src.add(at), ld, live);
                for q in 0..4 {
                    s.store(tile.add((at + q) * l), v[q]);
                }
                j += 4;
            }
        } else if ld == 1 {
            s.store(tile, s.load_masked(src, s.mask(live)));
        } else {
            for j in 0..columns {
                s.store(tile.add(j * l), s.splat(0.0));
                for r in 0..live {
                    *tile.add(j * l + r) = *src.add(r * ld + j);
                }
            }
        }
    }
}

/// Writes the first `live` lanes of a tile to rows of `ld` elements.
///
/// # Safety
/// `tile` is readable for `columns` registers, `dst` writable for (live, columns) at rows of `ld`,
/// apart from `tile`; `live` is at most a register's lanes, and `ld` is 1 for one column alone.
#[inline(always)]
pub(crate) unsafe fn store<S: Simd>(
    s: S,
    columns: usize,
    live: usize,
    tile: *const f32,
    dst: *mut f32,
    ld: usize,
) {
    let l = S::LANES;
    // SAFETY: registers below `columns`; columns below `columns` of rows below `live`.
    unsafe {
        if columns >= 4 {
            let mut j = 0;
            while j < columns {
                let at = j.min(columns - 4);
                let mut v = [s.splat(0.0); 4];
                for q in 0..4 {
                    v[q] = s.load(tile.add((at + q) * l));
                }
                s.store_columns(dst.add(at), ld, live, v);
                j += 4;
            }
        } else if ld == 1 {
            s.store_masked(dst, s.mask(live), s.load(tile));
        } else {
            for r in 0..live {
                for j in 0..columns {
                    *dst.add(r * ld + j) = *tile.add(j * l + r);
                }
            }
        }
    }
}

/// Adds the lanes of each of `n` registers (a multiple of four) into `sums (n)`.
///
/// # Safety
/// `tile` is readable for `n` registers, `sums` writable for `n` elements, apart from `tile`.
#[inline(always)]
pub(crate) unsafe fn sums<S: Simd>(s: S, n: usize, tile: *const f32, sums: *mut f32) {
    let mut j = 0;
    while j < n {
        let mut v = [s.splat(0.0); 4];
        // SAFETY: four registers below n.
        unsafe {
            for q in 0..4 {
                v[q] = s.load(tile.add((j + q) * S::LANES));
            }
            let four = s.sums(v);
            for q in 0..4 {
                *sums.add(j + q) = four[q];
            }
        }
        j += 4;
    }
}
