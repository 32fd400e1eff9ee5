//! Matrix product `c (M, N) = start + a (M, K) b (K, N)`, in which every element is one chain of
//! fused multiply-adds over ascending `k`.
//!
//! So an element's bits depend on its row of `a`, its column of `b` and its start alone: never on
//! M, on the row's position, or on how the product is cut in tiles and blocks. That is what lets a
//! recurrent kernel choose its path by speed and still give each sequence the same bits in every
//! batch.

use super::simd::Simd;

/// Columns of the widest panel of any tier; buffers of packed panels are sized by it.
pub(crate) const WIDEST_PANEL: usize = 32;
/// Depth of the deepest block of any tier, and rows of the tallest block of packed `a`; buffers of
/// packed rows are sized by them.
const DEEPEST: usize = 512;
const TALLEST: usize = 14 * 24;
/// Columns from which packing `a` pays.
const PACK_COLUMNS: usize = 256;

/// What an element starts from.
#[derive(Clone, Copy)]
pub(crate) enum Start {
    /// 0.
    Zero,
    /// Its column's element of a row of N.
    Row(*const f32),
    /// What `c` holds.
    Sum,
}

/// A strided view: element `(i, j)` at `ptr + i * rs + j * cs`.
#[derive(Clone, Copy)]
pub(crate) struct View {
    pub(crate) ptr: *const f32,
    pub(crate) rs: usize,
    pub(crate) cs: usize,
}

impl View {
    /// Rows of `ld` elements.
    pub(crate) fn rows(ptr: *const f32, ld: usize) -> Self {
        View { ptr, rs: ld, cs: 1 }
    }
    /// The transpose.
    pub(crate) fn t(self) -> Self {
        View { ptr: self.ptr, rs: self.cs, cs: self.rs }
    }
}

/// Columns `0..n` of rows of `ld` elements.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) ptr: *const f32,
    pub(crate) rows: usize,
    pub(crate) n: usize,
    pub(crate) ld: usize,
}

impl Rows {
    /// Columns `from..from + n` of them.
    pub(crate) fn columns(self, from: usize, n: usize) -> Rows {
        Rows { ptr: self.ptr.wrapping_add(from), n, ..self }
    }
}

/// The right operand.
#[derive(Clone, Copy)]
pub(crate) enum Right {
    /// Rows of `ld` elements, used where they are.
    Rows {
        /// First element.
        ptr: *const f32,
        /// Elements from a row to the next.
        ld: usize,
    },
    /// Panels made by [`pack_rows`].
    Panels(*const f32),
}

/// One product.
pub(crate) struct Matmul {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) a: View,
    pub(crate) b: Right,
    pub(crate) c: *mut f32,
    pub(crate) ldc: usize,
    pub(crate) start: Start,
    /// `left_len(k)` elements.
    pub(crate) left: *mut f32,
    /// Take the columns of one or two rows from the far end: what the last such product read last
    /// is still near.
    pub(crate) from_end: bool,
}

/// Elements that [`pack_rows`] writes for a (K, N) operand, whatever the tier.
pub(crate) fn panels_len(k: usize, n: usize) -> usize {
    k * n.next_multiple_of(WIDEST_PANEL)
}

/// Elements of scratch that a product of depth `k` takes for its left operand.
pub(crate) fn left_len(k: usize) -> usize {
    (TALLEST + 16) * k.min(DEEPEST) + WIDEST_PANEL
}

/// Copies `b (K, N)` into panels of two registers of columns, each panel `depth` rows one after
/// another; `dst` is the place of the first row in the first panel. Columns beyond N are 0.
/// # Safety
/// `b` is readable for (K, N), `dst` writable from there on for `panels_len(depth, n)` less the
/// rows before.
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

/// The product on tier `S`, to be instantiated where the tier's instructions are enabled.
/// # Safety
/// The pointers of `job` are valid for the shapes it states and `c` overlaps nothing.
#[inline(always)]
pub(crate) unsafe fn run<S: Simd>(s: S, job: &Matmul) {
    let Matmul { m, n, k, .. } = *job;
    if m == 0 || n == 0 {
        return;
    }
    let width = 2 * S::LANES;
    let (b, b_row, b_panel) = match job.b {
        Right::Rows { ptr, ld } => (ptr, ld, width),
        Right::Panels(ptr) => (ptr, width, k * width),
    };
    // A few rows against all columns read `b` once from wherever it is; more rows go panel by
    // panel.
    let wide = m <= 2;
    let depth = if wide { k.max(1) } else { k.div_ceil(k.div_ceil(S::BLOCK_DEPTH).max(1)) };
    let mut i0 = 0;
    while i0 < m {
        let most = S::BLOCK_ROWS;
        let rows = if m - i0 <= most + most / 2 { (m - i0).min(most + 16) } else { most };
        let mut k0 = 0;
        loop {
            let kb = (k - k0).min(depth);
            // SAFETY: offsets stay inside the shapes of the job.
            unsafe {
                let block = Block {
                    k: kb,
                    a: View { ptr: job.a.ptr.add(i0 * job.a.rs + k0 * job.a.cs), ..job.a },
                    b: b.add(k0 * b_row),
                    b_row,
                    b_panel,
                    c: job.c.add(i0 * job.ldc),
                    ldc: job.ldc,
                    start: if k0 == 0 { job.start } else { Start::Sum },
                };
                if !wide && n >= PACK_COLUMNS && rows > 4 {
                    let packed = pack_left(s, rows, kb, block.a, job.left);
                    panels::<S, true>(s, rows, n, Block { a: packed, ..block }, false);
                } else {
                    panels::<S, false>(s, rows, n, block, job.from_end);
                }
            }
            k0 += kb;
            if k0 >= k {
                break;
            }
        }
        i0 += rows;
    }
}

/// A block of the product: `k` deep, pointers at its corner.
#[derive(Clone, Copy)]
struct Block {
    k: usize,
    a: View,
    b: *const f32,
    b_row: usize,
    b_panel: usize,
    c: *mut f32,
    ldc: usize,
    start: Start,
}

/// Registers of columns of a tile of a few rows: half of the tier's registers hold sums.
#[inline(always)]
const fn vectors_for<S: Simd>(rows: usize) -> usize {
    match S::REGISTERS / 2 / rows {
        8.. => 8,
        4..8 => 4,
        _ => 2,
    }
}

/// Heights of the tiles that cut `rows` evenly: `(count of tall ones, tall, count in all)`.
#[inline(always)]
fn tiles(rows: usize, most: usize) -> (usize, usize, usize) {
    let count = rows.div_ceil(most);
    let low = rows / count;
    (rows - low * count, low + 1, count)
}

/// Copies the rows of `a` into tiles, each depth after depth.
#[inline(always)]
unsafe fn pack_left<S: Simd>(s: S, rows: usize, k: usize, a: View, dst: *mut f32) -> View {
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

/// All columns of a block of rows, panel after panel. `PACKED`: `a.ptr` holds the tiles of
/// [`pack_left`].
#[inline(always)]
unsafe fn panels<S: Simd, const PACKED: bool>(
    s: S,
    rows: usize,
    n: usize,
    block: Block,
    from_end: bool,
) {
    let l = S::LANES;
    // As wide as the registers allow for a few rows, two in general, one at the edge.
    let widest = if PACKED { 2 } else { vectors_for::<S>(rows) };
    let wide = if rows <= 2 && widest > 2 { n / (widest * l) } else { 0 };
    for i in 0..wide {
        let j = widest * l * if from_end { wide - 1 - i } else { i };
        // SAFETY: whole wide blocks of columns below n.
        unsafe { column_block::<S, PACKED>(s, rows, j, widest, widest * l, block) };
    }
    let mut j = wide * widest * l;
    while j < n {
        let left = n - j;
        let vectors = match left / l {
            0 | 1 => 1,
            4.. if widest >= 4 => 4,
            _ => 2,
        };
        let w = (vectors * l).min(left);
        // SAFETY: columns j..j + w of n.
        unsafe { column_block::<S, PACKED>(s, rows, j, vectors, w, block) };
        j += w;
    }
}

/// Columns `j..j + w` of all rows of a block.
#[inline(always)]
unsafe fn column_block<S: Simd, const PACKED: bool>(
    s: S,
    rows: usize,
    j: usize,
    vectors: usize,
    w: usize,
    block: Block,
) {
    let width = 2 * S::LANES;
    let (tall, high, count) = tiles(rows, S::TILE_ROWS);
    let mut row = 0;
    let mut a = block.a.ptr;
    // SAFETY: columns j..j + w, rows row..row + h inside the block.
    unsafe {
        let tile = Tile {
            b: block.b.add((j / width) * block.b_panel + j % width),
            start: match block.start {
                Start::Row(p) => Start::Row(p.add(j)),
                other => other,
            },
            a,
            c: block.c,
            width: w,
            k: block.k,
            a_rs: block.a.rs,
            a_cs: block.a.cs,
            b_row: block.b_row,
            b_panel: block.b_panel,
            ldc: block.ldc,
            ahead: core::ptr::null(),
            ahead_step: width.div_ceil(count),
        };
        // Every tile fetches its share of the panel that comes next, which may lie beyond the last:
        // then nothing is fetched.
        let next = tile.b.wrapping_add(block.b_panel);
        for t in 0..count {
            let h = if t < tall { high } else { high - 1 };
            let c = block.c.add(row * block.ldc + j);
            let tile =
                Tile { ahead: next.wrapping_add(t * width.div_ceil(count) * block.k), ..tile };
            let tile = if PACKED {
                Tile { a, a_rs: 1, a_cs: h, c, ..tile }
            } else {
                Tile { a, c, ..tile }
            };
            tile_of::<S, PACKED>(s, h, vectors, tile);
            a = if PACKED { a.add(h * block.k) } else { a.add(h * block.a.rs) };
            row += h;
        }
    }
}

/// A register tile of `c`.
#[derive(Clone, Copy)]
struct Tile {
    k: usize,
    a: *const f32,
    a_rs: usize,
    a_cs: usize,
    b: *const f32,
    b_row: usize,
    b_panel: usize,
    c: *mut f32,
    ldc: usize,
    /// Columns of `c`; less than a register only in tiles one register wide.
    width: usize,
    start: Start,
    /// What is fetched into the cache meanwhile, and the elements it moves on a depth.
    ahead: *const f32,
    ahead_step: usize,
}

#[inline(always)]
unsafe fn tile_of<S: Simd, const PACKED: bool>(s: S, rows: usize, vectors: usize, tile: Tile) {
    macro_rules! dispatch {
        ($($h:literal)*) => {
            // SAFETY: the caller's promise.
            unsafe {
                match (rows, vectors) {
                    (1, 8) if 8 <= vectors_for::<S>(1) && !PACKED => registers::<S, 1, 8, false, false>(s, tile),
                    (2, 8) if 8 <= vectors_for::<S>(2) && !PACKED => registers::<S, 2, 8, false, false>(s, tile),
                    (1, 4) if 4 <= vectors_for::<S>(1) && !PACKED => registers::<S, 1, 4, false, false>(s, tile),
                    (2, 4) if 4 <= vectors_for::<S>(2) && !PACKED => registers::<S, 2, 4, false, false>(s, tile),
                    (3, 4) if 4 <= vectors_for::<S>(3) && !PACKED => registers::<S, 3, 4, false, false>(s, tile),
                    (4, 4) if 4 <= vectors_for::<S>(4) && !PACKED => registers::<S, 4, 4, false, false>(s, tile),
                    $(
                    ($h, 2) if $h <= S::TILE_ROWS => registers::<S, $h, 2, PACKED, false>(s, tile),
                    ($h, 1) if $h <= S::TILE_ROWS => registers::<S, $h, 1, false, true>(s, tile),
                    )*
                    _ => unreachable!("no tile of {rows} rows, {vectors} registers wide"),
                }
            }
        };
    }
    dispatch!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}

/// The innermost loop: `MR` rows by `NV` registers of columns held in registers over the whole
/// depth.
#[inline(always)]
unsafe fn registers<
    S: Simd,
    const MR: usize,
    const NV: usize,
    const PACKED: bool,
    const TAIL: bool,
>(
    s: S,
    t: Tile,
) {
    let l = S::LANES;
    let mask = s.mask(if TAIL { t.width } else { l });
    let mut acc = [[s.splat(0.0); NV]; MR];
    // SAFETY: MR rows, NV registers of columns (the last masked when TAIL) and depths below k are
    // inside the operands.
    unsafe {
        match t.start {
            Start::Zero => {}
            Start::Row(p) => {
                for v in 0..NV {
                    let x =
                        if TAIL { s.load_masked(p.add(v * l), mask) } else { s.load(p.add(v * l)) };
                    for i in 0..MR {
                        acc[i][v] = x;
                    }
                }
            }
            Start::Sum => {
                for i in 0..MR {
                    for v in 0..NV {
                        let p = t.c.add(i * t.ldc + v * l);
                        acc[i][v] = if TAIL { s.load_masked(p, mask) } else { s.load(p) };
                    }
                }
            }
        }
        let (rs, cs) = if PACKED { (1, MR) } else { (t.a_rs, t.a_cs) };
        let mut a = t.a;
        let mut b = t.b;
        let mut ahead = t.ahead;
        for _ in 0..t.k {
            if PACKED {
                s.prefetch(ahead);
                ahead = ahead.wrapping_add(t.ahead_step);
            }
            let mut x = [s.splat(0.0); NV];
            for v in 0..NV {
                let p = b.add((v / 2) * t.b_panel + (v % 2) * l);
                x[v] = if TAIL { s.load_masked(p, mask) } else { s.load(p) };
            }
            for i in 0..MR {
                let y = s.splat(*a.add(i * rs));
                for v in 0..NV {
                    acc[i][v] = s.fma(y, x[v], acc[i][v]);
                }
            }
            a = a.wrapping_add(cs);
            b = b.wrapping_add(t.b_row);
        }
        for i in 0..MR {
            for v in 0..NV {
                let p = t.c.add(i * t.ldc + v * l);
                if TAIL {
                    s.store_masked(p, mask, acc[i][v]);
                } else {
                    s.store(p, acc[i][v]);
                }
            }
        }
    }
}
