//! exp, tanh, sigmoid, log, erf and their kin on registers, within 2 ulp of the exact value.

use super::vector::Vector;

const LOG2_E: f32 = core::f32::consts::LOG2_E;
/// ln 2 in two parts; the high one has few enough bits that `n * LN2_HIGH` is exact.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

#[inline(always)]
pub(crate) fn polynomial<S: Vector, const N: usize>(s: S, x: S::V, coefficients: [f32; N]) -> S::V {
    let mut y = s.splat(coefficients[0]);
    for i in 1..N {
        y = s.fma(y, x, s.splat(coefficients[i]));
    }
    y
}

/// `(n, r)` with `x = n ln 2 + r`, `|r| <= ln 2 / 2`.
#[inline(always)]
fn reduce<S: Vector>(s: S, x: S::V) -> (S::V, S::V) {
    let n = s.round(s.mul(x, s.splat(LOG2_E)));
    let r = s.fnma(n, s.splat(LN2_HIGH), x);
    (n, s.fnma(n, s.splat(LN2_LOW), r))
}

/// `e^r - 1` for `|r| <= ln 2 / 2`: minimax, 1.3e-8 of the value at most.
#[inline(always)]
fn expm1_reduced<S: Vector>(s: S, r: S::V) -> S::V {
    let q = polynomial(s, r, [1.394_649_5e-3, 8.366_611e-3, 4.166_628e-2, 1.666_654_3e-1, 0.5]);
    s.fma(s.mul(r, r), q, r)
}

/// `e^-|x|`.
#[inline(always)]
fn exp_below<S: Vector>(s: S, x: S::V) -> S::V {
    let (n, r) = reduce(s, s.max(s.splat(-104.0), s.copysign(x, s.splat(-0.0))));
    s.shrink2(s.add(expm1_reduced(s, r), s.splat(1.0)), n)
}

/// `e^x`.
#[inline(always)]
pub(crate) fn exp<S: Vector>(s: S, x: S::V) -> S::V {
    // The second operand of min and max wins for NaN.
    let x = s.min(s.splat(89.0), s.max(s.splat(-104.0), x));
    let (n, r) = reduce(s, x);
    s.scale2(s.add(expm1_reduced(s, r), s.splat(1.0)), n)
}

/// `e^x - 1`, exact to 2 ulp also near 0.
#[inline(always)]
pub(crate) fn expm1<S: Vector>(s: S, x: S::V) -> S::V {
    let x = s.min(s.splat(89.0), s.max(s.splat(-18.0), x));
    let (n, r) = reduce(s, x);
    // 2^(n - 1) stays finite up to the overflow of the result.
    let half = s.exp2_whole(s.sub(n, s.splat(1.0)));
    let y = s.fma(half, expm1_reduced(s, r), s.sub(half, s.splat(0.5)));
    s.add(y, y)
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(crate) fn sigmoid<S: Vector>(s: S, x: S::V) -> S::V {
    let one = s.splat(1.0);
    let e = exp_below(s, x);
    s.ratio(s.select_lt(x, s.splat(0.0), e, one), s.add(one, e))
}

/// tanh.
#[inline(always)]
pub(crate) fn tanh<S: Vector>(s: S, x: S::V) -> S::V {
    // With t = e^(2|x|) - 1: tanh |x| = t / (t + 2); from 9.02 on it is 1.
    let a = s.min(s.splat(9.02), s.abs(x));
    let a = s.add(a, a);
    // n turns 1 late enough that e^r - 1 stays above -1/4, where its rounding costs half as much.
    let n = s.round(s.fma(a, s.splat(LOG2_E), s.splat(-0.085)));
    let r = s.fnma(n, s.splat(LN2_LOW), s.fnma(n, s.splat(LN2_HIGH), a));
    // Minimax of (e^r - 1 - r) / r^2 on -0.288..0.406.
    let q =
        polynomial(s, r, [1.467_024_9e-3, 8.357_141e-3, 4.165_874e-2, 1.666_659_6e-1, 0.500_000_2]);
    let p = s.fma(s.mul(r, r), q, r);
    let power = s.exp2_whole(n);
    let t = s.fma(power, p, s.sub(power, s.splat(1.0)));
    // The quotient, corrected by what it leaves over of t, with t + 2 taken unrounded.
    let inverse = s.estimate(s.add(t, s.splat(2.0)));
    let y = s.mul(t, inverse);
    let rest = s.fnma(s.splat(2.0), y, s.fnma(y, t, t));
    s.copysign(s.fma(rest, inverse, y), x)
}

/// Natural logarithm: NaN below 0, -inf at 0.
#[inline(always)]
pub(crate) fn log<S: Vector>(s: S, x: S::V) -> S::V {
    const SMALLEST: f32 = f32::MIN_POSITIVE;
    let zero = s.splat(0.0);
    // Subnormals are scaled up by 2^24 first.
    let scaled = s.select_lt(x, s.splat(SMALLEST), s.mul(x, s.splat(16_777_216.0)), x);
    let shift = s.select_lt(x, s.splat(SMALLEST), s.splat(-24.0), zero);
    let (e, m) = s.split_exponent(scaled);
    // m in [sqrt(1/2), sqrt 2).
    let high = s.splat(core::f32::consts::SQRT_2);
    let e = s.add(s.select_lt(m, high, e, s.add(e, s.splat(1.0))), shift);
    let m = s.select_lt(m, high, m, s.mul(m, s.splat(0.5)));
    let f = s.sub(m, s.splat(1.0));
    let z = s.mul(f, f);
    let p = polynomial(
        s,
        f,
        [
            7.037_683_6e-2,
            -1.151_461e-1,
            1.167_699_9e-1,
            -1.242_014_1e-1,
            1.424_932_3e-1,
            -1.666_805_8e-1,
            2.000_071_5e-1,
            -2.499_999_4e-1,
            3.333_333e-1,
        ],
    );
    let y = s.mul(s.mul(f, z), p);
    let y = s.fma(e, s.splat(LN2_LOW), y);
    let y = s.fnma(s.splat(0.5), z, y);
    let y = s.fma(e, s.splat(LN2_HIGH), s.add(f, y));
    // inf stays, 0 gives -inf, below 0 and NaN give NaN.
    let y = s.select_lt(x, s.splat(f32::INFINITY), y, x);
    let y = s.select_lt(zero, x, y, s.splat(f32::NEG_INFINITY));
    let y = s.select_lt(x, zero, s.splat(f32::NAN), y);
    nan_of(s, x, y)
}

/// `y`, or NaN where `x` is NaN.
#[inline(always)]
fn nan_of<S: Vector>(s: S, x: S::V, y: S::V) -> S::V {
    // A comparison with NaN is false either way round.
    let ordered = s.select_lt(x, s.splat(1.0), y, s.splat(f32::NAN));
    s.select_lt(x, s.splat(1.0), ordered, s.select_lt(s.splat(0.5), x, y, s.splat(f32::NAN)))
}

/// The error function.
#[inline(always)]
pub(crate) fn erf<S: Vector>(s: S, x: S::V) -> S::V {
    let t = s.abs(x);
    let z = s.mul(x, x);
    let far = polynomial(
        s,
        t,
        [
            -1.728_534_7e-5,
            3.831_971_3e-4,
            -3.883_964_4e-3,
            2.425_462_2e-2,
            -1.067_778_8e-1,
            -6.348_467e-1,
            -1.287_175_1e-1,
        ],
    );
    let far = s.fma(far, t, s.sub(s.splat(0.0), t));
    let far = s.copysign(s.sub(s.splat(1.0), exp(s, far)), x);
    let near = polynomial(
        s,
        z,
        [
            -5.967_617e-4,
            4.991_194_2e-3,
            -2.676_813_5e-2,
            1.128_199_26e-1,
            -3.761_253_4e-1,
            1.283_791_7e-1,
        ],
    );
    let near = s.fma(near, x, x);
    s.select_lt(t, s.splat(0.927_734_4), near, far)
}

/// `ln(1 + e^x)`.
#[inline(always)]
pub(crate) fn softplus<S: Vector>(s: S, x: S::V) -> S::V {
    let e = exp_below(s, x);
    s.add(s.max(s.splat(0.0), x), log1p_unit(s, e))
}

/// `ln(1 + e)` for `0 <= e <= 1`.
#[inline(always)]
fn log1p_unit<S: Vector>(s: S, e: S::V) -> S::V {
    let u = s.add(s.splat(1.0), e);
    // What rounding 1 + e lost, put back to first order.
    let lost = s.sub(e, s.sub(u, s.splat(1.0)));
    s.add(s.ratio(lost, u), log(s, u))
}
