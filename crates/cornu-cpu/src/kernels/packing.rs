//! Operands of a matrix product copied into the order in which its loops read them.

use super::{operands::View, simd::Simd};

/// Copies `b (K, N)` into panels of two registers of columns, each panel `depth` rows one after
/// another; `dst` is the place of the first row in the first panel. Columns beyond N are 0.
///
/// # Safety
/// `b` is readable for (K, N); `dst` is writable for N rounded up to two registers, times `depth`,
/// less what stands before the first row, apart from `b`; `k` rows from there on stay within
/// `depth`.
#[inline(always)]
pub(crate) unsafe fn pack_rows<S: Simd>(
    s: S,
    k: usize,
    n: usize,
    b: View,
    depth: usize,
    dst: *mut f32,
) {
    let width = 2 * S::LANES;
    let mut j = 0;
    let mut out = dst;
    while j < n {
        let w = width.min(n - j);
        // SAFETY: columns j..j + w < n of rows below k; panels of depth * width elements follow one
        // another.
        unsafe {
            if b.cs == 1 && w == width {
                for p in 0..k {
                    let row = b.ptr.add(p * b.rs + j);
                    s.store(out.add(p * width), s.load(row));
                    s.store(out.add(p * width + S::LANES), s.load(row.add(S::LANES)));
                }
            } else if b.rs == 1 {
                pack_transposed(s, k, w, b.ptr.add(j * b.cs), b.cs, out);
            } else {
                for p in 0..k {
                    for q in 0..w {
                        *out.add(p * width + q) = *b.ptr.add(p * b.rs + (j + q) * b.cs);
                    }
                    for q in w..width {
                        *out.add(p * width + q) = 0.0;
                    }
                }
            }
            out = out.wrapping_add(depth * width);
        }
        j += width;
    }
}

/// One panel whose `w` columns lie as rows of `ld` elements: four by `LANES` blocks turned in
/// registers.
///
/// # Safety
/// `src` is readable for `w` rows of `k` elements, `ld` apart; `w` is at most two registers; `out`
/// is writable for `k` rows of two registers, apart from `src`.
#[inline(always)]
unsafe fn pack_transposed<S: Simd>(
    s: S,
    k: usize,
    w: usize,
    src: *const f32,
    ld: usize,
    out: *mut f32,
) {
    let width = 2 * S::LANES;
    for half in 0..2 {
        let first = half * S::LANES;
        let live = w.saturating_sub(first).min(S::LANES);
        let mut p = 0;
        // SAFETY: columns first..first + live <= w, depths below k.
        unsafe {
            while p + 4 <= k {
                let v = s.load_columns(src.add(first * ld * (live > 0) as usize + p), ld, live);
                for q in 0..4 {
                    s.store(out.add((p + q) * width + first), v[q]);
                }
                p += 4;
            }
            while p < k {
                for q in 0..S::LANES {
                    let x = if q < live { *src.add((first + q) * ld + p) } else { 0.0 };
                    *out.add(p * width + first + q) = x;
                }
                p += 1;
            }
        }
    }
}

/// Heights of the tiles that cut `rows` evenly: `(count of tall ones, tall, count in all)`.
#[inline(always)]
pub(super) fn tiles(rows: usize, most: usize) -> (usize, usize, usize) {
    let count = rows.div_ceil(most);
    let low = rows / count;
    (rows - low * count, low + 1, count)
}

/// Copies the rows of `a` into tiles, each depth after depth.
///
/// # Safety
/// `a` is readable for (rows, K); `dst` is writable for `rows * k` elements and a register behind
/// them, apart from `a`.
#[inline(always)]
pub(super) unsafe fn pack_left<S: Simd>(
    s: S,
    rows: usize,
    k: usize,
    a: View,
    dst: *mut f32,
) -> View {
    const { assert!(S::TILE_ROWS <= S::LANES, "a depth of a tile is stored as one register") };
    let (tall, high, count) = tiles(rows, S::TILE_ROWS);
    let mut row = 0;
    let mut out = dst;
    for t in 0..count {
        let h = if t < tall { high } else { high - 1 };
        // SAFETY: rows row..row + h of depths below k; tiles of h * k elements follow one another
        // in `left_len`.
        unsafe {
            let src = a.ptr.add(row * a.rs);
            // Whole registers: what stands beyond the rows of a depth is written again by the next,
            // and beyond the last is slack.
            if a.rs == 1 {
                let mask = s.mask(h);
                for p in 0..k {
                    s.store(out.add(p * h), s.load_masked(src.add(p * a.cs), mask));
                }
            } else {
                let mut p = 0;
                if a.cs == 1 {
                    while p + 4 <= k {
                        let v = s.load_columns(src.add(p), a.rs, h);
                        for q in 0..4 {
                            s.store(out.add((p + q) * h), v[q]);
                        }
                        p += 4;
                    }
                }
                while p < k {
                    for r in 0..h {
                        *out.add(p * h + r) = *src.add(r * a.rs + p * a.cs);
                    }
                    p += 1;
                }
            }
            out = out.add(h * k);
        }
        row += h;
    }
    View::rows(dst, 0)
}
