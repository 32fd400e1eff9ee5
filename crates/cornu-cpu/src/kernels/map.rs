//! Elementwise functions over slices, within 2 ulp.

use super::{activation::Activation, isa::isa, simd::Simd, tier::on_each_tier, vector_math};

/// A function of one f32.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Map {
    /// `e^x`
    Exp,
    /// `e^x - 1`
    Expm1,
    /// `ln x`
    Log,
    /// `tanh x`
    Tanh,
    /// `1 / (1 + e^-x)`
    Sigmoid,
    /// the error function
    Erf,
    /// `ln(1 + e^x)`
    Softplus,
    /// the square root
    Sqrt,
    /// `1 / sqrt x`
    Rsqrt,
    /// `1 / x`
    Recip,
    /// `x / (1 + e^-x)`
    Silu,
    /// `x (1 + erf(x / sqrt 2)) / 2`
    Gelu,
    /// `x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`
    GeluTanh,
    /// An activation of the recurrent kernels.
    Activation(Activation),
}

/// Writes `f` of each element of `x` to `y`, with the registers of the tier in use.
///
/// An element's result depends on it alone, wherever it stands in the slice.
///
/// # Panics
/// If the lengths differ.
pub fn map(f: Map, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "map: x and y must have equal lengths");
    // SAFETY: a supported tier; equal lengths.
    unsafe { map_on(isa(), f, x, y) }
}

on_each_tier! {
    /// [`map`] on a tier.
    ///
    /// # Safety
    /// The CPU supports the tier; `x` and `y` have equal lengths.
    fn map_on(f: Map, x: &[f32], y: &mut [f32]) = run;
}

/// `y = e^x`.
pub fn vexp(x: &[f32], y: &mut [f32]) {
    map(Map::Exp, x, y);
}

/// `y = ln x`.
pub fn vlog(x: &[f32], y: &mut [f32]) {
    map(Map::Log, x, y);
}

/// `y = tanh x`.
pub fn vtanh(x: &[f32], y: &mut [f32]) {
    map(Map::Tanh, x, y);
}

/// `y = 1 / (1 + e^-x)`.
pub fn vsigmoid(x: &[f32], y: &mut [f32]) {
    map(Map::Sigmoid, x, y);
}

/// `y = sqrt x`.
pub fn vsqrt(x: &[f32], y: &mut [f32]) {
    map(Map::Sqrt, x, y);
}

/// `y = 1 / sqrt x`.
pub fn vrsqrt(x: &[f32], y: &mut [f32]) {
    map(Map::Rsqrt, x, y);
}

/// `y = erf x`.
pub fn verf(x: &[f32], y: &mut [f32]) {
    map(Map::Erf, x, y);
}

/// Writes `f` of each element of `x` to `y`, on a tier.
///
/// # Safety
/// `y` is at least as long as `x`.
#[inline(always)]
pub(crate) unsafe fn run<S: Simd>(s: S, f: Map, x: &[f32], y: &mut [f32]) {
    macro_rules! each {
        ($e:expr) => {{
            let e = $e;
            let mut i = 0;
            // SAFETY: whole registers below the common length, then its masked rest.
            unsafe {
                while i + S::LANES <= x.len() {
                    let v = s.load(x.as_ptr().add(i));
                    s.store(y.as_mut_ptr().add(i), one(s, e, v));
                    i += S::LANES;
                }
                if i < x.len() {
                    let m = s.mask(x.len() - i);
                    let v = s.load_masked(x.as_ptr().add(i), m);
                    s.store_masked(y.as_mut_ptr().add(i), m, one(s, e, v));
                }
            }
        }};
    }
    // The match stands outside the loops: each gets its own.
    match f {
        Map::Exp => each!(Map::Exp),
        Map::Expm1 => each!(Map::Expm1),
        Map::Log => each!(Map::Log),
        Map::Tanh => each!(Map::Tanh),
        Map::Sigmoid => each!(Map::Sigmoid),
        Map::Erf => each!(Map::Erf),
        Map::Softplus => each!(Map::Softplus),
        Map::Sqrt => each!(Map::Sqrt),
        Map::Rsqrt => each!(Map::Rsqrt),
        Map::Recip => each!(Map::Recip),
        Map::Silu => each!(Map::Silu),
        Map::Gelu => each!(Map::Gelu),
        Map::GeluTanh => each!(Map::GeluTanh),
        Map::Activation(a) => each!(Map::Activation(a)),
    }
}

#[inline(always)]
fn one<S: Simd>(s: S, f: Map, x: S::V) -> S::V {
    let half = s.splat(0.5);
    match f {
        Map::Exp => vector_math::exp(s, x),
        Map::Expm1 => vector_math::expm1(s, x),
        Map::Log => vector_math::log(s, x),
        Map::Tanh => vector_math::tanh(s, x),
        Map::Sigmoid => vector_math::sigmoid(s, x),
        Map::Erf => vector_math::erf(s, x),
        Map::Softplus => vector_math::softplus(s, x),
        Map::Sqrt => s.sqrt(x),
        Map::Rsqrt => s.div(s.splat(1.0), s.sqrt(x)),
        Map::Recip => s.div(s.splat(1.0), x),
        Map::Silu => s.mul(x, vector_math::sigmoid(s, x)),
        Map::Gelu => {
            let e = vector_math::erf(s, s.mul(x, s.splat(core::f32::consts::FRAC_1_SQRT_2)));
            let h = s.mul(half, x);
            s.fma(h, e, h)
        }
        Map::GeluTanh => {
            let cube = s.mul(s.mul(x, x), x);
            let inner = s.fma(cube, s.splat(0.044_715), x);
            let t = vector_math::tanh(s, s.mul(inner, s.splat(0.797_884_6)));
            let h = s.mul(half, x);
            s.fma(h, t, h)
        }
        Map::Activation(a) => s.activate(a, x),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::reference::tiers;

    /// ln Gamma-free exact functions in f64; erf by its series and its continued fraction.
    fn exact(f: Map, x: f64) -> f64 {
        match f {
            Map::Exp => x.exp(),
            Map::Expm1 => x.exp_m1(),
            Map::Log => x.ln(),
            Map::Tanh => x.tanh(),
            Map::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Map::Erf => erf(x),
            Map::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Map::Sqrt => x.sqrt(),
            Map::Rsqrt => 1.0 / x.sqrt(),
            _ => 1.0 / x,
        }
    }

    fn erf(x: f64) -> f64 {
        let a = x.abs();
        let y = if a < 3.0 {
            let (mut term, mut sum, mut n) = (a, a, 0.0);
            while term.abs() > 1e-18 * sum {
                n += 1.0;
                term *= -a * a / n * (2.0 * n - 1.0) / (2.0 * n + 1.0);
                sum += term;
            }
            sum * core::f64::consts::FRAC_2_SQRT_PI
        } else {
            let mut fraction = 0.0;
            for n in (1..60).rev() {
                fraction = f64::from(n) / 2.0 / (a + fraction);
            }
            1.0 - (-a * a).exp() / (a + fraction) * core::f64::consts::FRAC_2_SQRT_PI / 2.0
        };
        y.copysign(x)
    }

    /// The distance in units of the last place of the exact value's f32.
    fn ulps(got: f32, want: f64) -> f64 {
        if f64::from(got) == want || (got.is_nan() && want.is_nan()) {
            return 0.0;
        }
        let nearest = want as f32;
        if nearest.is_infinite() {
            return if got == nearest { 0.0 } else { f64::INFINITY };
        }
        let above = f32::from_bits(nearest.abs().to_bits() + 1);
        (f64::from(got) - want).abs() / (f64::from(above) - f64::from(nearest.abs()))
    }

    /// `count` values between `low` and `high`, evenly spaced among the f32 of each sign where
    /// `by_bits`.
    fn samples(low: f32, high: f32, count: u32) -> Vec<f32> {
        let mut all: Vec<f32> =
            (0..count).map(|i| low + (high - low) * (i as f32 / count as f32)).collect();
        // Every magnitude down to the subnormals.
        for i in 0..count {
            let x = f32::from_bits(
                (u64::from(high.to_bits()) * u64::from(i) / u64::from(count)) as u32,
            );
            all.push(x);
            if low < 0.0 && -x >= low {
                all.push(-x);
            }
        }
        all
    }

    #[test]
    fn functions_are_within_2_ulp() {
        let cases = [
            (Map::Exp, -110.0, 95.0),
            (Map::Expm1, -30.0, 95.0),
            (Map::Log, 0.0, f32::MAX),
            (Map::Tanh, -12.0, 12.0),
            (Map::Sigmoid, -110.0, 40.0),
            (Map::Erf, -5.0, 5.0),
            (Map::Softplus, -110.0, 60.0),
            (Map::Sqrt, 0.0, 1e30),
            (Map::Rsqrt, 1e-30, 1e30),
            (Map::Recip, 1e-30, 1e30),
        ];
        let mut failures = String::new();
        for (f, low, high) in cases {
            let x = samples(low, high, 60_000);
            for isa in tiers() {
                let mut y = vec![0.0; x.len()];
                // SAFETY: a supported tier; equal lengths.
                unsafe { map_on(isa, f, &x, &mut y) };
                let (worst, at) = x
                    .iter()
                    .zip(&y)
                    .map(|(&x, &y)| (ulps(y, exact(f, f64::from(x))), x))
                    .fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a });
                if worst > 2.0 {
                    failures += &format!("{} {f:?}: {worst} ulp at {at:e}\n", isa.name());
                }
            }
        }
        assert!(failures.is_empty(), "{failures}");
    }

    #[test]
    fn ends_of_the_range() {
        let inf = f32::INFINITY;
        let cases = [
            (Map::Exp, [0.0, inf, 1.0]),
            (Map::Expm1, [-1.0, inf, 0.0]),
            (Map::Tanh, [-1.0, 1.0, 0.0]),
            (Map::Sigmoid, [0.0, 1.0, 0.5]),
            (Map::Erf, [-1.0, 1.0, 0.0]),
            (Map::Softplus, [0.0, inf, core::f32::consts::LN_2]),
            (Map::Log, [f32::NAN, inf, -inf]),
            (Map::Sqrt, [f32::NAN, inf, 0.0]),
        ];
        for isa in tiers() {
            for (f, want) in cases {
                let mut y = [0.0; 4];
                // SAFETY: a supported tier; equal lengths.
                unsafe { map_on(isa, f, &[-inf, inf, 0.0, f32::NAN], &mut y) };
                for (got, want) in y.iter().zip(want) {
                    assert!(
                        *got == want || (got.is_nan() && want.is_nan()),
                        "{} {f:?}: {y:?}",
                        isa.name()
                    );
                }
                assert!(y[3].is_nan(), "{} {f:?} of NaN: {}", isa.name(), y[3]);
            }
        }
    }

    #[test]
    fn an_element_does_not_depend_on_its_place() {
        let x: Vec<f32> = (0..100).map(|i| (i as f32 - 50.0) * 0.37).collect();
        for isa in tiers() {
            for f in
                [Map::Exp, Map::Tanh, Map::Sigmoid, Map::Erf, Map::Gelu, Map::GeluTanh, Map::Silu]
            {
                let mut whole = vec![0.0; 100];
                // SAFETY: a supported tier; equal lengths.
                unsafe { map_on(isa, f, &x, &mut whole) };
                for i in 0..100 {
                    let mut one = [0.0];
                    // SAFETY: a supported tier; equal lengths.
                    unsafe { map_on(isa, f, &x[i..=i], &mut one) };
                    assert_eq!(one[0].to_bits(), whole[i].to_bits(), "{} {f:?}", isa.name());
                }
            }
        }
    }
}
