//! The tier that every CPU runs: arrays of four f32 and plain loops.

use super::{
    activation::Activation,
    activation_math::{slope, value},
    outlined::outlined,
    simd::Simd,
    vector::Vector,
};

/// Proof of nothing: plain Rust.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Portable {
    /// # Safety
    /// None: every CPU has plain Rust. Unsafe so that all tiers are made alike.
    pub(crate) unsafe fn new_unchecked() -> Self {
        Portable
    }
}

type V4 = [f32; 4];

macro_rules! lanes {
    ($i:ident => $e:expr) => {{
        let mut out = [0.0f32; 4];
        let mut $i = 0;
        while $i < 4 {
            out[$i] = $e;
            $i += 1;
        }
        out
    }};
}

impl Vector for Portable {
    type V = V4;
    #[inline(always)]
    fn splat(self, x: f32) -> V4 {
        [x; 4]
    }
    #[inline(always)]
    fn add(self, a: V4, b: V4) -> V4 {
        lanes!(i => a[i] + b[i])
    }
    #[inline(always)]
    fn sub(self, a: V4, b: V4) -> V4 {
        lanes!(i => a[i] - b[i])
    }
    #[inline(always)]
    fn mul(self, a: V4, b: V4) -> V4 {
        lanes!(i => a[i] * b[i])
    }
    #[inline(always)]
    fn div(self, a: V4, b: V4) -> V4 {
        lanes!(i => a[i] / b[i])
    }
    #[inline(always)]
    fn fma(self, a: V4, b: V4, c: V4) -> V4 {
        lanes!(i => a[i] * b[i] + c[i])
    }
    #[inline(always)]
    fn fnma(self, a: V4, b: V4, c: V4) -> V4 {
        lanes!(i => c[i] - a[i] * b[i])
    }
    #[inline(always)]
    fn min(self, a: V4, b: V4) -> V4 {
        lanes!(i => if a[i] < b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn max(self, a: V4, b: V4) -> V4 {
        lanes!(i => if a[i] > b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn sqrt(self, a: V4) -> V4 {
        lanes!(i => a[i].sqrt())
    }
    #[inline(always)]
    fn estimate(self, a: V4) -> V4 {
        lanes!(i => 1.0 / a[i])
    }
    #[inline(always)]
    fn ratio(self, a: V4, b: V4) -> V4 {
        self.div(a, b)
    }
    #[inline(always)]
    fn round(self, a: V4) -> V4 {
        const MAGIC: f32 = 12_582_912.0; // 1.5 * 2^23: adding it leaves no bits below the unit
        lanes!(i => (a[i] + MAGIC) - MAGIC)
    }
    #[inline(always)]
    fn scale2(self, a: V4, n: V4) -> V4 {
        let half = self.round(self.mul(n, [0.5; 4]));
        let rest = self.sub(n, half);
        self.mul(self.mul(a, self.exp2_whole(half)), self.exp2_whole(rest))
    }
    #[inline(always)]
    fn shrink2(self, a: V4, n: V4) -> V4 {
        self.scale2(a, n)
    }
    #[inline(always)]
    fn exp2_whole(self, n: V4) -> V4 {
        lanes!(i => f32::from_bits((((n[i] as i32) + 127) as u32) << 23))
    }
    #[inline(always)]
    fn abs(self, a: V4) -> V4 {
        lanes!(i => a[i].abs())
    }
    #[inline(always)]
    fn copysign(self, a: V4, b: V4) -> V4 {
        lanes!(i => a[i].copysign(b[i]))
    }
    #[inline(always)]
    fn select_lt(self, a: V4, b: V4, x: V4, y: V4) -> V4 {
        lanes!(i => if a[i] < b[i] { x[i] } else { y[i] })
    }
    #[inline(always)]
    fn split_exponent(self, a: V4) -> (V4, V4) {
        (
            lanes!(i => ((a[i].to_bits() >> 23) as i32 - 127) as f32),
            lanes!(i => f32::from_bits((a[i].to_bits() & 0x007f_ffff) | 0x3f80_0000)),
        )
    }
    #[inline(never)]
    fn activate(self, activation: Activation, x: V4) -> V4 {
        value(self, activation, x)
    }
    #[inline(never)]
    fn activation_slope(self, activation: Activation, y: V4, g: V4) -> V4 {
        slope(self, activation, y, g)
    }
}

impl Simd for Portable {
    const LANES: usize = 4;
    const REGISTERS: usize = 8;
    const TILE_ROWS: usize = 4;
    const BLOCK_DEPTH: usize = 512;
    const BLOCK_ROWS: usize = 96;
    type M = usize;
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> V4 {
        // SAFETY: `p` is readable for four lanes, and the array is aligned as f32 is.
        unsafe { *p.cast::<V4>() }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: V4) {
        // SAFETY: `p` is writable for four lanes, and the array is aligned as f32 is.
        unsafe { *p.cast::<V4>() = v }
    }
    #[inline(always)]
    fn mask(self, n: usize) -> usize {
        n
    }
    #[inline(always)]
    unsafe fn load_masked(self, p: *const f32, m: usize) -> V4 {
        // SAFETY: only lanes of the mask are read.
        lanes!(i => if i < m { unsafe { *p.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_masked(self, p: *mut f32, m: usize, v: V4) {
        for (i, x) in v.into_iter().enumerate().take(m) {
            // SAFETY: only lanes of the mask are written.
            unsafe { *p.add(i) = x }
        }
    }
    #[inline(always)]
    fn prefetch(self, _: *const f32) {}
    #[inline(always)]
    fn sums(self, v: [V4; 4]) -> [f32; 4] {
        lanes!(i => (v[i][0] + v[i][2]) + (v[i][1] + v[i][3]))
    }
    #[inline(always)]
    unsafe fn store_columns(self, dst: *mut f32, ld: usize, live: usize, v: [V4; 4]) {
        for r in 0..live {
            for (j, column) in v.iter().enumerate() {
                // SAFETY: `dst` is writable for `live` rows of four columns.
                unsafe { *dst.add(r * ld + j) = column[r] }
            }
        }
    }
    #[inline(always)]
    unsafe fn load_columns(self, src: *const f32, ld: usize, live: usize) -> [V4; 4] {
        let mut v = [[0.0; 4]; 4];
        for r in 0..live {
            for (j, column) in v.iter_mut().enumerate() {
                // SAFETY: `src` is readable for `live` rows of four columns.
                column[r] = unsafe { *src.add(r * ld + j) };
            }
        }
        v
    }
    outlined!(Portable);
}
