//! Weights packed for the products of the steps, and the long products around the steps.

use super::{
    operands::{Matmul, Right, Rows, Start, View, left_len, panels_len},
    packed_steps::{chunk_rows, live},
    scratch::{Scratch, part_len},
    simd::Simd,
};

/// How often the weights of a step are read, each time by how many rows.
#[derive(Clone, Copy)]
pub(crate) struct Reads {
    pub(crate) times: usize,
    pub(crate) rows: usize,
}

impl Reads {
    /// Whether packed weights save more than packing them costs, where more than two rows read
    /// them.
    pub(crate) fn repay_packing(self) -> bool {
        self.times * self.rows >= 16
    }
}

/// The reads of weights that every step with live rows makes.
pub(crate) fn per_step(batch_sizes: &[i32]) -> Reads {
    Reads { times: batch_sizes.iter().filter(|&&b| b > 0).count(), rows: live(batch_sizes, 0) }
}

/// The reads of weights that long products make.
pub(crate) fn at_once(rows: usize) -> Reads {
    Reads { times: 1, rows }
}

/// A right operand in place, or packed once into scratch where the reads repay that.
///
/// # Safety
/// `b` is readable for (k, n); `panels` is writable for `panels_len(k, n)`, apart from `b`.
pub(crate) unsafe fn right<S: Simd>(
    s: S,
    k: usize,
    n: usize,
    b: View,
    reads: Reads,
    panels: *mut f32,
) -> Right {
    // One or two rows read each weight once a step, in whole lines unless rows of weights straddle
    // them.
    let whole_lines = b.ptr.align_offset(64) == 0 && b.rs.is_multiple_of(16);
    let pays =
        if reads.rows <= 2 { !whole_lines && reads.times >= 8 } else { reads.repay_packing() };
    if b.cs == 1 && !pays {
        return Right::Rows { ptr: b.ptr, ld: b.rs };
    }
    // SAFETY: `b` is readable for (k, n), and `panels` writable for `panels_len(k, n)`.
    unsafe { s.pack(k, n, b, k, panels) };
    Right::Panels(panels)
}

/// One long product of a backward pass: `c (m, n) = [c +] a^T dz`, `a (rows, m)`.
#[derive(Clone, Copy)]
pub(crate) struct WeightGradient {
    pub(crate) a: *const f32,
    pub(crate) m: usize,
    /// Not computed where null.
    pub(crate) c: *mut f32,
}

/// Scratch of the long products, and whether the gradients hold earlier chunks.
#[derive(Clone, Copy)]
pub(crate) struct LongProducts {
    /// `panels_len(chunk, n)`
    pub(crate) panels: *mut f32,
    /// `left_len(chunk)`
    pub(crate) left: *mut f32,
    /// Elements between rows of every `c`.
    pub(crate) ldc: usize,
    pub(crate) add: bool,
}

/// Scratch of [`LongProducts`] for gradients of `width` columns, and of every product of a step.
pub(crate) fn long_products_scratch(width: usize, batch: usize) -> usize {
    part_len(panels_len(chunk_rows(batch), width))
        + part_len(left_len(chunk_rows(batch).max(width)))
}

impl LongProducts {
    pub(crate) fn new(parts: &mut Scratch, width: usize, batch: usize) -> Self {
        LongProducts {
            panels: parts.take(panels_len(chunk_rows(batch), width)),
            left: parts.take(left_len(chunk_rows(batch).max(width))),
            ldc: width,
            add: false,
        }
    }

    /// The products of one `dz`, packed once.
    ///
    /// # Safety
    /// `dz` is readable for its rows and columns, which are at most those that the panels were
    /// sized for; of each product `a` is readable for (rows, m), and `c`, unless null, is writable
    /// for (m, columns) at rows of `self.ldc` and holds numbers if they are added to. What is
    /// written lies apart from all that is read.
    pub(crate) unsafe fn weights<S: Simd>(&self, s: S, dz: Rows, products: &[WeightGradient]) {
        if products.iter().all(|p| p.c.is_null()) {
            return;
        }
        // SAFETY: `dz` is packed into panels of its rows and columns, then read with each `a`.
        unsafe {
            s.pack(dz.rows, dz.n, View::rows(dz.ptr, dz.ld), dz.rows, self.panels);
            for p in products.iter().filter(|p| !p.c.is_null()) {
                s.matmul(&Matmul {
                    m: p.m,
                    n: dz.n,
                    k: dz.rows,
                    a: View::rows(p.a, p.m).t(),
                    b: Right::Panels(self.panels),
                    c: p.c,
                    ldc: self.ldc,
                    start: if self.add { Start::Sum } else { Start::Zero },
                    left: self.left,
                    from_end: false,
                });
            }
        }
    }

    /// `sums (n) = [sums +] 1^T dz`, unless null.
    ///
    /// # Safety
    /// `dz` is readable for its rows and columns; `sums` is null or writable for the columns, apart
    /// from `dz`, and holds numbers if they are added to.
    pub(crate) unsafe fn bias<S: Simd>(&self, s: S, dz: Rows, sums: *mut f32) {
        if !sums.is_null() {
            // SAFETY: `dz` is readable, and the sums writable for its columns.
            unsafe { s.column_sums(dz, sums, self.add) };
        }
    }

    /// `dx (rows, f) = dz kernel^T`, unless null.
    ///
    /// # Safety
    /// `dz` is readable for its rows and columns, `kernel` for (columns, f); `dx` is null or
    /// writable for (rows, f), apart from both; the rows and columns are at most those that `left`
    /// was sized for.
    pub(crate) unsafe fn inputs<S: Simd>(
        &self,
        s: S,
        dz: Rows,
        kernel: Right,
        dx: *mut f32,
        f: usize,
    ) {
        if !dx.is_null() {
            // SAFETY: `dz` and the kernel are readable, and `dx` writable for (rows, f).
            unsafe {
                s.matmul(&Matmul {
                    m: dz.rows,
                    n: f,
                    k: dz.n,
                    a: View::rows(dz.ptr, dz.ld),
                    b: kernel,
                    c: dx,
                    ldc: f,
                    start: Start::Zero,
                    left: self.left,
                    from_end: false,
                });
            }
        }
    }
}

/// Zeros a gradient that no row contributed to.
pub(crate) fn zero(gradient: &mut Option<&mut [f32]>, len: usize) {
    if let Some(gradient) = gradient {
        gradient[..len].fill(0.0);
    }
}
