//! Sums over shards, added in an order that depends on shapes and values alone.

use crate::threads::Threads;
use cornu_ir::DType;
use std::ops::Range;

/// Elements that are added at a time: the sums of a tile stay in the first cache.
const TILE: usize = 1024;
/// Elements that are worth a thread.
const PART: usize = 1 << 16;
/// Parts of a table whose rows are added to by threads of their own.
const TABLE_PARTS: usize = 8;

/// A value that every shard makes and whose sum is wanted.
#[derive(Debug)]
pub(crate) enum Sum {
    /// Arrays; the sum takes the place of the first shard's.
    Dense { dtype: DType, n: usize, terms: Vec<*mut u8> },
    /// Rows of f32 that belong into a table: no shard makes a table of its own.
    Rows { table: *mut u8, rows: usize, width: usize, terms: Vec<RowTerm> },
}

/// What one shard brings to a table: `n` rows and the table's row of each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowTerm {
    pub(crate) values: *const f32,
    pub(crate) index: *const i32,
    pub(crate) n: usize,
}

// SAFETY: the terms lie in the arenas of the shards whose sum it is.
unsafe impl Send for Sum {}
// SAFETY: nothing is written but by `add` and `clear`, whose callers answer for it.
unsafe impl Sync for Sum {}

/// A table that parts of one sum write rows of.
struct Table(*mut f32);

// SAFETY: the parts write rows of their own.
unsafe impl Sync for Table {}
// SAFETY: as above.
unsafe impl Send for Table {}

impl Table {
    /// # Safety
    /// The row lies in the table and nothing else uses it meanwhile.
    unsafe fn row<'a>(&self, row: usize, width: usize) -> &'a mut [f32] {
        // SAFETY: the row lies in the table, and nothing else uses it.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(row * width), width) }
    }
}

impl RowTerm {
    /// The table's rows of the term, with their place in it; rows outside the table are left out.
    ///
    /// # Safety
    /// The index is readable.
    unsafe fn rows<'a>(
        &self,
        within: Range<usize>,
    ) -> impl Iterator<Item = (usize, usize)> + use<'a> {
        // SAFETY: the index is readable.
        let index = unsafe { std::slice::from_raw_parts(self.index, self.n) };
        index.iter().enumerate().filter_map(move |(k, &row)| {
            usize::try_from(row).ok().filter(|row| within.contains(row)).map(|row| (k, row))
        })
    }
}

impl Sum {
    /// A sum of arrays of so many shards, which [`Sum::place`] has yet to find.
    pub(crate) fn dense(dtype: DType, n: usize, n_terms: usize) -> Sum {
        assert!(dtype.is_float(), "floats are summed over shards, not {dtype}");
        Sum::Dense { dtype, n, terms: vec![std::ptr::null_mut(); n_terms] }
    }

    /// A sum of rows, of which the shards bring so many each.
    pub(crate) fn rows(rows: usize, width: usize, n: impl Iterator<Item = usize>) -> Sum {
        let terms =
            n.map(|n| RowTerm { values: std::ptr::null(), index: std::ptr::null(), n }).collect();
        Sum::Rows { table: std::ptr::null_mut(), rows, width, terms }
    }

    /// Says where a shard's term lies; rows have an index.
    pub(crate) fn place(&mut self, shard: usize, values: *mut u8, index: Option<*const u8>) {
        match (self, index) {
            (Sum::Dense { terms, .. }, None) => terms[shard] = values,
            (Sum::Rows { terms, .. }, Some(index)) => {
                (terms[shard].values, terms[shard].index) =
                    (values.cast_const().cast(), index.cast())
            }
            _ => unreachable!("rows alone have an index"),
        }
    }

    /// Says where a table of zeros lies.
    pub(crate) fn place_table(&mut self, at: *mut u8) {
        if let Sum::Rows { table, .. } = self {
            *table = at;
        }
    }

    /// Where the sum lies, its type and number of elements checked.
    pub(crate) fn total(&self, dtype: DType, n: usize) -> *const u8 {
        let (own_type, own_n, at) = match self {
            Sum::Dense { dtype, n, terms } => (*dtype, *n, terms[0]),
            Sum::Rows { table, rows, width, .. } => (DType::F32, rows * width, *table),
        };
        assert!(
            own_type == dtype && own_n == n,
            "a sum of {own_n} elements of {own_type}, not {n} of {dtype}"
        );
        at
    }

    /// Bytes of the table, which belongs to no shard.
    pub(crate) fn table_bytes(&self) -> usize {
        if let Sum::Rows { rows, width, .. } = self { 4 * rows * width } else { 0 }
    }

    /// Adds the terms. A table must be clear.
    ///
    /// # Safety
    /// The terms hold what their shapes say, and nothing else reads or writes them.
    pub(crate) unsafe fn add(&self, threads: &Threads) {
        match self {
            Sum::Dense { terms, .. } if terms.len() < 2 => {}
            Sum::Dense { dtype, n, terms } => {
                let terms = Terms(terms);
                threads.parts(*n, PART, |start, end| {
                    // SAFETY: the terms hold `n` elements, which nothing else uses; parts don't
                    // overlap.
                    unsafe { add_tree(*dtype, start..end, terms.n(), &|i| terms.at(i)) }
                });
            }
            Sum::Rows { table, rows, width, terms } => {
                let out = Table(table.cast());
                let terms = RowTerms(terms);
                let small = terms.all().iter().map(|t| t.n * width).sum::<usize>() < PART;
                let part = if small { *rows } else { rows.div_ceil(TABLE_PARTS) };
                threads.parts(*rows, part.max(1), |start, end| {
                    for t in terms.all() {
                        // SAFETY: the terms hold what their shapes say, which nothing else uses;
                        // parts have rows of their own.
                        unsafe {
                            for (k, row) in t.rows(start..end) {
                                let value =
                                    std::slice::from_raw_parts(t.values.add(k * width), *width);
                                out.row(row, *width)
                                    .iter_mut()
                                    .zip(value)
                                    .for_each(|(o, v)| *o += v);
                            }
                        }
                    }
                });
            }
        }
    }

    /// Makes a table zero again, row by row that was added to.
    ///
    /// # Safety
    /// The terms hold what [`Sum::add`] read, and nothing else reads or writes them or the table.
    pub(crate) unsafe fn clear(&self) {
        if let Sum::Rows { table, rows, width, terms } = self {
            let out = Table(table.cast());
            for t in terms {
                // SAFETY: the index is readable, and nothing else uses the table.
                unsafe { t.rows(0..*rows).for_each(|(_, row)| out.row(row, *width).fill(0.0)) }
            }
        }
    }
}

/// Terms that parts of one sum share.
struct Terms<'a>(&'a [*mut u8]);

// SAFETY: the parts write elements of their own.
unsafe impl Sync for Terms<'_> {}
// SAFETY: as above.
unsafe impl Send for Terms<'_> {}

impl Terms<'_> {
    fn n(&self) -> usize {
        self.0.len()
    }
    fn at(&self, i: usize) -> *mut u8 {
        self.0[i]
    }
}

/// Terms of rows that parts of one sum share.
struct RowTerms<'a>(&'a [RowTerm]);

// SAFETY: the terms are read alone.
unsafe impl Sync for RowTerms<'_> {}
// SAFETY: as above.
unsafe impl Send for RowTerms<'_> {}

impl RowTerms<'_> {
    fn all(&self) -> &[RowTerm] {
        self.0
    }
}

/// Adds elements of `n_terms` arrays to those of the first: neighbours, then neighbours of pairs,
/// and so on. The other arrays are used up.
///
/// # Safety
/// Each address holds the elements of the range; nothing else reads or writes them.
pub(crate) unsafe fn add_tree(
    dtype: DType,
    range: Range<usize>,
    n_terms: usize,
    term: &dyn Fn(usize) -> *mut u8,
) {
    let mut at = range.start;
    while at < range.end {
        let n = TILE.min(range.end - at);
        let mut stride = 1;
        while stride < n_terms {
            for i in (0..n_terms - stride).step_by(2 * stride) {
                // SAFETY: each address holds the elements of the range; two terms are two arrays.
                unsafe {
                    match dtype {
                        DType::F32 => add::<f32>(
                            term(i).cast::<f32>().add(at),
                            term(i + stride).cast::<f32>().add(at),
                            n,
                        ),
                        _ => add::<f64>(
                            term(i).cast::<f64>().add(at),
                            term(i + stride).cast::<f64>().add(at),
                            n,
                        ),
                    }
                }
            }
            stride *= 2;
        }
        at += n;
    }
}

/// `a += b`.
///
/// # Safety
/// Both hold `n` elements, apart from each other.
unsafe fn add<T: Copy + std::ops::Add<Output = T>>(a: *mut T, b: *const T, n: usize) {
    // SAFETY: both hold `n` elements, apart from each other.
    let (a, b) =
        unsafe { (std::slice::from_raw_parts_mut(a, n), std::slice::from_raw_parts(b, n)) };
    for (a, b) in a.iter_mut().zip(b) {
        *a = *a + *b;
    }
}
