//! Elementwise functions over slices, within 2 ulp.

use super::{
    activation::Activation,
    simd::Simd,
    table::table,
    vector_math,
};

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
    // SAFETY: the table of a supported tier; equal lengths.
    unsafe { (table().map)(f, x, y) }
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

/// # Safety
/// `x` and `y` have equal lengths.
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
            let t = vector_math::tanh(s, s.mul(inner, s.splat(0.797_884_56)));
            let h = s.mul(half, x);
            s.fma(h, t, h)
        }
        Map::Activation(a) => s.activate(a, x),
    }
}
