//! Rows of states from step to step: copied, masked, multiplied.

use super::packed_steps::{Chunk, live};

/// Rows (B, U) of a mask, `ld` elements apart; null where nothing is dropped.
#[derive(Clone, Copy)]
pub(crate) struct Mask {
    pub(crate) rows: *const f32,
    pub(crate) ld: usize,
}

/// The rows of h that stood before each row of a chunk, `h_{t-1} * mask`, as (rows, U).
///
/// # Safety
/// The chunk is one of `batch_sizes`; `h` is readable for (N, units) up to the chunk's end, `h0`
/// for the rows of the first step, the mask, if there is one, for as many at its `ld`; `out` is
/// writable for (chunk rows, units), apart from all of them.
pub(crate) unsafe fn previous_rows(
    batch_sizes: &[i32],
    chunk: Chunk,
    units: usize,
    h: *const f32,
    h0: *const f32,
    mask: Mask,
    out: *mut f32,
) {
    let mut row = chunk.row0;
    for t in chunk.t0..chunk.t1 {
        let b = live(batch_sizes, t);
        // SAFETY: the rows of step t - 1 stand right before those of step t.
        unsafe {
            let before = if t == 0 { h0 } else { h.add((row - live(batch_sizes, t - 1)) * units) };
            mask.rows(b, units, before, out.add((row - chunk.row0) * units));
        }
        row += b;
    }
}

impl Mask {
    /// `out (rows, U) = a * mask`; `out` may be `a`.
    ///
    /// # Safety
    /// `a` is readable and `out` writable for (rows, U), and they are one or lie apart; the mask,
    /// if there is one, is readable for (rows, U) at its `ld`, apart from `out`.
    pub(crate) unsafe fn rows(self, rows: usize, units: usize, a: *const f32, out: *mut f32) {
        // SAFETY: rows below `rows` of U elements each.
        unsafe {
            if self.rows.is_null() {
                return core::ptr::copy(a, out, rows * units);
            }
            for row in 0..rows {
                product(
                    units,
                    a.add(row * units),
                    self.rows.add(row * self.ld),
                    out.add(row * units),
                );
            }
        }
    }

    /// `out (rows, U) += a * mask`.
    ///
    /// # Safety
    /// There is a mask, readable for (rows, U) at its `ld`; `a` is readable for (rows, U), `out`
    /// readable and writable for as many, apart from both.
    pub(crate) unsafe fn add_rows(self, rows: usize, units: usize, a: *const f32, out: *mut f32) {
        for row in 0..rows {
            for j in 0..units {
                // SAFETY: elements (row, j) of (rows, U).
                unsafe {
                    *out.add(row * units + j) +=
                        *a.add(row * units + j) * *self.rows.add(row * self.ld + j)
                };
            }
        }
    }
}

/// Copies (rows, columns) from rows of `ld_from` elements to rows of `ld_to`.
///
/// # Safety
/// `from` is readable and `to` writable for `rows` rows of `columns` elements, `ld_from` and
/// `ld_to` elements apart; the two lie apart.
pub(crate) unsafe fn copy_rows(
    rows: usize,
    columns: usize,
    from: *const f32,
    ld_from: usize,
    to: *mut f32,
    ld_to: usize,
) {
    for row in 0..rows {
        // SAFETY: the first `columns` elements of a row below `rows`.
        unsafe {
            core::ptr::copy_nonoverlapping(from.add(row * ld_from), to.add(row * ld_to), columns)
        };
    }
}

/// `out = a * b`, elementwise; `out` may be `a`.
///
/// # Safety
/// `a` and `b` are readable and `out` is writable for `n` elements; `out` is `a` or lies apart from
/// it, and lies apart from `b`.
pub(crate) unsafe fn product(n: usize, a: *const f32, b: *const f32, out: *mut f32) {
    for i in 0..n {
        // SAFETY: element i of n.
        unsafe { *out.add(i) = *a.add(i) * *b.add(i) };
    }
}
