//! `Vector`: what can be computed with registers of f32.

use super::activation::Activation;

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
