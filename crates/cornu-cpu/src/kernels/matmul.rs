//! Matrix product `c (M, N) = start + a (M, K) b (K, N)`, in which every element is one chain of
//! fused multiply-adds over ascending `k`.
//!
//! So an element's bits depend on its row of `a`, its column of `b` and its start alone: never on
//! M, on the row's position, or on how the product is cut in tiles and blocks. That is what lets a
//! recurrent kernel choose its path by speed and still give each sequence the same bits in every
//! batch.

use super::{
    operands::{Matmul, Right, Start, View},
    packing::{pack_left, tiles},
    simd::Simd,
};

/// Columns from which packing `a` pays.
const PACK_COLUMNS: usize = 256;

/// The product on tier `S`, to be instantiated where the tier's instructions are enabled.
///
/// # Safety
/// `a` is readable for (M, K), `b` for (K, N) as it stands or in panels, the start's row for N; `c`
/// is writable for (M, N) at rows of `ldc`, and holds numbers if they are the start; `left` is
/// writable for `left_len(K)`. What is written lies apart from all that is read.
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

/// All columns of a block of rows, panel after panel. `PACKED`: `a.ptr` holds the tiles of
/// [`pack_left`].
///
/// # Safety
/// The operands of `block` are readable for `rows` rows (in tiles of [`pack_left`] with `PACKED`),
/// `n` columns and its depth, its start as it says, and its `c` is writable for these rows and
/// columns, apart from the rest.
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
///
/// # Safety
/// The operands of `block` are readable for `rows` rows (in tiles of [`pack_left`] with `PACKED`),
/// the columns `j..j + w` and its depth, its start as it says, and its `c` is writable for these
/// rows and columns, apart from the rest. `w` is `vectors` registers, or less where that is one.
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

/// The loop of a tile's height and width.
///
/// # Safety
/// The operands of `tile` are readable for `rows` rows, `vectors` registers of columns (the last
/// masked to `tile.width` where it is one) and `tile.k` depths; its `c` is writable for these rows
/// and columns, apart from the rest.
#[inline(always)]
unsafe fn tile_of<S: Simd, const PACKED: bool>(s: S, rows: usize, vectors: usize, tile: Tile) {
    macro_rules! dispatch {
        (few: $($few:literal x $wide:literal)*; any: $($h:literal)*) => {
            // SAFETY: the tile has these rows and registers, and lies inside its operands.
            unsafe {
                match (rows, vectors) {
                    $(
                    ($few, $wide) if $wide <= vectors_for::<S>($few) && !PACKED => {
                        registers::<S, $few, $wide, false, false>(s, tile)
                    }
                    )*
                    $(
                    ($h, 2) if $h <= S::TILE_ROWS => registers::<S, $h, 2, PACKED, false>(s, tile),
                    ($h, 1) if $h <= S::TILE_ROWS => registers::<S, $h, 1, false, true>(s, tile),
                    )*
                    _ => unreachable!("no tile of {rows} rows, {vectors} registers wide"),
                }
            }
        };
    }
    dispatch!(few: 1 x 8 2 x 8 1 x 4 2 x 4 3 x 4 4 x 4; any: 1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}

/// The innermost loop: `MR` rows by `NV` registers of columns held in registers over the whole
/// depth.
///
/// # Safety
/// The operands of `t` are readable for `MR` rows, `NV` registers of columns (`t.width` columns
/// with `TAIL`) and `t.k` depths, at `a` packed depth after depth with `PACKED`; its start is
/// readable as it says, and its `c` is writable for these rows and columns, apart from the rest.
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
