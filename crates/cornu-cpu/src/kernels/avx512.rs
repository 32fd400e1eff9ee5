//! The AVX-512 tier: registers of sixteen f32.

use core::arch::x86_64::*;

use super::{
    activation::Activation,
    activation_math::{slope, value},
    outlined::outlined,
    simd::Simd,
    vector::Vector,
};

/// Proof that the CPU has AVX-512 F, VL, DQ, BW and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// `Isa::Avx512.is_supported()`.
    pub(crate) unsafe fn new_unchecked() -> Self {
        Avx512(())
    }
}

macro_rules! op {
    ($e:expr) => {
        // SAFETY: a value of `Avx512` proves the instructions, and `Simd`'s methods ask that
        // pointers are readable or writable for the lanes they touch.
        unsafe { $e }
    };
}

impl Vector for Avx512 {
    type V = __m512;
    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        op!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        op!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn fnma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        op!(_mm512_fnmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_min_ps(a, b))
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        op!(_mm512_sqrt_ps(a))
    }
    #[inline(always)]
    fn estimate(self, a: __m512) -> __m512 {
        op!(_mm512_rcp14_ps(a))
    }
    #[inline(always)]
    fn ratio(self, a: __m512, b: __m512) -> __m512 {
        // 14 bits from the table, doubled by what the first quotient leaves over: shorter than a
        // division.
        let r = self.estimate(b);
        let q = self.mul(a, r);
        self.fma(self.fnma(q, b, a), r, q)
    }
    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        op!(_mm512_roundscale_ps::<8>(a))
    }
    #[inline(always)]
    fn scale2(self, a: __m512, n: __m512) -> __m512 {
        op!(_mm512_scalef_ps(a, n))
    }
    #[inline(always)]
    fn shrink2(self, a: __m512, n: __m512) -> __m512 {
        self.scale2(a, n)
    }
    #[inline(always)]
    fn exp2_whole(self, n: __m512) -> __m512 {
        op!(_mm512_scalef_ps(_mm512_set1_ps(1.0), n))
    }
    #[inline(always)]
    fn abs(self, a: __m512) -> __m512 {
        op!(_mm512_abs_ps(a))
    }
    #[inline(always)]
    fn copysign(self, a: __m512, b: __m512) -> __m512 {
        // Ternary table 0xca: the first operand chooses between the second and the third.
        op!(_mm512_castsi512_ps(_mm512_ternarylogic_epi32::<0xca>(
            _mm512_set1_epi32(i32::MIN),
            _mm512_castps_si512(b),
            _mm512_castps_si512(a),
        )))
    }
    #[inline(always)]
    fn select_lt(self, a: __m512, b: __m512, x: __m512, y: __m512) -> __m512 {
        op!(_mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), y, x))
    }
    #[inline(always)]
    fn split_exponent(self, a: __m512) -> (__m512, __m512) {
        op!((_mm512_getexp_ps(a), _mm512_getmant_ps::<_MM_MANT_NORM_1_2, _MM_MANT_SIGN_ZERO>(a),))
    }
    #[inline(always)]
    fn activate(self, activation: Activation, x: __m512) -> __m512 {
        #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512dq,avx512bw")]
        fn outlined(s: Avx512, activation: Activation, x: __m512) -> __m512 {
            value(s, activation, x)
        }
        op!(outlined(self, activation, x))
    }
    #[inline(always)]
    fn activation_slope(self, activation: Activation, y: __m512, g: __m512) -> __m512 {
        #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512dq,avx512bw")]
        fn outlined(s: Avx512, activation: Activation, y: __m512, g: __m512) -> __m512 {
            slope(s, activation, y, g)
        }
        op!(outlined(self, activation, y, g))
    }
}

impl Simd for Avx512 {
    const LANES: usize = 16;
    const REGISTERS: usize = 32;
    const TILE_ROWS: usize = 14;
    const BLOCK_DEPTH: usize = 512;
    const BLOCK_ROWS: usize = 336;
    type M = __mmask16;
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m512 {
        op!(_mm512_loadu_ps(p))
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: __m512) {
        op!(_mm512_storeu_ps(p, v))
    }
    #[inline(always)]
    fn mask(self, n: usize) -> __mmask16 {
        ((1u32 << n) - 1) as __mmask16
    }
    #[inline(always)]
    unsafe fn load_masked(self, p: *const f32, m: __mmask16) -> __m512 {
        op!(_mm512_maskz_loadu_ps(m, p))
    }
    #[inline(always)]
    unsafe fn store_masked(self, p: *mut f32, m: __mmask16, v: __m512) {
        op!(_mm512_mask_storeu_ps(p, m, v))
    }
    #[inline(always)]
    fn prefetch(self, p: *const f32) {
        op!(_mm_prefetch::<_MM_HINT_T1>(p.cast()))
    }
    #[inline(always)]
    fn sums(self, v: [__m512; 4]) -> [f32; 4] {
        let [a, b, c, d] = op!(transpose(v));
        let t = self.add(self.add(a, b), self.add(c, d));
        let mut out = [0.0; 4];
        op!({
            let h = _mm256_add_ps(_mm512_castps512_ps256(t), _mm512_extractf32x8_ps::<1>(t));
            let q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps::<1>(h));
            _mm_storeu_ps(out.as_mut_ptr(), q);
        });
        out
    }
    #[inline(always)]
    unsafe fn store_columns(self, dst: *mut f32, ld: usize, live: usize, v: [__m512; 4]) {
        let q = op!(transpose(v));
        // Register `r` of `q` holds rows r, r+4, r+8, r+12 in its quarters.
        for r in 0..4 {
            if r < live {
                op!(_mm_storeu_ps(dst.add(r * ld), _mm512_extractf32x4_ps::<0>(q[r])));
            }
            if r + 4 < live {
                op!(_mm_storeu_ps(dst.add((r + 4) * ld), _mm512_extractf32x4_ps::<1>(q[r])));
            }
            if r + 8 < live {
                op!(_mm_storeu_ps(dst.add((r + 8) * ld), _mm512_extractf32x4_ps::<2>(q[r])));
            }
            if r + 12 < live {
                op!(_mm_storeu_ps(dst.add((r + 12) * ld), _mm512_extractf32x4_ps::<3>(q[r])));
            }
        }
    }
    #[inline(always)]
    unsafe fn load_columns(self, src: *const f32, ld: usize, live: usize) -> [__m512; 4] {
        let mut q = [self.splat(0.0); 4];
        for r in 0..4 {
            if r < live {
                q[r] = op!(_mm512_insertf32x4::<0>(q[r], _mm_loadu_ps(src.add(r * ld))));
            }
            if r + 4 < live {
                q[r] = op!(_mm512_insertf32x4::<1>(q[r], _mm_loadu_ps(src.add((r + 4) * ld))));
            }
            if r + 8 < live {
                q[r] = op!(_mm512_insertf32x4::<2>(q[r], _mm_loadu_ps(src.add((r + 8) * ld))));
            }
            if r + 12 < live {
                q[r] = op!(_mm512_insertf32x4::<3>(q[r], _mm_loadu_ps(src.add((r + 12) * ld))));
            }
        }
        op!(transpose(q))
    }
    outlined!(Avx512, "avx2,fma,avx512f,avx512vl,avx512dq,avx512bw");
}

/// Transposes the 4x4 block in each quarter of the four registers.
///
/// # Safety
/// The CPU has AVX-512 F, VL, DQ and BW.
#[inline(always)]
unsafe fn transpose(v: [__m512; 4]) -> [__m512; 4] {
    let lo01 = op!(_mm512_unpacklo_ps(v[0], v[1]));
    let hi01 = op!(_mm512_unpackhi_ps(v[0], v[1]));
    let lo23 = op!(_mm512_unpacklo_ps(v[2], v[3]));
    let hi23 = op!(_mm512_unpackhi_ps(v[2], v[3]));
    [
        op!(_mm512_shuffle_ps::<0b01_00_01_00>(lo01, lo23)),
        op!(_mm512_shuffle_ps::<0b11_10_11_10>(lo01, lo23)),
        op!(_mm512_shuffle_ps::<0b01_00_01_00>(hi01, hi23)),
        op!(_mm512_shuffle_ps::<0b11_10_11_10>(hi01, hi23)),
    ]
}
