//! Sums over shards, added in a tree that depends on their number alone.

use crate::threads::Threads;
use cornu_ir::DType;
use std::ops::Range;

/// Elements that are added at a time: the sums of a tile stay in the first cache.
const TILE: usize = 1024;
/// Elements that are worth a thread.
const PART: usize = 1 << 16;

/// A value that every shard makes and whose sum is wanted; the sum takes the place of the first shard's.
#[derive(Debug)]
pub(crate) struct Sum {
    dtype: DType,
    n: usize,
    terms: Vec<*mut u8>,
}

// SAFETY: the terms lie in the blocks of the program that owns the sum.
unsafe impl Send for Sum {}
// SAFETY: nothing is written but by `add`, whose callers answer for it.
unsafe impl Sync for Sum {}

impl Sum {
    pub(crate) fn new(dtype: DType, n: usize, terms: Vec<*mut u8>) -> Sum {
        assert!(dtype.is_float(), "floats are summed over shards, not {dtype}");
        Sum { dtype, n, terms }
    }

    /// Where the sum lies, its type and number of elements checked.
    pub(crate) fn total(&self, dtype: DType, n: usize) -> *const u8 {
        assert!(self.dtype == dtype && self.n == n, "a sum of {} elements of {}, not {n} of {dtype}", self.n, self.dtype);
        self.terms[0]
    }

    /// Adds the terms.
    ///
    /// # Safety
    /// The terms hold `n` elements each, and nothing else reads or writes them.
    pub(crate) unsafe fn add(&self, threads: &Threads) {
        if self.terms.len() < 2 {
            return;
        }
        threads.parts(self.n, PART, |start, end| {
            // SAFETY: the caller's promise; parts don't overlap.
            unsafe { add_tree(self.dtype, start..end, self.terms.len(), &|i| self.terms[i]) }
        });
    }
}

/// Adds elements of `n_terms` arrays to those of the first: neighbours, then neighbours of pairs, and so on. The other arrays
/// are used up.
///
/// # Safety
/// Each address holds the elements of the range; nothing else reads or writes them.
pub(crate) unsafe fn add_tree(dtype: DType, range: Range<usize>, n_terms: usize, term: &dyn Fn(usize) -> *mut u8) {
    let mut at = range.start;
    while at < range.end {
        let n = TILE.min(range.end - at);
        let mut stride = 1;
        while stride < n_terms {
            for i in (0..n_terms - stride).step_by(2 * stride) {
                // SAFETY: the caller's promise; two terms are two arrays.
                unsafe {
                    match dtype {
                        DType::F32 => add::<f32>(term(i).cast::<f32>().add(at), term(i + stride).cast::<f32>().add(at), n),
                        _ => add::<f64>(term(i).cast::<f64>().add(at), term(i + stride).cast::<f64>().add(at), n),
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
    // SAFETY: the caller's promise.
    let (a, b) = unsafe { (std::slice::from_raw_parts_mut(a, n), std::slice::from_raw_parts(b, n)) };
    for (a, b) in a.iter_mut().zip(b) {
        *a = *a + *b;
    }
}
