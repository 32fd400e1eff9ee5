//! `Simd`: the vector instructions that the kernels are written in, one implementation a tier.
//!
//! Kernels are `#[inline(always)]` functions generic over `S: Simd`; a tier instantiates them
//! inside functions that carry its `#[target_feature]`, so one source serves every instruction set.

use super::{
    activation::Activation,
    matmul::{Matmul, Rows, View},
};

/// Vectors of f32 and what can be computed with them, lane by lane: a lane's result never depends
/// on the other lanes.
pub(crate) trait Vector: Copy {
    /// A register.
    type V: Copy;
    fn splat(self, x: f32) -> Self::V;
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, one rounding where the CPU has it.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`.
    fn fnma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The smaller; `b` if one is NaN.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// The larger; `b` if one is NaN.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    fn sqrt(self, a: Self::V) -> Self::V;
    /// `1 / a` within 2^-14 of it, for normal `a` whose reciprocal is normal.
    fn estimate(self, a: Self::V) -> Self::V;
    /// `a / b` within 1 ulp, for `b` between 2^-60 and 2^60.
    fn ratio(self, a: Self::V, b: Self::V) -> Self::V;
    /// To the nearest integer, ties to even, for |a| < 2^22.
    fn round(self, a: Self::V) -> Self::V;
    /// `a * 2^n` for whole `n` in -252..=252, also where the result leaves the normal range.
    fn scale2(self, a: Self::V, n: Self::V) -> Self::V;
    /// `a * 2^n` for whole `n` in -188..=0 and normal `a`, also where the result leaves the normal
    /// range.
    fn shrink2(self, a: Self::V, n: Self::V) -> Self::V;
    /// `2^n` for whole `n` in -126..=127.
    fn exp2_whole(self, n: Self::V) -> Self::V;
    fn abs(self, a: Self::V) -> Self::V;
    /// |a| with the sign of `b`.
    fn copysign(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a < b ? x : y`.
    fn select_lt(self, a: Self::V, b: Self::V, x: Self::V, y: Self::V) -> Self::V;
    /// `(e, m)` with `a = m * 2^e`, `1 <= m < 2`, for normal positive `a`.
    fn split_exponent(self, a: Self::V) -> (Self::V, Self::V);
    /// An activation looked up at run time, out of line.
    fn activate(self, activation: Activation, x: Self::V) -> Self::V;
    /// `g` times the activation's derivative where its value is `y`, out of line.
    fn activation_slope(self, activation: Activation, y: Self::V, g: Self::V) -> Self::V;
}

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
    /// [`pack_rows`](super::matmul::pack_rows), out of line.
    /// # Safety
    /// As there.
    unsafe fn pack(self, k: usize, n: usize, b: View, depth: usize, dst: *mut f32);
    /// `sums (n) = [sums +] 1^T a (rows, n)`, out of line.
    /// # Safety
    /// `a` is readable, `sums` writable.
    unsafe fn column_sums(self, a: Rows, sums: *mut f32, add: bool);
    /// Runs a matrix product, out of line.
    /// # Safety
    /// The pointers of `job` are valid for the shapes it states.
    unsafe fn matmul(self, job: &Matmul);
}

/// The methods that are compiled once a tier, not once a caller: `outlined!(tier, "its features")`
/// inside its `impl Simd`.
macro_rules! outlined {
    ($tier:ty $(, $features:literal)?) => {
        #[inline(always)]
        unsafe fn pack(self, k: usize, n: usize, b: matmul::View, depth: usize, dst: *mut f32) {
            $(#[target_feature(enable = $features)])?
            #[inline(never)]
            unsafe fn outlined(s: $tier, k: usize, n: usize, b: matmul::View, depth: usize, dst: *mut f32) {
                // SAFETY: the caller's promise.
                unsafe { matmul::pack_rows(s, k, n, b, depth, dst) }
            }
            // SAFETY: a value of the tier proves the instructions.
            unsafe { outlined(self, k, n, b, depth, dst) }
        }
        #[inline(always)]
        unsafe fn column_sums(self, a: matmul::Rows, sums: *mut f32, add: bool) {
            $(#[target_feature(enable = $features)])?
            #[inline(never)]
            unsafe fn outlined(s: $tier, a: matmul::Rows, sums: *mut f32, add: bool) {
                // SAFETY: the caller's promise.
                unsafe { sequence::column_sums(s, a, sums, add) }
            }
            // SAFETY: a value of the tier proves the instructions.
            unsafe { outlined(self, a, sums, add) }
        }
        #[inline(always)]
        unsafe fn matmul(self, job: &Matmul) {
            $(#[target_feature(enable = $features)])?
            #[inline(never)]
            unsafe fn outlined(s: $tier, job: &Matmul) {
                // SAFETY: the caller's promise.
                unsafe { matmul::run(s, job) }
            }
            // SAFETY: a value of the tier proves the instructions.
            unsafe { outlined(self, job) }
        }
    };
}
pub(crate) use outlined;

/// `N` registers computed side by side, an instruction of each after another: while one waits for a
/// result the others go on.
#[derive(Clone, Copy)]
pub(crate) struct Side<S, const N: usize>(pub(crate) S);

macro_rules! each {
    ($($name:ident($($x:ident),*);)*) => {$(
        #[inline(always)]
        fn $name(self, $($x: Self::V),*) -> Self::V {
            let mut y = [self.0.splat(0.0); N];
            for i in 0..N {
                y[i] = self.0.$name($($x[i]),*);
            }
            y
        }
    )*};
}

impl<S: Vector, const N: usize> Vector for Side<S, N> {
    type V = [S::V; N];

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [self.0.splat(x); N]
    }
    each! {
        add(a, b);
        sub(a, b);
        mul(a, b);
        div(a, b);
        fma(a, b, c);
        fnma(a, b, c);
        min(a, b);
        max(a, b);
        sqrt(a);
        estimate(a);
        ratio(a, b);
        round(a);
        scale2(a, n);
        shrink2(a, n);
        exp2_whole(n);
        abs(a);
        copysign(a, b);
        select_lt(a, b, x, y);
    }
    #[inline(always)]
    fn split_exponent(self, a: Self::V) -> (Self::V, Self::V) {
        let (mut e, mut m) = (a, a);
        for i in 0..N {
            (e[i], m[i]) = self.0.split_exponent(a[i]);
        }
        (e, m)
    }
    #[inline(always)]
    fn activate(self, activation: Activation, x: Self::V) -> Self::V {
        let mut y = x;
        for i in 0..N {
            y[i] = self.0.activate(activation, x[i]);
        }
        y
    }
    #[inline(always)]
    fn activation_slope(self, activation: Activation, y: Self::V, g: Self::V) -> Self::V {
        let mut d = g;
        for i in 0..N {
            d[i] = self.0.activation_slope(activation, y[i], g[i]);
        }
        d
    }
}
