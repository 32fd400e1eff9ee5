//! Packed timesteps: their rows, their chunks and the checks of what callers give.

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
/// Gives their sum: N.
pub(crate) fn check_batch_sizes(who: &str, batch_sizes: &[i32], batch: usize) -> usize {
    let (mut most, mut n) = (batch as i64, 0);
    for &b in batch_sizes {
        assert!(
            0 <= b && i64::from(b) <= most,
            "{who}: batch_sizes must not grow, nor exceed the batch of {batch}. Received: {b} \
                after {most}"
        );
        most = i64::from(b);
        n += b as usize;
    }
    n
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
