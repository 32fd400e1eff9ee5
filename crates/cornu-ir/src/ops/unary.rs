//! Pointwise functions of one value: a table with the function and its derivative in each row.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{ShapeError, Spec};
use crate::tensor::{Element, Tensor, View, ViewMut};
use crate::var::Var;
use crate::with_float;
use num_traits::Float;

/// Floats of either width, with the functions that std lacks.
pub trait Real: Float + Element {
    /// Error function.
    fn erf(self) -> Self;
    /// From a literal.
    fn lit(x: f64) -> Self;
}

impl Real for f32 {
    fn erf(self) -> Self {
        libm::erff(self)
    }
    fn lit(x: f64) -> Self {
        x as f32
    }
}

impl Real for f64 {
    fn erf(self) -> Self {
        libm::erf(self)
    }
    fn lit(x: f64) -> Self {
        x
    }
}

fn sigmoid<T: Real>(x: T) -> T {
    // exp of a negative number only: no overflow on either side.
    if x >= T::zero() {
        T::one() / (T::one() + (-x).exp())
    } else {
        let e = x.exp();
        e / (T::one() + e)
    }
}

fn softplus<T: Real>(x: T) -> T {
    x.max(T::zero()) + (-x.abs()).exp().ln_1p()
}

/// The number whose error function is `x`: a start by Winitzki's formula, then Newton's steps in
/// f64.
fn erfinv<T: Real>(x: T) -> T {
    let x = x.to_f64().unwrap_or(f64::NAN);
    if x.is_nan() || x.abs() >= 1.0 {
        return T::lit(if x.abs() == 1.0 { x * f64::INFINITY } else { f64::NAN });
    }
    let (log, a) = ((-x * x).ln_1p(), 0.147);
    let half = 2.0 / (std::f64::consts::PI * a) + log / 2.0;
    let mut y = x.signum() * ((half * half - log / a).sqrt() - half).max(0.0).sqrt();
    for _ in 0..4 {
        // erfc keeps its digits where erf comes close to 1.
        let off = if y > 0.0 { (1.0 - x) - libm::erfc(y) } else { libm::erfc(-y) - (1.0 + x) };
        let step = off / (std::f64::consts::FRAC_2_SQRT_PI * (-y * y).exp());
        y -= step / (1.0 + y * step);
    }
    T::lit(y)
}

/// The modified Bessel function of the first kind of a whole order, by its series: all terms have
/// one sign.
fn bessel_i<T: Real>(order: u32, x: T) -> T {
    let x = x.to_f64().unwrap_or(f64::NAN);
    let (square, mut sum) = (x * x / 4.0, 0.0);
    let mut term = if order == 0 { 1.0 } else { x / 2.0 };
    let mut k = 0.0;
    while (term + sum != sum || k < 1.0) && k < 2000.0 {
        sum += term;
        k += 1.0;
        term *= square / (k * (k + f64::from(order)));
    }
    T::lit(sum)
}

pub(super) fn round_even<T: Real>(x: T) -> T {
    let r = x.round();
    if (x - x.trunc()).abs() == T::lit(0.5) { T::lit(2.0) * (x / T::lit(2.0)).round() } else { r }
}

macro_rules! unary_table {
    ($(
        #[doc = $doc:literal]
        $F:ident $name:ident |$v:ident| $f:expr, |$x:ident, $y:ident, $d:ident| $g:expr;
    )*) => {
        /// The pointwise functions of one value.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum UnaryFn {
            $(#[doc = $doc] $F),*
        }

        impl UnaryFn {
            /// All of them.
            pub const ALL: &'static [UnaryFn] = &[$(UnaryFn::$F),*];

            /// Name, as printed.
            pub const fn name(self) -> &'static str {
                match self {
                    $(UnaryFn::$F => stringify!($name)),*
                }
            }

            /// The function.
            pub fn of<T: Real>(self, x: T) -> T {
                match self {
                    $(UnaryFn::$F => {
                        let $v = x;
                        $f
                    })*
                }
            }

            /// The function over a slice, the choice made once.
            pub fn map<T: Real>(self, x: &[T], out: &mut [T]) {
                match self {
                    $(UnaryFn::$F => {
                        for (o, &$v) in out.iter_mut().zip(x) {
                            *o = $f;
                        }
                    })*
                }
            }

            fn derivative<'g>(self, x: Var<'g>, y: Var<'g>, d: Var<'g>) -> Option<Var<'g>> {
                match self {
                    $(UnaryFn::$F => {
                        let ($x, $y, $d) = (x, y, d);
                        $g
                    })*
                }
            }
        }

        impl<'g> Var<'g> {
            $(#[doc = $doc]
            pub fn $name(self) -> Var<'g> {
                self.unary(UnaryFn::$F)
            })*
        }
    };
}

// A row: the function of `v`; its derivative by `x`, times the gradient `d` of the result `y`.
unary_table! {
    /// The value with the other sign.
    Neg neg |v| -v, |_x, _y, d| Some(-d);
    /// e to the value.
    Exp exp |v| v.exp(), |_x, y, d| Some(d * y);
    /// e to the value, less 1.
    Expm1 expm1 |v| v.exp_m1(), |_x, y, d| Some(d * (y + 1.0));
    /// Natural logarithm.
    Log log |v| v.ln(), |x, _y, d| Some(d / x);
    /// Natural logarithm of 1 and the value.
    Log1p log1p |v| v.ln_1p(), |x, _y, d| Some(d / (x + 1.0));
    /// Square root.
    Sqrt sqrt |v| v.sqrt(), |_x, y, d| Some(d * 0.5 / y);
    /// 1 / square root.
    Rsqrt rsqrt |v| v.sqrt().recip(), |x, y, d| Some(d * -0.5 * y / x);
    /// Hyperbolic tangent.
    Tanh tanh |v| v.tanh(), |_x, y, d| Some(d * (1.0 - y * y));
    /// 1 / (1 + exp(-x)).
    Sigmoid sigmoid |v| sigmoid(v), |_x, y, d| Some(d * y * (1.0 - y));
    /// log(1 + exp(x)), without overflow.
    Softplus softplus |v| softplus(v), |x, _y, d| Some(d * x.sigmoid());
    /// The value where positive, else 0.
    Relu relu
        |v| if v > T::zero() || v.is_nan() { v } else { T::zero() },
        |x, _y, d| Some(d * x.gt(0.0).cast(d.dtype()));
    /// Error function.
    Erf erf
        |v| v.erf(),
        |x, _y, d| Some(d * (-(x * x)).exp() * std::f64::consts::FRAC_2_SQRT_PI);
    /// Inverse of the error function.
    Erfinv erfinv
        |v| erfinv(v),
        |_x, y, d| Some(d * (y * y).exp() * (std::f64::consts::PI.sqrt() / 2.0));
    /// Modified Bessel function of order 0.
    BesselI0 bessel_i0 |v| bessel_i(0, v), |x, _y, d| Some(d * x.bessel_i1());
    /// Modified Bessel function of order 1.
    BesselI1 bessel_i1 |v| bessel_i(1, v), |x, y, d| Some(bessel_i1_derivative(x, y, d));
    /// Absolute value.
    Abs abs |v| v.abs(), |x, _y, d| Some(d * x.sign());
    /// -1, 0 or 1.
    Sign sign
        |v| if v > T::zero() { T::one() } else if v < T::zero() { -T::one() } else { v },
        |_x, _y, _d| None;
    /// Largest whole number not above.
    Floor floor |v| v.floor(), |_x, _y, _d| None;
    /// Smallest whole number not below.
    Ceil ceil |v| v.ceil(), |_x, _y, _d| None;
    /// Nearest whole number, halves to even.
    Round round |v| round_even(v), |_x, _y, _d| None;
    /// 1 where not a number, else 0, in the value's type.
    IsNan is_nan |v| if v.is_nan() { T::one() } else { T::zero() }, |_x, _y, _d| None;
    /// Sine.
    Sin sin |v| v.sin(), |x, _y, d| Some(d * x.cos());
    /// Cosine.
    Cos cos |v| v.cos(), |x, _y, d| Some(-(d * x.sin()));
    /// Tangent.
    Tan tan |v| v.tan(), |_x, y, d| Some(d * (y * y + 1.0));
    /// Arc sine.
    Asin asin |v| v.asin(), |x, _y, d| Some(d * (1.0 - x * x).rsqrt());
    /// Arc cosine.
    Acos acos |v| v.acos(), |x, _y, d| Some(-(d * (1.0 - x * x).rsqrt()));
    /// Arc tangent.
    Atan atan |v| v.atan(), |x, _y, d| Some(d / (x * x + 1.0));
    /// Hyperbolic sine.
    Sinh sinh |v| v.sinh(), |x, _y, d| Some(d * x.cosh());
    /// Hyperbolic cosine.
    Cosh cosh |v| v.cosh(), |x, _y, d| Some(d * x.sinh());
}

/// `d` times the derivative of the Bessel function of order 1 by `x`, whose value is `y`:
/// I₀(x) − I₁(x) / x, where the quotient is 1/2 at 0.
fn bessel_i1_derivative<'g>(x: Var<'g>, y: Var<'g>, d: Var<'g>) -> Var<'g> {
    let order_0 = x.bessel_i0();
    let at_zero = x.eq(0.0);
    let half = x.ones_like() * 0.5;
    d * (order_0 - at_zero.select(half, y / x.eq(0.0).select(x.ones_like(), x)))
}

/// A pointwise function of one float value.
#[derive(Clone, Debug, PartialEq)]
pub struct Unary {
    /// Which.
    pub f: UnaryFn,
}

impl Primitive for Unary {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs(self.f.name(), ins, 1)?;
        if !ins[0].dtype.is_float() {
            return Err(ShapeError::new(self.f.name(), "a float value is needed", ins));
        }
        Ok(vec![ins[0].clone()])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        vec![self.f.derivative(at.ins[0], at.outs[0], at.grad())]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        with_float!(ins[0].dtype(), T => self.f.map(ins[0].get::<T>(), out.get::<T>()));
    }

    fn samples() -> Vec<Sample<Self>> {
        UnaryFn::ALL
            .iter()
            .map(|&f| {
                let mut x = sample_numbers(&[3, 4], 11);
                if let crate::tensor::Buffer::F64(v) = &mut x.data {
                    // Into the domain of each function, away from its corners.
                    v.iter_mut().for_each(|x| {
                        *x = match f {
                            UnaryFn::Log | UnaryFn::Sqrt | UnaryFn::Rsqrt => x.abs() + 0.3,
                            UnaryFn::Log1p => x.abs() - 0.4,
                            UnaryFn::Asin | UnaryFn::Acos | UnaryFn::Erfinv => *x * 0.6,
                            _ => *x + 0.01,
                        }
                    });
                }
                Sample::new(Unary { f }, vec![x])
            })
            .chain([Sample::new(
                Unary { f: UnaryFn::Relu },
                vec![Tensor::new(&[2], vec![-1.0f64, 2.0])],
            )])
            .collect()
    }
}
