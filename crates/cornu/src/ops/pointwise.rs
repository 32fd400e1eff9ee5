//! Pointwise operations: each element from the elements beside it.

use super::bits::{is_nan, next_after, power_of_two, sign_bit};
use super::op_call::Unequal::Pointwise;
use super::op_call::{CORE, MATH, NUMPY, Row};
use cornu_ir::ops::BitsFn;
use cornu_ir::{DType, Var};

pub static ROWS: &[Row] = &[
    // Two values, stretched to each other, in the type they take together.
    Row("Add", NUMPY, Pointwise, |s| {
        s.pair(|a, b| if a.dtype() == DType::Bool { a.or(b) } else { a + b })
    }),
    Row("Subtract", NUMPY, Pointwise, |s| s.pair(|a, b| a - b)),
    Row("Multiply", NUMPY, Pointwise, |s| {
        s.pair(|a, b| if a.dtype() == DType::Bool { a.and(b) } else { a * b })
    }),
    Row("Divide", NUMPY, Pointwise, |s| s.float_pair(|a, b| a / b)),
    Row("TrueDivide", NUMPY, Pointwise, |s| s.float_pair(|a, b| a / b)),
    Row("DivideNoNan", NUMPY, Pointwise, |s| {
        s.float_pair(|a, b| {
            b.eq(0.0)
                .select(a.zeros_like() + b.zeros_like(), a / b.eq(0.0).select(b.ones_like(), b))
        })
    }),
    Row("FloorDivide", NUMPY, Pointwise, |s| {
        s.pair(|a, b| if a.dtype().is_float() { (a / b).floor() } else { (a - a.floor_mod(b)) / b })
    }),
    Row("Mod", NUMPY, Pointwise, |s| s.pair(|a, b| a.floor_mod(b))),
    Row("Power", NUMPY, Pointwise, |s| s.power()),
    Row("Maximum", NUMPY, Pointwise, |s| s.pair(|a, b| a.maximum(b))),
    Row("Minimum", NUMPY, Pointwise, |s| s.pair(|a, b| a.minimum(b))),
    Row("Arctan2", NUMPY, Pointwise, |s| s.float_pair(|a, b| a.atan2(b))),
    Row("Hypot", NUMPY, Pointwise, |s| s.float_pair(|a, b| (a * a + b * b).sqrt())),
    Row("Fmax", NUMPY, Pointwise, |s| s.float_pair(|a, b| numbers_of(a, b, a.maximum(b)))),
    Row("Fmin", NUMPY, Pointwise, |s| s.float_pair(|a, b| numbers_of(a, b, a.minimum(b)))),
    Row("Fmod", NUMPY, Pointwise, |s| s.float_pair(|a, b| a - trunc(a / b) * b)),
    Row("Heaviside", NUMPY, Pointwise, |s| {
        s.float_pair(|a, b| {
            a.lt(0.0).select(a.zeros_like() + b.zeros_like(), a.eq(0.0).select(b, 1.0))
        })
    }),
    Row("Logaddexp2", NUMPY, Pointwise, |s| {
        s.float_pair(|a, b| {
            a.maximum(b)
                + ((a - b).abs() * -std::f64::consts::LN_2).exp().log1p() * std::f64::consts::LOG2_E
        })
    }),
    Row("Logaddexp", NUMPY, Pointwise, |s| {
        s.float_pair(|a, b| a.maximum(b) + (-(a - b).abs()).exp().log1p())
    }),
    Row("Equal", NUMPY, Pointwise, |s| s.pair(|a, b| a.eq(b))),
    Row("NotEqual", NUMPY, Pointwise, |s| s.pair(|a, b| a.ne(b))),
    Row("Less", NUMPY, Pointwise, |s| s.pair(|a, b| a.lt(b))),
    Row("LessEqual", NUMPY, Pointwise, |s| s.pair(|a, b| a.le(b))),
    Row("Greater", NUMPY, Pointwise, |s| s.pair(|a, b| a.gt(b))),
    Row("GreaterEqual", NUMPY, Pointwise, |s| s.pair(|a, b| a.ge(b))),
    Row("LogicalAnd", NUMPY, Pointwise, |s| s.bool_pair(|a, b| a.and(b))),
    Row("LogicalOr", NUMPY, Pointwise, |s| s.bool_pair(|a, b| a.or(b))),
    Row("LogicalXor", NUMPY, Pointwise, |s| s.bool_pair(|a, b| a.ne(b))),
    Row("LogicalNot", NUMPY, Pointwise, |s| Ok(vec![s.bool_value(0)?.not()])),
    Row("Where", NUMPY, Pointwise, |s| s.choose()),
    Row("Select", NUMPY, Pointwise, |s| s.choose_among()),
    Row("BitwiseAnd", NUMPY, Pointwise, |s| s.bits(BitsFn::And)),
    Row("BitwiseOr", NUMPY, Pointwise, |s| s.bits(BitsFn::Or)),
    Row("BitwiseXor", NUMPY, Pointwise, |s| s.bits(BitsFn::Xor)),
    Row("BitwiseNot", NUMPY, Pointwise, |s| s.inverted_bits()),
    Row("BitwiseInvert", NUMPY, Pointwise, |s| s.inverted_bits()),
    Row("BitwiseLeftShift", NUMPY, Pointwise, |s| s.bits(BitsFn::Left)),
    Row("LeftShift", NUMPY, Pointwise, |s| s.bits(BitsFn::Left)),
    Row("BitwiseRightShift", NUMPY, Pointwise, |s| s.bits(BitsFn::Right)),
    Row("RightShift", NUMPY, Pointwise, |s| s.bits(BitsFn::Right)),
    Row("Gcd", NUMPY, Pointwise, |s| s.bits(BitsFn::Gcd)),
    Row("Lcm", NUMPY, Pointwise, |s| s.lcm()),
    Row("Nextafter", NUMPY, Pointwise, |s| s.float_pair(next_after)),
    Row("Ldexp", NUMPY, Pointwise, |s| {
        let (x, n) = (s.as_float(s.value(0)?), s.value(1)?.cast(DType::I32));
        Ok(vec![x * power_of_two(n, x.dtype())])
    }),
    Row("Isclose", NUMPY, Pointwise, |s| s.is_close().map(|v| vec![v])),
    Row("IsIn", NUMPY, Pointwise, |s| s.is_in()),
    Row("Digitize", NUMPY, Pointwise, |s| s.digitize()),
    Row("UnravelIndex", NUMPY, Pointwise, |s| s.unravel_index()),
    // One value.
    Row("Absolute", NUMPY, Pointwise, |s| {
        s.number(|x| if x.dtype().is_float() { x.abs() } else { x.maximum(0.0 - x) })
    }),
    Row("Abs", NUMPY, Pointwise, |s| {
        s.number(|x| if x.dtype().is_float() { x.abs() } else { x.maximum(0.0 - x) })
    }),
    Row("Negative", NUMPY, Pointwise, |s| {
        s.number(|x| if x.dtype().is_float() { -x } else { 0.0 - x })
    }),
    Row("Square", NUMPY, Pointwise, |s| s.number(|x| x * x)),
    Row("Sign", NUMPY, Pointwise, |s| {
        s.number(|x| if x.dtype().is_float() { x.sign() } else { x.minimum(1.0).maximum(-1.0) })
    }),
    Row("Exp", NUMPY, Pointwise, |s| s.float(|x| x.exp())),
    Row("Exp2", NUMPY, Pointwise, |s| s.float(|x| (x * std::f64::consts::LN_2).exp())),
    Row("Expm1", NUMPY, Pointwise, |s| s.float(|x| x.expm1())),
    Row("Log", NUMPY, Pointwise, |s| s.float(|x| x.log())),
    Row("Log1p", NUMPY, Pointwise, |s| s.float(|x| x.log1p())),
    Row("Log2", NUMPY, Pointwise, |s| s.float(|x| x.log() * std::f64::consts::LOG2_E)),
    Row("Log10", NUMPY, Pointwise, |s| s.float(|x| x.log() * std::f64::consts::LOG10_E)),
    Row("Sqrt", NUMPY, Pointwise, |s| s.float(|x| x.sqrt())),
    Row("Cbrt", NUMPY, Pointwise, |s| s.float(|x| x.sign() * x.abs().pow(1.0 / 3.0))),
    Row("Rsqrt", MATH, Pointwise, |s| s.float(|x| x.rsqrt())),
    Row("Reciprocal", NUMPY, Pointwise, |s| s.float(|x| 1.0 / x)),
    Row("Sin", NUMPY, Pointwise, |s| s.float(|x| x.sin())),
    Row("Cos", NUMPY, Pointwise, |s| s.float(|x| x.cos())),
    Row("Tan", NUMPY, Pointwise, |s| s.float(|x| x.tan())),
    Row("Arcsin", NUMPY, Pointwise, |s| s.float(|x| x.asin())),
    Row("Arccos", NUMPY, Pointwise, |s| s.float(|x| x.acos())),
    Row("Arctan", NUMPY, Pointwise, |s| s.float(|x| x.atan())),
    Row("Sinh", NUMPY, Pointwise, |s| s.float(|x| x.sinh())),
    Row("Cosh", NUMPY, Pointwise, |s| s.float(|x| x.cosh())),
    Row("Tanh", NUMPY, Pointwise, |s| s.float(|x| x.tanh())),
    Row("Arcsinh", NUMPY, Pointwise, |s| {
        s.float(|x| x.sign() * (x.abs() + (x * x + 1.0).sqrt()).log())
    }),
    Row("Arccosh", NUMPY, Pointwise, |s| s.float(|x| (x + (x * x - 1.0).sqrt()).log())),
    Row("Arctanh", NUMPY, Pointwise, |s| s.float(|x| (x.log1p() - (-x).log1p()) * 0.5)),
    Row("Erf", MATH, Pointwise, |s| s.float(|x| x.erf())),
    Row("Erfc", MATH, Pointwise, |s| s.float(|x| 1.0 - x.erf())),
    Row("Erfinv", MATH, Pointwise, |s| s.float(|x| x.erfinv())),
    Row("I0", NUMPY, Pointwise, |s| s.float(|x| x.bessel_i0())),
    Row("Floor", NUMPY, Pointwise, |s| s.float(|x| x.floor())),
    Row("Ceil", NUMPY, Pointwise, |s| s.float(|x| x.ceil())),
    Row("Trunc", NUMPY, Pointwise, |s| s.float(trunc)),
    Row("Deg2rad", NUMPY, Pointwise, |s| s.float(|x| x * (std::f64::consts::PI / 180.0))),
    Row("Rad2deg", NUMPY, Pointwise, |s| s.float(|x| x * (180.0 / std::f64::consts::PI))),
    Row("Fabs", NUMPY, Pointwise, |s| s.float(|x| x.abs())),
    Row("Sinc", NUMPY, Pointwise, |s| {
        s.float(|x| {
            let angle = x.eq(0.0).select(x.ones_like(), x) * std::f64::consts::PI;
            x.eq(0.0).select(x.ones_like(), angle.sin() / angle)
        })
    }),
    Row("Round", NUMPY, Pointwise, |s| {
        let k = 10f64.powi(s.integer("decimals")?.unwrap_or(0) as i32);
        s.float(|x| if k == 1.0 { x.round() } else { (x * k).round() / k })
    }),
    Row("Isnan", NUMPY, Pointwise, |s| s.float(|x| x.is_nan().cast(DType::Bool))),
    Row("Isinf", NUMPY, Pointwise, |s| s.float(|x| x.abs().eq(f64::INFINITY))),
    Row("Isfinite", NUMPY, Pointwise, |s| s.float(|x| x.abs().lt(f64::INFINITY))),
    Row("Isposinf", NUMPY, Pointwise, |s| s.float(|x| x.eq(f64::INFINITY))),
    Row("Isneginf", NUMPY, Pointwise, |s| s.float(|x| x.eq(f64::NEG_INFINITY))),
    Row("Isreal", NUMPY, Pointwise, |s| s.float(|x| x.ones_like().cast(DType::Bool))),
    Row("Signbit", NUMPY, Pointwise, |s| {
        s.number(|x| if x.dtype().is_float() { sign_bit(x) } else { x.lt(0.0) })
    }),
    Row("NanToNum", NUMPY, Pointwise, |s| s.nan_to_num()),
    // Values are real numbers here.
    Row("Real", NUMPY, Pointwise, |s| Ok(vec![s.value(0)?])),
    Row("Conjugate", NUMPY, Pointwise, |s| Ok(vec![s.value(0)?])),
    Row("Imag", NUMPY, Pointwise, |s| Ok(vec![s.value(0)?.zeros_like()])),
    Row("Clip", NUMPY, Pointwise, |s| {
        let (low, high) = (s.real("x_min", f64::NEG_INFINITY)?, s.real("x_max", f64::INFINITY)?);
        s.number(|x| s.clip(x, low, high))
    }),
    Row("Angle", NUMPY, Pointwise, |s| {
        s.float(|x| {
            x.is_nan()
                .cast(DType::Bool)
                .select(x, x.lt(0.0).select(x.zeros_like() + std::f64::consts::PI, 0.0))
        })
    }),
    Row("Array", NUMPY, Pointwise, |s| {
        let x = s.value(0)?;
        Ok(vec![s.dtype()?.map_or(x, |d| x.cast(d))])
    }),
    Row("View", NUMPY, Pointwise, |s| s.view()),
    Row("SaturateCast", CORE, Pointwise, |s| s.saturate_cast()),
    Row("Copy", NUMPY, Pointwise, |s| Ok(vec![s.value(0)?])),
    Row("Cast", CORE, Pointwise, |s| {
        Ok(vec![s.value(0)?.cast(s.dtype()?.unwrap_or(s.cx.float()))])
    }),
    Row("StopGradient", CORE, Pointwise, |s| Ok(vec![s.value(0)?.stop_gradient()])),
    Row("ConvertToTensor", CORE, Pointwise, |s| {
        let x = s.value(0)?;
        Ok(vec![s.dtype()?.map_or(x, |d| x.cast(d))])
    }),
    Row("ZerosLike", NUMPY, Pointwise, |s| s.like(0.0)),
    Row("EmptyLike", NUMPY, Pointwise, |s| s.like(0.0)),
    Row("OnesLike", NUMPY, Pointwise, |s| s.like(1.0)),
    Row("FullLike", NUMPY, Pointwise, |s| s.full_like()),
];

/// Cut off towards 0.
fn trunc(x: Var<'_>) -> Var<'_> {
    x.sign() * x.abs().floor()
}

/// Of two values the one that is a number, or what was made of both.
fn numbers_of<'g>(a: Var<'g>, b: Var<'g>, both: Var<'g>) -> Var<'g> {
    let (a, b) = (a + b.zeros_like(), b + a.zeros_like());
    is_nan(a).select(b, is_nan(b).select(a, both))
}
