//! What the recurrent kernels share: packed steps cut in chunks, scratch handed out, the long
//! products around the steps.

use super::{
    activation::Pair,
    matmul::{Matmul, Right, Rows, Start, View, left_len, panels_len},
    simd::{Side, Simd, Vector},
};

/// Rows of timesteps that are projected, or whose weight gradients are taken, in one product.
pub(crate) const CHUNK_ROWS: usize = 512;

/// Live rows of a timestep.
#[inline(always)]
pub(crate) fn live(batch_sizes: &[i32], t: usize) -> usize {
    batch_sizes[t] as usize
}

/// All rows: N.
pub(crate) fn rows_of(batch_sizes: &[i32]) -> usize {
    batch_sizes.iter().map(|&b| b as usize).sum()
}

/// Rows of the largest chunk for batches of at most `batch` rows.
pub(crate) fn chunk_rows(batch: usize) -> usize {
    CHUNK_ROWS.max(batch)
}

/// Panics unless the live rows start at no more than `batch`, never grow and are never negative.
pub(crate) fn check_batch_sizes(who: &str, batch_sizes: &[i32], batch: usize) {
    let mut most = batch as i64;
    for &b in batch_sizes {
        assert!(
            0 <= b && i64::from(b) <= most,
            "{who}: batch_sizes must not grow, nor exceed the batch of {batch}. Received: {b} \
                after {most}"
        );
        most = i64::from(b);
    }
}

/// Panics unless a buffer has the rows its shape asks for.
pub(crate) fn check_len(who: &str, what: &str, len: usize, needed: usize) {
    assert!(len >= needed, "{who}: {what} must hold {needed} elements. Received: {len}");
}

/// Whole timesteps `t0..t1` whose rows are `row0..row0 + rows`.
#[derive(Clone, Copy)]
pub(crate) struct Chunk {
    pub(crate) t0: usize,
    pub(crate) t1: usize,
    pub(crate) row0: usize,
    pub(crate) rows: usize,
}

/// The chunk that starts at step `t0`: as many steps as [`CHUNK_ROWS`] hold, at least one.
pub(crate) fn chunk_from(batch_sizes: &[i32], t0: usize, row0: usize) -> Chunk {
    let mut t1 = t0 + 1;
    let mut rows = live(batch_sizes, t0);
    while t1 < batch_sizes.len() && rows + live(batch_sizes, t1) <= CHUNK_ROWS {
        rows += live(batch_sizes, t1);
        t1 += 1;
    }
    Chunk { t0, t1, row0, rows }
}

/// The chunk that ends before step `t1`, whose first row is `end`.
pub(crate) fn chunk_until(batch_sizes: &[i32], t1: usize, end: usize) -> Chunk {
    let mut t0 = t1 - 1;
    let mut rows = live(batch_sizes, t0);
    while t0 > 0 && rows + live(batch_sizes, t0 - 1) <= CHUNK_ROWS {
        t0 -= 1;
        rows += live(batch_sizes, t0);
    }
    Chunk { t0, t1, row0: end - rows, rows }
}

/// Hands out parts of a scratch slice, each on a cache line of its own.
pub(crate) struct Scratch {
    next: *mut f32,
    left: usize,
}

/// Elements that a part of `len` takes of a [`Scratch`].
pub(crate) fn part_len(len: usize) -> usize {
    len.next_multiple_of(16) + 16
}

impl Scratch {
    pub(crate) fn new(scratch: &mut [f32]) -> Self {
        Scratch { next: scratch.as_mut_ptr(), left: scratch.len() }
    }

    /// The next `len` elements.
    pub(crate) fn take(&mut self, len: usize) -> *mut f32 {
        let skip = self.next.align_offset(64).min(16);
        let whole = len.next_multiple_of(16) + skip;
        assert!(whole <= self.left, "scratch: too small by {} elements", whole - self.left);
        let part = self.next.wrapping_add(skip);
        self.next = self.next.wrapping_add(whole);
        self.left -= whole;
        part
    }
}

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
    // SAFETY: the caller's promise: `b` is (k, n) and `panels` holds `panels_len(k, n)`.
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
    pub(crate) unsafe fn weights<S: Simd>(&self, s: S, dz: Rows, products: &[WeightGradient]) {
        if products.iter().all(|p| p.c.is_null()) {
            return;
        }
        // SAFETY: shapes as stated on the types.
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
    pub(crate) unsafe fn bias<S: Simd>(&self, s: S, dz: Rows, sums: *mut f32) {
        if !sums.is_null() {
            // SAFETY: shapes as stated on the types.
            unsafe { s.column_sums(dz, sums, self.add) };
        }
    }

    /// `dx (rows, f) = dz kernel^T`, unless null.
    pub(crate) unsafe fn inputs<S: Simd>(
        &self,
        s: S,
        dz: Rows,
        kernel: Right,
        dx: *mut f32,
        f: usize,
    ) {
        if !dx.is_null() {
            // SAFETY: shapes as stated on the types.
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

/// `sums (n) = [sums +] 1^T a (rows, n)`.
/// # Safety
/// `a` is readable, `sums` writable.
#[inline(always)]
pub(crate) unsafe fn column_sums<S: Simd>(s: S, a: Rows, sums: *mut f32, add: bool) {
    let Rows { ptr: a, rows, n, ld } = a;
    let l = S::LANES;
    let mut j = 0;
    // SAFETY: whole or masked registers of columns below n, rows below `rows`.
    unsafe {
        while j + 4 * l <= n {
            let mut acc = [s.splat(0.0); 4];
            for r in 0..rows {
                let p = a.add(r * ld + j);
                for v in 0..4 {
                    acc[v] = s.add(acc[v], s.load(p.add(v * l)));
                }
            }
            for v in 0..4 {
                let p = sums.add(j + v * l);
                s.store(p, if add { s.add(acc[v], s.load(p)) } else { acc[v] });
            }
            j += 4 * l;
        }
        while j < n {
            let m = s.mask((n - j).min(l));
            let mut acc = s.splat(0.0);
            for r in 0..rows {
                acc = s.add(acc, s.load_masked(a.add(r * ld + j), m));
            }
            let p = sums.add(j);
            s.store_masked(p, m, if add { s.add(acc, s.load_masked(p, m)) } else { acc });
            j += l;
        }
    }
}

/// Rows (B, U) of a mask, `ld` elements apart; null where nothing is dropped.
#[derive(Clone, Copy)]
pub(crate) struct Mask {
    pub(crate) rows: *const f32,
    pub(crate) ld: usize,
}

/// The rows of h that stood before each row of a chunk, `h_{t-1} * mask`, as (rows, U).
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
    /// # Safety
    /// As the shapes say.
    pub(crate) unsafe fn rows(self, rows: usize, units: usize, a: *const f32, out: *mut f32) {
        // SAFETY: the caller's promise.
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
    /// # Safety
    /// As the shapes say; there is a mask.
    pub(crate) unsafe fn add_rows(self, rows: usize, units: usize, a: *const f32, out: *mut f32) {
        for row in 0..rows {
            for j in 0..units {
                // SAFETY: the caller's promise.
                unsafe {
                    *out.add(row * units + j) +=
                        *a.add(row * units + j) * *self.rows.add(row * self.ld + j)
                };
            }
        }
    }
}

/// Copies (rows, columns) from rows of `ld_from` elements to rows of `ld_to`.
pub(crate) unsafe fn copy_rows(
    rows: usize,
    columns: usize,
    from: *const f32,
    ld_from: usize,
    to: *mut f32,
    ld_to: usize,
) {
    for row in 0..rows {
        // SAFETY: the caller's promise.
        unsafe {
            core::ptr::copy_nonoverlapping(from.add(row * ld_from), to.add(row * ld_to), columns)
        };
    }
}

/// `out = a * b`, elementwise; `out` may be `a`.
pub(crate) unsafe fn product(n: usize, a: *const f32, b: *const f32, out: *mut f32) {
    for i in 0..n {
        // SAFETY: the caller's promise.
        unsafe { *out.add(i) = *a.add(i) * *b.add(i) };
    }
}

/// Runs the block for the registers of a row of `n` and their column: four whole ones side by side,
/// then one after another, with the instructions to compute in. A closure would not be compiled
/// with the tier's instructions.
macro_rules! registers {
    ($s:ident: $S:ty, $n:expr, |$side:ident, $lanes:ident, $j:ident| $body:expr) => {{
        let (tier, n) = ($s, $n);
        let mut $j = 0;
        {
            let ($side, $lanes) =
                (Side::<$S, 4>(tier), Strip::<$S, 4> { whole: true, mask: tier.mask(<$S>::LANES) });
            while $j + 4 * <$S>::LANES <= n {
                $body;
                $j += 4 * <$S>::LANES;
            }
        }
        let $side = Side::<$S, 1>(tier);
        while $j < n {
            let left = n - $j;
            let $lanes = Strip::<$S, 1> {
                whole: left >= <$S>::LANES,
                mask: tier.mask(left.min(<$S>::LANES)),
            };
            $body;
            $j += <$S>::LANES;
        }
    }};
}
pub(crate) use registers;

/// `N` registers of a row: whole, or the masked end of it.
#[derive(Clone, Copy)]
pub(crate) struct Strip<S: Simd, const N: usize> {
    pub(crate) whole: bool,
    pub(crate) mask: S::M,
}

impl<S: Simd, const N: usize> Strip<S, N> {
    /// # Safety
    /// The lanes are readable at `p`.
    #[inline(always)]
    pub(crate) unsafe fn load(self, s: Side<S, N>, p: *const f32) -> [S::V; N] {
        let mut v = s.splat(0.0);
        for i in 0..N {
            // SAFETY: the caller's promise.
            v[i] = unsafe {
                if self.whole {
                    s.0.load(p.add(i * S::LANES))
                } else {
                    s.0.load_masked(p, self.mask)
                }
            };
        }
        v
    }
    /// # Safety
    /// The lanes are writable at `p`.
    #[inline(always)]
    pub(crate) unsafe fn store(self, s: Side<S, N>, p: *mut f32, v: [S::V; N]) {
        for i in 0..N {
            // SAFETY: the caller's promise.
            unsafe {
                if self.whole {
                    s.0.store(p.add(i * S::LANES), v[i])
                } else {
                    s.0.store_masked(p, self.mask, v[i])
                }
            }
        }
    }
}

/// A row's gates activated in place: one function over the whole row, so that no element waits for
/// another.
/// # Safety
/// `row` is writable for `n` elements.
#[inline(always)]
pub(crate) unsafe fn activate_gates<S: Simd, P: Pair>(s: S, pair: P, n: usize, row: *mut f32) {
    // SAFETY: registers of the row.
    registers!(s: S, n, |s, lanes, j| unsafe { lanes.store(s, row.add(j), pair.gate(s, lanes.load(s, row.add(j)))) });
}

/// A row's candidates activated in place.
/// # Safety
/// `row` is writable for `n` elements.
#[inline(always)]
pub(crate) unsafe fn activate_candidates<S: Simd, P: Pair>(s: S, pair: P, n: usize, row: *mut f32) {
    // SAFETY: registers of the row.
    registers!(s: S, n, |s, lanes, j| unsafe { lanes.store(s, row.add(j), pair.main(s, lanes.load(s, row.add(j)))) });
}

/// The pointer of an optional slice, or null.
pub(crate) fn or_null(x: Option<&[f32]>) -> *const f32 {
    x.map_or(core::ptr::null(), <[f32]>::as_ptr)
}

/// The pointer of an optional slice to be written, or null.
pub(crate) fn or_null_mut(x: &mut Option<&mut [f32]>) -> *mut f32 {
    x.as_mut().map_or(core::ptr::null_mut(), |x| x.as_mut_ptr())
}
