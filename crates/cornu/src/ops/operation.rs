//! Operations of `keras.ops` as members of models: a table of their meanings.

use super::site::{CORE, LINALG, MATH, NN, NUMPY, Row, Site};
use crate::activations::{Activation, elu, gelu, glu, leaky_relu, sparsemax};
use crate::config::{short, snake_case};
use crate::lowering::{Call, Cx, Flow, Form, Layer, WeightTree, Weights};
use crate::{Error, Result};
use cornu_ir::composites::{einsum, log_softmax, logsumexp, softmax, unit_length_within};
use cornu_ir::ops::{Bitcast, BitsFn};
use cornu_ir::{DType, Spec, Var};
use serde_json::Value;

/// An operation of `keras.ops` in a model. It has no weights, and what it gives carries no mask.
///
/// # Source
/// keras/src/ops, Keras 3.15.1.
#[derive(Clone, Debug)]
pub struct Operation {
    row: &'static Row,
    config: Value,
}

/// The tables of the families that have modules of their own, besides [`TABLE`].
static FAMILIES: &[&[Row]] = &[
    super::places::ROWS,
    super::pieces::ROWS,
    super::products::ROWS,
    super::statistics::ROWS,
    super::formulas::ROWS,
    super::transforms::ROWS,
    super::matrices::ROWS,
];

/// All operations.
fn rows() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().chain(FAMILIES.iter().flat_map(|family| family.iter()))
}

// Order matters to `takes_ragged`: pointwise rows first, then those along the last axis, then those
// over axes.
#[rustfmt::skip]
static TABLE: &[Row] = &[
    // Two values, stretched to each other, in the type they take together.
    Row("Add", NUMPY, |s| s.pair(|a, b| if a.dtype() == DType::Bool { a.or(b) } else { a + b })),
    Row("Subtract", NUMPY, |s| s.pair(|a, b| a - b)),
    Row("Multiply", NUMPY, |s| s.pair(|a, b| if a.dtype() == DType::Bool { a.and(b) } else { a * b })),
    Row("Divide", NUMPY, |s| s.float_pair(|a, b| a / b)),
    Row("TrueDivide", NUMPY, |s| s.float_pair(|a, b| a / b)),
    Row("DivideNoNan", NUMPY, |s| s.float_pair(|a, b| b.eq(0.0).select(a.zeros_like() + b.zeros_like(), a / b.eq(0.0).select(b.ones_like(), b)))),
    Row("FloorDivide", NUMPY, |s| s.pair(|a, b| if a.dtype().is_float() { (a / b).floor() } else { (a - a.floor_mod(b)) / b })),
    Row("Mod", NUMPY, |s| s.pair(|a, b| a.floor_mod(b))),
    Row("Power", NUMPY, |s| s.power()),
    Row("Maximum", NUMPY, |s| s.pair(|a, b| a.maximum(b))),
    Row("Minimum", NUMPY, |s| s.pair(|a, b| a.minimum(b))),
    Row("Arctan2", NUMPY, |s| s.float_pair(|a, b| a.atan2(b))),
    Row("Hypot", NUMPY, |s| s.float_pair(|a, b| (a * a + b * b).sqrt())),
    Row("Fmax", NUMPY, |s| s.float_pair(|a, b| numbers_of(a, b, a.maximum(b)))),
    Row("Fmin", NUMPY, |s| s.float_pair(|a, b| numbers_of(a, b, a.minimum(b)))),
    Row("Fmod", NUMPY, |s| s.float_pair(|a, b| a - trunc(a / b) * b)),
    Row("Heaviside", NUMPY, |s| s.float_pair(|a, b| a.lt(0.0).select(a.zeros_like() + b.zeros_like(), a.eq(0.0).select(b, 1.0)))),
    Row("Logaddexp2", NUMPY, |s| s.float_pair(|a, b| a.maximum(b) + ((a - b).abs() * -std::f64::consts::LN_2).exp().log1p() * std::f64::consts::LOG2_E)),
    Row("Logaddexp", NUMPY, |s| s.float_pair(|a, b| a.maximum(b) + (-(a - b).abs()).exp().log1p())),
    Row("Equal", NUMPY, |s| s.pair(|a, b| a.eq(b))),
    Row("NotEqual", NUMPY, |s| s.pair(|a, b| a.ne(b))),
    Row("Less", NUMPY, |s| s.pair(|a, b| a.lt(b))),
    Row("LessEqual", NUMPY, |s| s.pair(|a, b| a.le(b))),
    Row("Greater", NUMPY, |s| s.pair(|a, b| a.gt(b))),
    Row("GreaterEqual", NUMPY, |s| s.pair(|a, b| a.ge(b))),
    Row("LogicalAnd", NUMPY, |s| s.bool_pair(|a, b| a.and(b))),
    Row("LogicalOr", NUMPY, |s| s.bool_pair(|a, b| a.or(b))),
    Row("LogicalXor", NUMPY, |s| s.bool_pair(|a, b| a.ne(b))),
    Row("LogicalNot", NUMPY, |s| Ok(vec![s.bool_value(0)?.not()])),
    Row("Where", NUMPY, |s| s.choose()),
    Row("Select", NUMPY, |s| s.choose_among()),
    Row("BitwiseAnd", NUMPY, |s| s.bits(BitsFn::And)),
    Row("BitwiseOr", NUMPY, |s| s.bits(BitsFn::Or)),
    Row("BitwiseXor", NUMPY, |s| s.bits(BitsFn::Xor)),
    Row("BitwiseNot", NUMPY, |s| s.inverted_bits()),
    Row("BitwiseInvert", NUMPY, |s| s.inverted_bits()),
    Row("BitwiseLeftShift", NUMPY, |s| s.bits(BitsFn::Left)),
    Row("LeftShift", NUMPY, |s| s.bits(BitsFn::Left)),
    Row("BitwiseRightShift", NUMPY, |s| s.bits(BitsFn::Right)),
    Row("RightShift", NUMPY, |s| s.bits(BitsFn::Right)),
    Row("Gcd", NUMPY, |s| s.bits(BitsFn::Gcd)),
    Row("Lcm", NUMPY, |s| s.lcm()),
    Row("Nextafter", NUMPY, |s| s.float_pair(next_after)),
    Row("Ldexp", NUMPY, |s| { let (x, n) = (s.as_float(s.value(0)?), s.value(1)?.cast(DType::I32)); Ok(vec![x * power_of_two(n, x.dtype())]) }),
    Row("Isclose", NUMPY, |s| s.is_close().map(|v| vec![v])),
    Row("IsIn", NUMPY, |s| s.is_in()),
    Row("Digitize", NUMPY, |s| s.digitize()),
    Row("UnravelIndex", NUMPY, |s| s.unravel_index()),
    // One value.
    Row("Absolute", NUMPY, |s| s.number(|x| if x.dtype().is_float() { x.abs() } else { x.maximum(0.0 - x) })),
    Row("Abs", NUMPY, |s| s.number(|x| if x.dtype().is_float() { x.abs() } else { x.maximum(0.0 - x) })),
    Row("Negative", NUMPY, |s| s.number(|x| if x.dtype().is_float() { -x } else { 0.0 - x })),
    Row("Square", NUMPY, |s| s.number(|x| x * x)),
    Row("Sign", NUMPY, |s| s.number(|x| if x.dtype().is_float() { x.sign() } else { x.minimum(1.0).maximum(-1.0) })),
    Row("Exp", NUMPY, |s| s.float(|x| x.exp())),
    Row("Exp2", NUMPY, |s| s.float(|x| (x * std::f64::consts::LN_2).exp())),
    Row("Expm1", NUMPY, |s| s.float(|x| x.expm1())),
    Row("Log", NUMPY, |s| s.float(|x| x.log())),
    Row("Log1p", NUMPY, |s| s.float(|x| x.log1p())),
    Row("Log2", NUMPY, |s| s.float(|x| x.log() * std::f64::consts::LOG2_E)),
    Row("Log10", NUMPY, |s| s.float(|x| x.log() * std::f64::consts::LOG10_E)),
    Row("Sqrt", NUMPY, |s| s.float(|x| x.sqrt())),
    Row("Cbrt", NUMPY, |s| s.float(|x| x.sign() * x.abs().pow(1.0 / 3.0))),
    Row("Rsqrt", MATH, |s| s.float(|x| x.rsqrt())),
    Row("Reciprocal", NUMPY, |s| s.float(|x| 1.0 / x)),
    Row("Sin", NUMPY, |s| s.float(|x| x.sin())),
    Row("Cos", NUMPY, |s| s.float(|x| x.cos())),
    Row("Tan", NUMPY, |s| s.float(|x| x.tan())),
    Row("Arcsin", NUMPY, |s| s.float(|x| x.asin())),
    Row("Arccos", NUMPY, |s| s.float(|x| x.acos())),
    Row("Arctan", NUMPY, |s| s.float(|x| x.atan())),
    Row("Sinh", NUMPY, |s| s.float(|x| x.sinh())),
    Row("Cosh", NUMPY, |s| s.float(|x| x.cosh())),
    Row("Tanh", NUMPY, |s| s.float(|x| x.tanh())),
    Row("Arcsinh", NUMPY, |s| s.float(|x| x.sign() * (x.abs() + (x * x + 1.0).sqrt()).log())),
    Row("Arccosh", NUMPY, |s| s.float(|x| (x + (x * x - 1.0).sqrt()).log())),
    Row("Arctanh", NUMPY, |s| s.float(|x| (x.log1p() - (-x).log1p()) * 0.5)),
    Row("Erf", MATH, |s| s.float(|x| x.erf())),
    Row("Erfc", MATH, |s| s.float(|x| 1.0 - x.erf())),
    Row("Erfinv", MATH, |s| s.float(|x| x.erfinv())),
    Row("I0", NUMPY, |s| s.float(|x| x.bessel_i0())),
    Row("Floor", NUMPY, |s| s.float(|x| x.floor())),
    Row("Ceil", NUMPY, |s| s.float(|x| x.ceil())),
    Row("Trunc", NUMPY, |s| s.float(trunc)),
    Row("Deg2rad", NUMPY, |s| s.float(|x| x * (std::f64::consts::PI / 180.0))),
    Row("Rad2deg", NUMPY, |s| s.float(|x| x * (180.0 / std::f64::consts::PI))),
    Row("Fabs", NUMPY, |s| s.float(|x| x.abs())),
    Row("Sinc", NUMPY, |s| s.float(|x| { let angle = x.eq(0.0).select(x.ones_like(), x) * std::f64::consts::PI; x.eq(0.0).select(x.ones_like(), angle.sin() / angle) })),
    Row("Round", NUMPY, |s| { let k = 10f64.powi(s.integer("decimals")?.unwrap_or(0) as i32); s.float(|x| if k == 1.0 { x.round() } else { (x * k).round() / k }) }),
    Row("Isnan", NUMPY, |s| s.float(|x| x.is_nan().cast(DType::Bool))),
    Row("Isinf", NUMPY, |s| s.float(|x| x.abs().eq(f64::INFINITY))),
    Row("Isfinite", NUMPY, |s| s.float(|x| x.abs().lt(f64::INFINITY))),
    Row("Isposinf", NUMPY, |s| s.float(|x| x.eq(f64::INFINITY))),
    Row("Isneginf", NUMPY, |s| s.float(|x| x.eq(f64::NEG_INFINITY))),
    Row("Isreal", NUMPY, |s| s.float(|x| x.ones_like().cast(DType::Bool))),
    Row("Signbit", NUMPY, |s| s.number(|x| if x.dtype().is_float() { sign_bit(x) } else { x.lt(0.0) })),
    Row("NanToNum", NUMPY, |s| s.nan_to_num()),
    // Values are real numbers here.
    Row("Real", NUMPY, |s| Ok(vec![s.value(0)?])),
    Row("Conjugate", NUMPY, |s| Ok(vec![s.value(0)?])),
    Row("Imag", NUMPY, |s| Ok(vec![s.value(0)?.zeros_like()])),
    Row("Clip", NUMPY, |s| { let (low, high) = (s.real("x_min", f64::NEG_INFINITY)?, s.real("x_max", f64::INFINITY)?); s.number(|x| s.clip(x, low, high)) }),
    Row("Angle", NUMPY, |s| s.float(|x| x.is_nan().cast(DType::Bool).select(x, x.lt(0.0).select(x.zeros_like() + std::f64::consts::PI, 0.0)))),
    Row("Array", NUMPY, |s| { let x = s.value(0)?; Ok(vec![s.dtype()?.map_or(x, |d| x.cast(d))]) }),
    Row("View", NUMPY, |s| s.view()),
    Row("SaturateCast", CORE, |s| s.saturate_cast()),
    Row("Copy", NUMPY, |s| Ok(vec![s.value(0)?])),
    Row("Cast", CORE, |s| Ok(vec![s.value(0)?.cast(s.dtype()?.unwrap_or(s.cx.float()))])),
    Row("StopGradient", CORE, |s| Ok(vec![s.value(0)?.stop_gradient()])),
    Row("ConvertToTensor", CORE, |s| { let x = s.value(0)?; Ok(vec![s.dtype()?.map_or(x, |d| x.cast(d))]) }),
    Row("ZerosLike", NUMPY, |s| s.like(0.0)),
    Row("EmptyLike", NUMPY, |s| s.like(0.0)),
    Row("OnesLike", NUMPY, |s| s.like(1.0)),
    Row("FullLike", NUMPY, |s| s.full_like()),
    // Activations.
    Row("Relu", NN, |s| s.float(|x| x.relu())),
    Row("Relu6", NN, |s| s.float(|x| Activation::Relu6.of(x))),
    Row("Sigmoid", NN, |s| s.float(|x| x.sigmoid())),
    Row("SparseSigmoid", NN, |s| s.float(|x| Activation::SparseSigmoid.of(x))),
    Row("Softplus", NN, |s| s.float(|x| x.softplus())),
    Row("Softsign", NN, |s| s.float(|x| Activation::Softsign.of(x))),
    Row("SparsePlus", NN, |s| s.float(|x| Activation::SparsePlus.of(x))),
    Row("Silu", NN, |s| s.float(|x| Activation::Silu.of(x))),
    Row("Squareplus", NN, |s| { let b = s.real("b", 4.0)?; s.float(|x| (x + (x * x + b).sqrt()) * 0.5) }),
    Row("LogSigmoid", NN, |s| s.float(|x| Activation::LogSigmoid.of(x))),
    Row("LeakyRelu", NN, |s| { let slope = s.real("negative_slope", 0.2)?; s.float(|x| leaky_relu(x, slope)) }),
    Row("HardSigmoid", NN, |s| s.float(|x| Activation::HardSigmoid.of(x))),
    Row("HardSilu", NN, |s| s.float(|x| Activation::HardSilu.of(x))),
    Row("HardTanh", NN, |s| s.float(|x| Activation::HardTanh.of(x))),
    Row("TanhShrink", NN, |s| s.float(|x| x - x.tanh())),
    Row("SoftShrink", NN, |s| { let t = s.real("threshold", 0.5)?; s.float(|x| x.gt(t).select(x - t, x.lt(-t).select(x + t, 0.0))) }),
    Row("HardShrink", NN, |s| { let t = s.real("threshold", 0.5)?; s.float(|x| x.abs().gt(t).select(x, 0.0)) }),
    Row("Threshold", NN, |s| { let (t, d) = (s.real("threshold", 0.0)?, s.real("default_value", 0.0)?); s.float(|x| x.gt(t).select(x, d)) }),
    Row("Elu", NN, |s| { let alpha = s.real("alpha", 1.0)?; s.float(|x| elu(x, alpha)) }),
    Row("Selu", NN, |s| s.float(|x| Activation::Selu.of(x))),
    Row("Celu", NN, |s| { let alpha = s.real("alpha", 1.0)?; s.float(|x| x.gt(0.0).select(x, (x.minimum(0.0) / alpha).expm1() * alpha)) }),
    Row("Gelu", NN, |s| { let near = s.flag("approximate", true); s.float(|x| gelu(x, near)) }),
    Row("Glu", NN, |s| { let axis = s.integer("axis")?.unwrap_or(-1); s.float(|x| glu(x, axis)) }),
    Row("Softmax", NN, |s| s.along(-1, |x, axes| softmax(x, axes))),
    Row("LogSoftmax", NN, |s| s.along(-1, |x, axes| log_softmax(x, axes))),
    Row("Sparsemax", NN, |s| s.last(|x| sparsemax(x))),
    Row("Normalize", NN, |s| { let (shortest, p) = (s.real("epsilon", 1e-7)?, s.integer("order")?.unwrap_or(2)); s.along(-1, |x, axes| if p == 2 { unit_length_within(x, axes, shortest) } else { x / x.abs().pow(p as f64).sum(axes, true).pow(1.0 / p as f64).maximum(shortest) }) }),
    Row("OneHot", NN, |s| s.one_hot()),
    Row("Moments", NN, |s| s.moments()),
    Row("RMSNorm", NN, |s| s.rms_norm()),
    Row("LayerNorm", NN, |s| s.layer_norm()),
    // Over axes.
    Row("Sum", NUMPY, |s| s.reduce(|x, axes, keep| x.sum(axes, keep))),
    Row("Prod", NUMPY, |s| s.reduce(|x, axes, keep| x.prod(axes, keep))),
    Row("Max", NUMPY, |s| s.extreme(|x, axes, keep| x.max(axes, keep), |a, b| a.maximum(b))),
    Row("Amax", NUMPY, |s| s.extreme(|x, axes, keep| x.max(axes, keep), |a, b| a.maximum(b))),
    Row("Min", NUMPY, |s| s.extreme(|x, axes, keep| x.min(axes, keep), |a, b| a.minimum(b))),
    Row("Amin", NUMPY, |s| s.extreme(|x, axes, keep| x.min(axes, keep), |a, b| a.minimum(b))),
    Row("Mean", NUMPY, |s| s.reduce_float(|x, axes, keep| x.mean(axes, keep))),
    Row("Average", NUMPY, |s| s.average()),
    Row("Var", NUMPY, |s| s.reduce_float(|x, axes, keep| (x - x.mean(axes, true)).square().mean(axes, keep))),
    Row("Std", NUMPY, |s| s.reduce_float(|x, axes, keep| (x - x.mean(axes, true)).square().mean(axes, keep).sqrt())),
    Row("Logsumexp", MATH, |s| s.reduce_float(|x, axes, keep| { let y = logsumexp(x, axes); if keep { y } else { y.sum(axes, false) } })),
    Row("Norm", LINALG, |s| s.norm()),
    Row("Ptp", NUMPY, |s| s.reduce(|x, axes, keep| x.max(axes, keep) - x.min(axes, keep))),
    Row("Nansum", NUMPY, |s| s.reduce_float(|x, axes, keep| there(x, 0.0).sum(axes, keep))),
    Row("Nanprod", NUMPY, |s| s.reduce_float(|x, axes, keep| there(x, 1.0).prod(axes, keep))),
    Row("Nanmax", NUMPY, |s| s.reduce_float(|x, axes, keep| there(x, f64::NEG_INFINITY).max(axes, keep))),
    Row("Nanmin", NUMPY, |s| s.reduce_float(|x, axes, keep| there(x, f64::INFINITY).min(axes, keep))),
    Row("Nanmean", NUMPY, |s| s.reduce_float(|x, axes, keep| there(x, 0.0).sum(axes, keep) / (1.0 - is_nan(x).cast(x.dtype())).sum(axes, keep))),
    Row("Any", NUMPY, |s| s.reduce_bool(|x, axes, keep| x.any(axes, keep))),
    Row("All", NUMPY, |s| s.reduce_bool(|x, axes, keep| x.all(axes, keep))),
    Row("CountNonzero", NUMPY, |s| s.reduce_bool(|x, axes, keep| x.cast(DType::I32).sum(axes, keep))),
    Row("Argmax", NUMPY, |s| s.place(|x, axis| x.argmax(axis))),
    Row("Argmin", NUMPY, |s| s.place(|x, axis| x.argmin(axis))),
    Row("Cumsum", NUMPY, |s| s.cumsum()),
    Row("Sort", NUMPY, |s| s.last(|x| x.sort_last(false).0)),
    Row("Argsort", NUMPY, |s| s.last(|x| x.sort_last(false).1)),
    Row("TopK", MATH, |s| s.top_k()),
    // Products.
    Row("Matmul", NUMPY, |s| s.matmul()),
    Row("Dot", NUMPY, |s| s.dot()),
    Row("Einsum", NUMPY, |s| { let v = s.all_float()?; if v.is_empty() { return Err(s.unsupported("no operands")) } Ok(vec![einsum(s.text("subscripts")?, &v)]) }),
    // Moves.
    Row("Reshape", NUMPY, |s| s.reshape()),
    Row("Ravel", NUMPY, |s| s.ravel()),
    Row("Transpose", NUMPY, |s| s.transpose()),
    Row("Swapaxes", NUMPY, |s| s.swap_axes()),
    Row("Moveaxis", NUMPY, |s| s.move_axis()),
    Row("ExpandDims", NUMPY, |s| s.expand_dims()),
    Row("Squeeze", NUMPY, |s| s.squeeze()),
    Row("BroadcastTo", NUMPY, |s| s.broadcast_to()),
    Row("Concatenate", NUMPY, |s| s.concatenate()),
    Row("Stack", NUMPY, |s| s.stack()),
    Row("Split", NUMPY, |s| s.split()),
    Row("Unstack", CORE, |s| s.unstack()),
    Row("Hstack", NUMPY, |s| s.hstack()),
    Row("Flip", NUMPY, |s| s.flip()),
    Row("Fliplr", NUMPY, |s| s.flip_axis(1)),
    Row("Flipud", NUMPY, |s| s.flip_axis(0)),
    Row("Diff", NUMPY, |s| s.diff()),
    Row("Roll", NUMPY, |s| s.roll()),
    Row("Repeat", NUMPY, |s| s.repeat()),
    Row("Tile", NUMPY, |s| s.tile()),
    Row("Pad", NUMPY, |s| s.pad()),
    Row("Take", NUMPY, |s| s.take()),
    Row("GetItem", NUMPY, |s| s.get_item()),
    Row("Tril", NUMPY, |s| s.triangle(true)),
    Row("Triu", NUMPY, |s| s.triangle(false)),
];

/// Cut off towards 0.
fn trunc(x: Var<'_>) -> Var<'_> {
    x.sign() * x.abs().floor()
}

fn is_nan(x: Var<'_>) -> Var<'_> {
    x.is_nan().cast(DType::Bool)
}

/// Whether a float's sign is minus, also that of 0.
fn sign_bit(x: Var<'_>) -> Var<'_> {
    let bits = x.builder().apply1(Bitcast, &[x]);
    bits.lt(0.0)
}

/// 2 to whole numbers, in a float type: the halves of the exponent apart, for what lies below the
/// least normal number.
fn power_of_two<'g>(n: Var<'g>, dtype: DType) -> Var<'g> {
    let half = n.bits(BitsFn::Right, n.ones_like());
    let two = |n: Var<'g>| (n.cast(DType::F64) * 0.0 + 2.0).pow(n.cast(DType::F64)).cast(dtype);
    two(half) * two(n - half)
}

/// The next float after `a` towards `b`.
fn next_after<'g>(a: Var<'g>, b: Var<'g>) -> Var<'g> {
    let (a, b) = a.broadcast_with(b, "next_after");
    let cast = |x: Var<'g>| x.builder().apply1(Bitcast, &[x]);
    let bits = cast(a);
    // Away from 0 the bits count up, whatever the sign.
    let away = a.gt(0.0).and(b.gt(a)).or(a.lt(0.0).and(b.lt(a)));
    let moved = cast(bits + away.select(bits.ones_like(), -1.0));
    let least = cast(
        b.lt(0.0).select(
            bits.zeros_like()
                + if a.dtype() == DType::F64 { i64::MIN as f64 } else { f64::from(i32::MIN) },
            0.0,
        ) + 1.0,
    );
    let y = a.eq(b).select(b, a.eq(0.0).select(least, moved));
    is_nan(a).or(is_nan(b)).select(a + b, y)
}

/// A value, with a number in place of what is none.
fn there(x: Var<'_>, otherwise: f64) -> Var<'_> {
    is_nan(x).select(x.zeros_like() + otherwise, x)
}

/// Of two values the one that is a number, or what was made of both.
fn numbers_of<'g>(a: Var<'g>, b: Var<'g>, both: Var<'g>) -> Var<'g> {
    let (a, b) = (a + b.zeros_like(), b + a.zeros_like());
    is_nan(a).select(b, is_nan(b).select(a, both))
}

impl Operation {
    /// The classes of operations, in Keras's words.
    pub fn classes() -> impl Iterator<Item = &'static str> {
        rows().map(|row| row.0)
    }

    /// The operation of a class of `keras.ops` with its settings, as Keras writes them.
    ///
    /// ```
    /// use cornu::{Input, LayerRef, Operation};
    /// let x = Input::new([5, 4]);
    /// let y = LayerRef::new(Operation::new("Mean", serde_json::json!({"axis": 1}))?).call(&x)?;
    /// assert_eq!(y.shape_text(), "(None, 4)");
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn new(class: &str, settings: Value) -> Result<Self> {
        let row = rows()
            .find(|r| r.0 == class)
            .ok_or_else(|| Error::Unsupported(format!("operation `{class}` of keras.ops")))?;
        if !settings.is_object() {
            return Err(Error::Config(format!(
                "operation {class}: expected settings by name. Received: {}",
                short(&settings)
            )));
        }
        Ok(Self { row, config: settings })
    }

    /// Whether its row stands from one to the other in the table.
    fn is_within(&self, first: &str, last: &str) -> bool {
        let place = |class: &str| TABLE.iter().position(|r| r.0 == class);
        let own = place(self.row.0);
        place(first) <= own && own <= place(last)
    }

    /// Whether it gives an element for each, whatever stands beside it.
    fn is_pointwise(&self) -> bool {
        self.is_within("Add", "Gelu")
    }

    /// As a model's config holds it: settings beside the name.
    pub(crate) fn from_config(class: &str, config: &Value) -> Result<Self> {
        let mut settings = config.clone();
        if let Value::Object(map) = &mut settings {
            map.shift_remove("name");
        }
        Self::new(class, settings)
    }
}

impl Layer for Operation {
    fn class(&self) -> &'static str {
        self.row.0
    }

    fn stem(&self) -> String {
        snake_case(self.row.0)
    }

    fn config(&self) -> Value {
        self.config.clone()
    }

    fn weights(&self, _: &Call<Spec>) -> Result<WeightTree> {
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        // The last axis is time's where there are but two.
        if let Some(f) = call
            .values()
            .into_iter()
            .find(|f| f.ends.is_some() && f.value.rank() < 3 && !self.is_pointwise())
        {
            return Err(Error::shapes(
                "over the axis of time, sequences of unequal length cannot meet in one batch",
                &[f.spec()],
            ));
        }
        let values = (self.row.2)(&Site { cx, class: self.row.0, settings: &self.config, call })?;
        Ok(values.into_iter().map(Flow::new).collect())
    }

    fn takes_ragged(&self) -> bool {
        let axes: Vec<i64> = match self.config.get("axis") {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_i64).collect(),
            Some(v) => v.as_i64().into_iter().collect(),
            None => vec![],
        };
        let features = axes.iter().all(|a| *a == -1 || *a >= 2);
        self.is_pointwise()
            || features
                && (self.is_within("Glu", "OneHot")
                    || !axes.is_empty() && self.is_within("Sum", "Argmin"))
    }

    fn form(&self) -> Form {
        Form::ByTimestep(3)
    }

    fn module(&self) -> &'static str {
        self.row.1
    }

    fn registered_name(&self) -> Option<&'static str> {
        Some(self.row.0)
    }

    fn common_keys(&self) -> &'static [&'static str] {
        &["name"]
    }
}
