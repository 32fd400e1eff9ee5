//! `Simd`: the vector instructions that the kernels are written in, one implementation a tier.
//!
//! Kernels are `#[inline(always)]` functions generic over `S: Simd`; a tier instantiates them
//! inside functions that carry its `#[target_feature]`, so one source serves every instruction set.

use super::{
    operands::{Matmul, Rows, View},
    vector::Vector,
};

/// A tier's vector registers of `LANES` f32, and how they meet memory.
///
/// A value of the type is the proof that the CPU has the instructions: tiers make it only after the
/// probe.
pub(crate) trait Simd: Vector {
    /// f32 a register.
    const LANES: usize;
    /// Registers that the tier has.
    const REGISTERS: usize;
    /// Rows of the largest register tile of a matrix product with two vectors a row.
    const TILE_ROWS: usize;
    /// Depth of a block of a product: a panel of it stays in the first level cache, or streams from
    /// the second.
    const BLOCK_DEPTH: usize;
    /// Rows of a block of a product, packed, that stay in the second level cache.
    const BLOCK_ROWS: usize;
    /// The first `n` lanes of a register.
    type M: Copy;
    /// # Safety
    /// `p` is readable for `LANES` f32.
    unsafe fn load(self, p: *const f32) -> Self::V;
    /// # Safety
    /// `p` is writable for `LANES` f32.
    unsafe fn store(self, p: *mut f32, v: Self::V);
    /// The mask of the first `n` lanes, `n <= LANES`.
    fn mask(self, n: usize) -> Self::M;
    /// Lanes outside the mask are 0 and not read.
    /// # Safety
    /// `p` is readable for the lanes of `m`.
    unsafe fn load_masked(self, p: *const f32, m: Self::M) -> Self::V;
    /// Lanes outside the mask are not written.
    /// # Safety
    /// `p` is writable for the lanes of `m`.
    unsafe fn store_masked(self, p: *mut f32, m: Self::M, v: Self::V);
    /// Asks for the line at an address, which need not be readable, in the second level cache.
    fn prefetch(self, p: *const f32);
    /// The sum of the lanes of each.
    fn sums(self, v: [Self::V; 4]) -> [f32; 4];
    /// Writes lane `r` of `v[j]` to `dst[r * ld + j]` for `r < live`: four columns of `live` rows.
    /// # Safety
    /// `dst` is writable for those elements.
    unsafe fn store_columns(self, dst: *mut f32, ld: usize, live: usize, v: [Self::V; 4]);
    /// Reads four columns of `live` rows, the inverse of [`Simd::store_columns`]; other lanes are
    /// 0.
    /// # Safety
    /// `src` is readable for those elements.
    unsafe fn load_columns(self, src: *const f32, ld: usize, live: usize) -> [Self::V; 4];
    /// [`pack_rows`](super::packing::pack_rows), out of line.
    ///
    /// # Safety
    /// `b` is readable for (K, N); `dst` is writable for N rounded up to two registers, times
    /// `depth`, less what stands before the first row, apart from `b`; `k` rows from there on stay
    /// within `depth`.
    unsafe fn pack(self, k: usize, n: usize, b: View, depth: usize, dst: *mut f32);
    /// `sums (n) = [sums +] 1^T a (rows, n)`, out of line.
    ///
    /// # Safety
    /// `a` is readable for its rows and columns; `sums` is writable, and with `add` readable, for
    /// its columns, apart from `a`.
    unsafe fn column_sums(self, a: Rows, sums: *mut f32, add: bool);
    /// Runs a matrix product, out of line.
    ///
    /// # Safety
    /// `a` is readable for (M, K), `b` for (K, N) as it stands or in panels, the start's row for N;
    /// `c` is writable for (M, N) at rows of `ldc`, and holds numbers if they are the start; `left`
    /// is writable for `left_len(K)`. What is written lies apart from all that is read.
    unsafe fn matmul(self, job: &Matmul);
}
