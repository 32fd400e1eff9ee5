//! Products with weights of eight bits: both operands rounded to integers, multiplied exactly,
//! scaled back.
//!
//! ```text
//! s_w = 127 / (max |w| + ε) of each column of w        q_w = round(w s_w)
//! s_a = 127 / (max |a| + ε) of the row a               q_a = round(a s_a)
//! z += (q_a q_w) / (s_a s_w)
//! ```
//! Sums of integers are exact, so that every path gives the same bits.
//! Source: `abs_max_quantize` of keras/src/quantizers/quantizers.py and `Dense._int8_call`, Keras
//! 3.15.1.

#[cfg(target_arch = "x86_64")]
use super::isa::{Isa, isa};

/// Columns of a panel.
const COLUMNS: usize = 16;
/// Depths that one instruction takes.
const DEPTH: usize = 4;
/// Added to the largest magnitude, as in Keras.
const EPSILON: f32 = 1e-7;

/// Weights (K, N) of eight bits, packed.
#[derive(Clone, Copy, Debug)]
pub struct Int8Matrix<'a> {
    /// K
    pub k: usize,
    /// N
    pub n: usize,
    /// `1 / s_w`, the sums of the columns as integers, then the panels: each four depths of sixteen
    /// columns after one another.
    area: &'a [u32],
}

/// Elements of memory that [`Int8Matrix::pack`] takes.
pub fn int8_len(k: usize, n: usize) -> usize {
    n.next_multiple_of(COLUMNS) * (2 + k.div_ceil(DEPTH))
}

impl<'a> Int8Matrix<'a> {
    /// Rounds and packs `w (K, N)`.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn pack(k: usize, n: usize, w: &[f32], area: &'a mut [u32]) -> Self {
        assert!(
            w.len() >= k * n && area.len() >= int8_len(k, n),
            "int8: ({k}, {n}) must fit. Received: {} and {} elements",
            w.len(),
            area.len()
        );
        let columns = n.next_multiple_of(COLUMNS);
        let (inverse, rest) = area.split_at_mut(columns);
        let (sums, panels) = rest.split_at_mut(columns);
        // Magnitudes are ordered as their bits are.
        inverse.fill(0);
        for row in w[..k * n].chunks_exact(n.max(1)) {
            inverse
                .iter_mut()
                .zip(row)
                .for_each(|(most, x)| *most = (*most).max(x.abs().to_bits()));
        }
        inverse.iter_mut().for_each(|x| *x = ((f32::from_bits(*x) + EPSILON) / 127.0).to_bits());
        sums.fill(0);
        let fours = k.div_ceil(DEPTH);
        for (block, panel) in
            panels[..columns * fours].chunks_exact_mut(fours.max(1) * COLUMNS).enumerate()
        {
            for (i, word) in panel.iter_mut().enumerate() {
                let (j, first) = (block * COLUMNS + i % COLUMNS, i / COLUMNS * DEPTH);
                let scale = 1.0 / f32::from_bits(inverse[j]);
                let at = |p: usize| {
                    if j < n && p < k {
                        (w[p * n + j] * scale).round_ties_even().clamp(-127.0, 127.0) as i8
                    } else {
                        0
                    }
                };
                let four = [0, 1, 2, 3].map(|d| at(first + d));
                let sum = four.iter().map(|q| i32::from(*q)).sum::<i32>();
                sums[j] = (sums[j] as i32 + sum) as u32;
                *word = u32::from_le_bytes(four.map(|q| q as u8));
            }
        }
        Int8Matrix { k, n, area }
    }

    /// What [`Int8Matrix::pack`] left in `area`.
    pub fn packed(k: usize, n: usize, area: &'a [u32]) -> Self {
        assert!(
            area.len() >= int8_len(k, n),
            "int8: ({k}, {n}) must fit. Received: {} elements",
            area.len()
        );
        Int8Matrix { k, n, area }
    }

    /// `z (N) += a (K) w`. `rounded` holds K elements rounded up to fours.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn add_row(&self, a: &[f32], rounded: &mut [u8], z: &mut [f32]) {
        let padded = self.k.next_multiple_of(DEPTH);
        assert!(
            a.len() >= self.k && rounded.len() >= padded && z.len() >= self.n,
            "int8: a row of {} and {} columns must fit",
            self.k,
            self.n
        );
        let (a, rounded, z) = (&a[..self.k], &mut rounded[..padded], &mut z[..self.n]);
        #[cfg(target_arch = "x86_64")]
        match isa() {
            // SAFETY: the CPU has the instructions; lengths were checked.
            Isa::Avx512 if is_x86_feature_detected!("avx512vnni") => {
                return unsafe { vnni::add_row(self, a, rounded, z) };
            }
            // SAFETY: as above; the tier of AVX-512 has AVX2 too.
            Isa::Avx512 | Isa::Avx2 => return unsafe { avx2::add_row(self, a, rounded, z) },
            Isa::Portable => {}
        }
        self.add_row_plain(a, rounded, z);
    }

    fn add_row_plain(&self, a: &[f32], rounded: &mut [u8], z: &mut [f32]) {
        let inverse_a = round_row(a, rounded);
        let (inverse, sums, panels) = self.parts();
        for (block, panel) in
            panels.chunks_exact(self.k.div_ceil(DEPTH).max(1) * COLUMNS).enumerate()
        {
            let mut acc = [0i32; COLUMNS];
            for (words, four) in panel.chunks_exact(COLUMNS).zip(rounded.chunks_exact(DEPTH)) {
                for (acc, word) in acc.iter_mut().zip(words) {
                    let w = word.to_le_bytes();
                    *acc +=
                        (0..DEPTH).map(|d| i32::from(four[d]) * i32::from(w[d] as i8)).sum::<i32>();
                }
            }
            for (j, acc) in (block * COLUMNS..).zip(acc).take_while(|(j, _)| *j < self.n) {
                let exact = acc - 128 * sums[j] as i32;
                z[j] += exact as f32 * (inverse_a * f32::from_bits(inverse[j]));
            }
        }
    }

    /// `1 / s_w`, sums, panels.
    fn parts(&self) -> (&'a [u32], &'a [u32], &'a [u32]) {
        let columns = self.n.next_multiple_of(COLUMNS);
        let (inverse, rest) = self.area.split_at(columns);
        let (sums, panels) = rest.split_at(columns);
        (inverse, sums, &panels[..columns * self.k.div_ceil(DEPTH)])
    }
}

/// Rounds a row to integers, kept 128 higher; gives `1 / s_a`.
#[inline(always)]
fn round_row(a: &[f32], rounded: &mut [u8]) -> f32 {
    /// Added, it leaves a number's nearest integer in the lowest bits.
    const SHIFT: f32 = 12_582_912.0;
    let most = a.iter().fold(0u32, |most, x| most.max(x.to_bits() & 0x7fff_ffff));
    let most = f32::from_bits(most) + EPSILON;
    let scale = 127.0 / most;
    for (q, x) in rounded.iter_mut().zip(a) {
        *q = ((x * scale + SHIFT).to_bits() as u8).wrapping_add(128);
    }
    rounded[a.len()..].fill(128);
    most / 127.0
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{COLUMNS, DEPTH, Int8Matrix, round_row};
    use core::arch::x86_64::*;

    /// # Safety
    /// The CPU has AVX2; `a` holds K elements, `rounded` as many bytes rounded up to fours, `z` N
    /// elements.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn add_row(w: &Int8Matrix<'_>, a: &[f32], rounded: &mut [u8], z: &mut [f32]) {
        let inverse_a = round_row(a, rounded);
        let n_panels = w.n.div_ceil(COLUMNS);
        let mut panel = 0;
        // SAFETY: whole panels of the matrix.
        unsafe {
            while panel + 4 <= n_panels {
                panels::<4>(w, rounded, inverse_a, panel, z);
                panel += 4;
            }
            while panel < n_panels {
                panels::<1>(w, rounded, inverse_a, panel, z);
                panel += 1;
            }
        }
    }

    /// `P` panels from one on. Magnitudes of `a` times weights of its signs: two products of at
    /// most 127 x 127 fit in 16 bits.
    ///
    /// # Safety
    /// The CPU has AVX2; `first + P` panels lie in the matrix, `rounded` holds K bytes rounded up
    /// to fours, `z` holds N elements.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn panels<const P: usize>(
        w: &Int8Matrix<'_>,
        rounded: &[u8],
        inverse_a: f32,
        first: usize,
        z: &mut [f32],
    ) {
        let (inverse, _, data) = w.parts();
        let fours = w.k.div_ceil(DEPTH);
        let mut acc = [[_mm256_setzero_si256(); 2]; P];
        let (ones, middle) = (_mm256_set1_epi16(1), _mm256_set1_epi8(-128));
        let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        // SAFETY: depths and panels of the matrix; whole registers of `z` below N.
        unsafe {
            let data = data.as_ptr().add(first * fours * COLUMNS);
            for p in 0..fours {
                let four = rounded.as_ptr().add(p * DEPTH).cast::<i32>().read_unaligned();
                let a = _mm256_xor_si256(_mm256_set1_epi32(four), middle);
                let size = _mm256_abs_epi8(a);
                for v in 0..P {
                    for half in 0..2 {
                        let b = _mm256_loadu_si256(
                            data.add((v * fours + p) * COLUMNS + 8 * half).cast(),
                        );
                        let pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(b, a));
                        acc[v][half] =
                            _mm256_add_epi32(acc[v][half], _mm256_madd_epi16(pairs, ones));
                    }
                }
            }
            for v in 0..P {
                for half in 0..2 {
                    let j = (first + v) * COLUMNS + 8 * half;
                    let scale = _mm256_mul_ps(
                        _mm256_set1_ps(inverse_a),
                        _mm256_loadu_ps(inverse.as_ptr().add(j).cast()),
                    );
                    let add = _mm256_mul_ps(_mm256_cvtepi32_ps(acc[v][half]), scale);
                    let out = z.as_mut_ptr().wrapping_add(j);
                    if j + 8 <= w.n {
                        _mm256_storeu_ps(out, _mm256_add_ps(_mm256_loadu_ps(out), add));
                    } else {
                        let mask = _mm256_cmpgt_epi32(
                            _mm256_set1_epi32(w.n.saturating_sub(j) as i32),
                            lanes,
                        );
                        _mm256_maskstore_ps(
                            out,
                            mask,
                            _mm256_add_ps(_mm256_maskload_ps(out, mask), add),
                        );
                    }
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod vnni {
    use super::{COLUMNS, DEPTH, Int8Matrix, round_row};
    use core::arch::x86_64::*;

    /// # Safety
    /// The CPU has AVX-512 F, BW, DQ, VL and VNNI; `a` holds K elements, `rounded` as many bytes
    /// rounded up to fours, `z` N elements.
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub(super) unsafe fn add_row(w: &Int8Matrix<'_>, a: &[f32], rounded: &mut [u8], z: &mut [f32]) {
        let inverse_a = round_row(a, rounded);
        let n_panels = w.n.div_ceil(COLUMNS);
        let mut panel = 0;
        // SAFETY: whole panels of the matrix.
        unsafe {
            while panel + 8 <= n_panels {
                panels::<8>(w, rounded, inverse_a, panel, z);
                panel += 8;
            }
            while panel + 4 <= n_panels {
                panels::<4>(w, rounded, inverse_a, panel, z);
                panel += 4;
            }
            while panel < n_panels {
                panels::<1>(w, rounded, inverse_a, panel, z);
                panel += 1;
            }
        }
    }

    /// `P` panels from one on.
    /// # Safety
    /// The CPU has AVX-512 F, BW, DQ, VL and VNNI; `first + P` panels lie in the matrix, `rounded`
    /// holds K bytes rounded up to fours, `z` holds N elements.
    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn panels<const P: usize>(
        w: &Int8Matrix<'_>,
        rounded: &[u8],
        inverse_a: f32,
        first: usize,
        z: &mut [f32],
    ) {
        let (inverse, sums, data) = w.parts();
        let fours = w.k.div_ceil(DEPTH);
        let mut acc = [_mm512_setzero_si512(); P];
        // SAFETY: depths and panels of the matrix, columns of `z` below N by the mask.
        unsafe {
            let data = data.as_ptr().add(first * fours * COLUMNS);
            for p in 0..fours {
                let a = _mm512_set1_epi32(
                    rounded.as_ptr().add(p * DEPTH).cast::<i32>().read_unaligned(),
                );
                for v in 0..P {
                    let b = _mm512_loadu_si512(data.add((v * fours + p) * COLUMNS).cast());
                    acc[v] = _mm512_dpbusd_epi32(acc[v], a, b);
                }
            }
            for v in 0..P {
                let j = (first + v) * COLUMNS;
                let sums = _mm512_loadu_si512(sums.as_ptr().add(j).cast());
                let exact = _mm512_sub_epi32(acc[v], _mm512_slli_epi32::<7>(sums));
                let scale = _mm512_mul_ps(
                    _mm512_set1_ps(inverse_a),
                    _mm512_loadu_ps(inverse.as_ptr().add(j).cast()),
                );
                let mask = ((1u32 << (w.n - j).min(COLUMNS)) - 1) as __mmask16;
                let out = z.as_mut_ptr().add(j);
                let sum = _mm512_add_ps(
                    _mm512_maskz_loadu_ps(mask, out),
                    _mm512_mul_ps(_mm512_cvtepi32_ps(exact), scale),
                );
                _mm512_mask_storeu_ps(out, mask, sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::reference::Rng;

    #[test]
    fn rows_are_the_formula_and_every_path_has_the_same_bits() {
        let mut rng = Rng(4);
        for (k, n) in [(1, 1), (3, 20), (64, 256), (5, 130), (16, 83), (0, 4)] {
            let (w, a) = (rng.values(k * n, 0.7), rng.values(k, 2.0));
            let mut area = vec![u32::MAX; int8_len(k, n)];
            let m = Int8Matrix::pack(k, n, &w, &mut area);
            let (mut z, mut plain) = (vec![0.5; n], vec![0.5; n]);
            let mut rounded = vec![0; k.next_multiple_of(DEPTH)];
            m.add_row(&a, &mut rounded, &mut z);
            m.add_row_plain(&a, &mut rounded, &mut plain);
            assert_eq!(z, plain, "{k} {n}");
            #[cfg(target_arch = "x86_64")]
            if Isa::Avx2.is_supported() {
                let mut narrow = vec![0.5; n];
                // SAFETY: the CPU has AVX2; lengths by construction.
                unsafe { avx2::add_row(&m, &a, &mut rounded, &mut narrow) };
                assert_eq!(narrow, plain, "{k} {n} on AVX2");
            }
            let most = |x: &mut dyn Iterator<Item = f32>| {
                f64::from(x.fold(0.0f32, |m, x| m.max(x.abs()))) + 1e-7
            };
            let s_a = 127.0 / most(&mut a.iter().copied());
            for j in 0..n {
                let column = || (0..k).map(|p| w[p * n + j]);
                let s_w = 127.0 / most(&mut column());
                let sum: f64 = a
                    .iter()
                    .zip(column())
                    .map(|(a, w)| {
                        (f64::from(*a) * s_a).round_ties_even()
                            * (f64::from(w) * s_w).round_ties_even()
                    })
                    .sum();
                let want = 0.5 + sum / (s_a * s_w);
                // A number that f64 and f32 round to different integers moves the sum by one part
                // in 127.
                assert!(
                    (f64::from(z[j]) - want).abs() < 1e-4 * (1.0 + want.abs()),
                    "{k} {n} {j}: {} and {want}",
                    z[j]
                );
            }
        }
    }
}
