//! Loops over the registers of a row.

use super::{
    activation_math::Pair,
    simd::Simd,
    vector::{Side, Vector},
};

/// Runs the block for the registers of a row of `n` and their column: four whole ones side by side,
/// then one after another, with the instructions to compute in. A closure would not be compiled
/// with the tier's instructions.
macro_rules! registers {
    ($s:ident: $S:ty, $n:expr, |$side:ident, $lanes:ident, $j:ident| $body:expr) => {{
        let (tier, n) = ($s, $n);
        let mut $j = 0;
        {
            let $side = $crate::kernels::vector::Side::<$S, 4>(tier);
            let mask = tier.mask(<$S>::LANES);
            let $lanes = $crate::kernels::strip::Strip::<$S, 4> { whole: true, mask };
            while $j + 4 * <$S>::LANES <= n {
                $body;
                $j += 4 * <$S>::LANES;
            }
        }
        let $side = $crate::kernels::vector::Side::<$S, 1>(tier);
        while $j < n {
            let left = n - $j;
            let $lanes = $crate::kernels::strip::Strip::<$S, 1> {
                whole: left >= <$S>::LANES,
                mask: tier.mask(left.min(<$S>::LANES)),
            };
            $body;
            $j += <$S>::LANES;
        }
    }};
}
pub(crate) use registers;

/// `N` registers of a row: whole, or the masked end of it.
#[derive(Clone, Copy)]
pub(crate) struct Strip<S: Simd, const N: usize> {
    pub(crate) whole: bool,
    pub(crate) mask: S::M,
}

impl<S: Simd, const N: usize> Strip<S, N> {
    /// Reads the registers.
    ///
    /// # Safety
    /// `p` is readable for `N` registers where they are whole, else for the lanes of the mask.
    #[inline(always)]
    pub(crate) unsafe fn load(self, s: Side<S, N>, p: *const f32) -> [S::V; N] {
        let mut v = s.splat(0.0);
        for i in 0..N {
            // SAFETY: `p` is readable for N whole registers, or for the mask's lanes of one.
            v[i] = unsafe {
                if self.whole {
                    s.0.load(p.add(i * S::LANES))
                } else {
                    s.0.load_masked(p, self.mask)
                }
            };
        }
        v
    }
    /// Writes the registers.
    ///
    /// # Safety
    /// `p` is writable for `N` registers where they are whole, else for the lanes of the mask.
    #[inline(always)]
    pub(crate) unsafe fn store(self, s: Side<S, N>, p: *mut f32, v: [S::V; N]) {
        for i in 0..N {
            // SAFETY: `p` is writable for N whole registers, or for the mask's lanes of one.
            unsafe {
                if self.whole {
                    s.0.store(p.add(i * S::LANES), v[i])
                } else {
                    s.0.store_masked(p, self.mask, v[i])
                }
            }
        }
    }
}

/// A row's gates activated in place: one function over the whole row, so that no element waits for
/// another.
///
/// # Safety
/// `row` is readable and writable for `n` elements.
#[inline(always)]
pub(crate) unsafe fn activate_gates<S: Simd, P: Pair>(s: S, pair: P, n: usize, row: *mut f32) {
    // SAFETY: whole or masked registers below n of the row.
    registers!(s: S, n, |s, lanes, j| unsafe {
        lanes.store(s, row.add(j), pair.gate(s, lanes.load(s, row.add(j))))
    });
}

/// A row's candidates activated in place.
///
/// # Safety
/// `row` is readable and writable for `n` elements.
#[inline(always)]
pub(crate) unsafe fn activate_candidates<S: Simd, P: Pair>(s: S, pair: P, n: usize, row: *mut f32) {
    // SAFETY: whole or masked registers below n of the row.
    registers!(s: S, n, |s, lanes, j| unsafe {
        lanes.store(s, row.add(j), pair.main(s, lanes.load(s, row.add(j))))
    });
}
