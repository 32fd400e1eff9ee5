//! The AVX2 tier with FMA: registers of eight f32.

use core::arch::x86_64::*;

use super::{
    activation::Activation,
    activation_math::{slope, value},
    outlined::outlined,
    simd::Simd,
    vector::Vector,
};

/// Proof that the CPU has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// # Safety
    /// `Isa::Avx2.is_supported()`.
    pub(crate) unsafe fn new_unchecked() -> Self {
        Avx2(())
    }
}

macro_rules! op {
    ($e:expr) => {
        // SAFETY: a value of `Avx2` proves the instructions, and `Simd`'s methods ask that pointers
        // are readable or writable for the lanes they touch.
        unsafe { $e }
    };
}

/// Eight lanes of ones, then eight of zeros: the mask of `n` lanes starts `n` before the zeros.
static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

impl Vector for Avx2 {
    type V = __m256;
    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        op!(_mm256_set1_ps(x))
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_div_ps(a, b))
    }
    #[inline(always)]
    fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        op!(_mm256_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn fnma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        op!(_mm256_fnmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_min_ps(a, b))
    }
    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_max_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(self, a: __m256) -> __m256 {
        op!(_mm256_sqrt_ps(a))
    }
    #[inline(always)]
    fn estimate(self, a: __m256) -> __m256 {
        self.div(self.splat(1.0), a)
    }
    #[inline(always)]
    fn ratio(self, a: __m256, b: __m256) -> __m256 {
        self.div(a, b)
    }
    #[inline(always)]
    fn round(self, a: __m256) -> __m256 {
        op!(_mm256_round_ps::<8>(a))
    }
    #[inline(always)]
    fn scale2(self, a: __m256, n: __m256) -> __m256 {
        let half = self.round(self.mul(n, self.splat(0.5)));
        let rest = self.sub(n, half);
        self.mul(self.mul(a, self.exp2_whole(half)), self.exp2_whole(rest))
    }
    #[inline(always)]
    fn shrink2(self, a: __m256, n: __m256) -> __m256 {
        let scaled = op!(_mm256_slli_epi32::<23>(_mm256_add_epi32(
            _mm256_cvtps_epi32(n),
            _mm256_set1_epi32(127 + 64)
        )));
        self.mul(self.mul(a, op!(_mm256_castsi256_ps(scaled))), self.splat(5.421_011e-20)) // 2^-64
    }
    #[inline(always)]
    fn exp2_whole(self, n: __m256) -> __m256 {
        op!(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(
            _mm256_cvtps_epi32(n),
            _mm256_set1_epi32(127),
        ))))
    }
    #[inline(always)]
    fn abs(self, a: __m256) -> __m256 {
        op!(_mm256_andnot_ps(_mm256_set1_ps(-0.0), a))
    }
    #[inline(always)]
    fn copysign(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_or_ps(self.abs(a), _mm256_and_ps(_mm256_set1_ps(-0.0), b)))
    }
    #[inline(always)]
    fn select_lt(self, a: __m256, b: __m256, x: __m256, y: __m256) -> __m256 {
        op!(_mm256_blendv_ps(y, x, _mm256_cmp_ps::<_CMP_LT_OQ>(a, b)))
    }
    #[inline(always)]
    fn split_exponent(self, a: __m256) -> (__m256, __m256) {
        op!({
            let bits = _mm256_castps_si256(a);
            let e = _mm256_sub_epi32(_mm256_srli_epi32::<23>(bits), _mm256_set1_epi32(127));
            let m = _mm256_or_si256(
                _mm256_and_si256(bits, _mm256_set1_epi32(0x007f_ffff)),
                _mm256_set1_epi32(0x3f80_0000),
            );
            (_mm256_cvtepi32_ps(e), _mm256_castsi256_ps(m))
        })
    }
    #[inline(always)]
    fn activate(self, activation: Activation, x: __m256) -> __m256 {
        #[target_feature(enable = "avx2,fma")]
        fn outlined(s: Avx2, activation: Activation, x: __m256) -> __m256 {
            value(s, activation, x)
        }
        op!(outlined(self, activation, x))
    }
    #[inline(always)]
    fn activation_slope(self, activation: Activation, y: __m256, g: __m256) -> __m256 {
        #[target_feature(enable = "avx2,fma")]
        fn outlined(s: Avx2, activation: Activation, y: __m256, g: __m256) -> __m256 {
            slope(s, activation, y, g)
        }
        op!(outlined(self, activation, y, g))
    }
}

impl Simd for Avx2 {
    const LANES: usize = 8;
    const REGISTERS: usize = 16;
    const TILE_ROWS: usize = 6;
    const BLOCK_DEPTH: usize = 512;
    const BLOCK_ROWS: usize = 96;
    type M = __m256i;
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m256 {
        op!(_mm256_loadu_ps(p))
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: __m256) {
        op!(_mm256_storeu_ps(p, v))
    }
    #[inline(always)]
    fn mask(self, n: usize) -> __m256i {
        let n = n.min(8);
        op!(_mm256_loadu_si256(MASKS.as_ptr().add(8 - n).cast()))
    }
    #[inline(always)]
    unsafe fn load_masked(self, p: *const f32, m: __m256i) -> __m256 {
        op!(_mm256_maskload_ps(p, m))
    }
    #[inline(always)]
    unsafe fn store_masked(self, p: *mut f32, m: __m256i, v: __m256) {
        op!(_mm256_maskstore_ps(p, m, v))
    }
    #[inline(always)]
    fn prefetch(self, p: *const f32) {
        op!(_mm_prefetch::<_MM_HINT_T1>(p.cast()))
    }
    #[inline(always)]
    fn sums(self, v: [__m256; 4]) -> [f32; 4] {
        let [a, b, c, d] = op!(transpose(v));
        let t = self.add(self.add(a, b), self.add(c, d));
        let mut out = [0.0; 4];
        op!(_mm_storeu_ps(
            out.as_mut_ptr(),
            _mm_add_ps(_mm256_castps256_ps128(t), _mm256_extractf128_ps::<1>(t))
        ));
        out
    }
    #[inline(always)]
    unsafe fn store_columns(self, dst: *mut f32, ld: usize, live: usize, v: [__m256; 4]) {
        let q = op!(transpose(v));
        // Register `r` of `q` holds rows r and r+4 in its halves.
        for r in 0..4 {
            if r < live {
                op!(_mm_storeu_ps(dst.add(r * ld), _mm256_castps256_ps128(q[r])));
            }
            if r + 4 < live {
                op!(_mm_storeu_ps(dst.add((r + 4) * ld), _mm256_extractf128_ps::<1>(q[r])));
            }
        }
    }
    #[inline(always)]
    unsafe fn load_columns(self, src: *const f32, ld: usize, live: usize) -> [__m256; 4] {
        let mut q = [self.splat(0.0); 4];
        for r in 0..4 {
            if r < live {
                q[r] = op!(_mm256_insertf128_ps::<0>(q[r], _mm_loadu_ps(src.add(r * ld))));
            }
            if r + 4 < live {
                q[r] = op!(_mm256_insertf128_ps::<1>(q[r], _mm_loadu_ps(src.add((r + 4) * ld))));
            }
        }
        op!(transpose(q))
    }
    outlined!(Avx2, "avx2,fma");
}

/// Transposes the 4x4 block in each half of the four registers.
///
/// # Safety
/// The CPU has AVX2 and FMA.
#[inline(always)]
unsafe fn transpose(v: [__m256; 4]) -> [__m256; 4] {
    let lo01 = op!(_mm256_unpacklo_ps(v[0], v[1]));
    let hi01 = op!(_mm256_unpackhi_ps(v[0], v[1]));
    let lo23 = op!(_mm256_unpacklo_ps(v[2], v[3]));
    let hi23 = op!(_mm256_unpackhi_ps(v[2], v[3]));
    [
        op!(_mm256_shuffle_ps::<0b01_00_01_00>(lo01, lo23)),
        op!(_mm256_shuffle_ps::<0b11_10_11_10>(lo01, lo23)),
        op!(_mm256_shuffle_ps::<0b01_00_01_00>(hi01, hi23)),
        op!(_mm256_shuffle_ps::<0b11_10_11_10>(hi01, hi23)),
    ]
}
