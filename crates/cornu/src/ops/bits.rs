//! The bits of numbers: bitwise operations, casts that keep or saturate the bits.

use super::op_call::OpCall;
use crate::{Error, Result};
use cornu_ir::ops::{Bitcast, BitsFn};
use cornu_ir::{DType, Var};
use serde_json::Value;

/// True if a value is no number.
pub fn is_nan(x: Var<'_>) -> Var<'_> {
    x.is_nan().cast(DType::Bool)
}

/// True if a float's sign is minus, also that of 0.
pub fn sign_bit(x: Var<'_>) -> Var<'_> {
    let bits = x.builder().apply1(Bitcast, &[x]);
    bits.lt(0.0)
}

/// 2 to whole numbers, in a float type: the halves of the exponent apart, for what lies below the
/// least normal number.
pub fn power_of_two<'g>(n: Var<'g>, dtype: DType) -> Var<'g> {
    let half = n.bits(BitsFn::Right, n.ones_like());
    let two = |n: Var<'g>| (n.cast(DType::F64) * 0.0 + 2.0).pow(n.cast(DType::F64)).cast(dtype);
    two(half) * two(n - half)
}

/// Returns the next float after `a` towards `b`.
pub fn next_after<'g>(a: Var<'g>, b: Var<'g>) -> Var<'g> {
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

impl<'g> OpCall<'_, 'g> {
    /// Returns a function of the bits of two values.
    pub fn bits(&self, f: BitsFn) -> Result<Vec<Var<'g>>> {
        let (a, b) = self.operands(0, 1)?;
        if a.dtype().is_float() {
            return Err(Error::argument(
                self.class,
                "whole numbers or truth values are needed",
                a.spec(),
            ));
        }
        let wide = a.dtype() == DType::Bool && !matches!(f, BitsFn::And | BitsFn::Or | BitsFn::Xor);
        let (a, b) = if wide { (a.cast(DType::I32), b.cast(DType::I32)) } else { (a, b) };
        Ok(vec![a.bits(f, b)])
    }

    /// Returns all bits the other way round.
    pub fn inverted_bits(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        if x.dtype().is_float() {
            return Err(Error::argument(
                self.class,
                "whole numbers or truth values are needed",
                x.spec(),
            ));
        }
        Ok(vec![if x.dtype() == DType::Bool { x.not() } else { x * -1.0 - 1.0 }])
    }

    /// Returns the least common multiple.
    pub fn lcm(&self) -> Result<Vec<Var<'g>>> {
        let divisor = self.bits(BitsFn::Gcd)?[0];
        let (a, b) = self.operands(0, 1)?;
        let (a, b) = (a.cast(divisor.dtype()), b.cast(divisor.dtype()));
        let safe = divisor.eq(0.0).select(divisor.ones_like(), divisor);
        let multiple = a / safe * b;
        Ok(vec![multiple.maximum(multiple * -1.0)])
    }

    /// Returns the same bits as numbers of another type of the same width.
    pub fn view(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let name = self.setting("dtype").and_then(Value::as_str).unwrap_or_default();
        let to = match name {
            "" => x.dtype(),
            "float32" => DType::F32,
            "int32" => DType::I32,
            "float64" => DType::F64,
            "int64" => DType::I64,
            other => return Err(self.unsupported(format!("dtype = {other}"))),
        };
        match to {
            t if t == x.dtype() => Ok(vec![x]),
            t if t == Bitcast::of(x.dtype()) && t != DType::Bool => {
                Ok(vec![self.cx.builder.apply1(Bitcast, &[x])])
            }
            _ => Err(self.unsupported(format!("dtype = {name} for a value of type {}", x.spec()))),
        }
    }

    /// Returns a cast to a type, kept within what it can hold.
    pub fn saturate_cast(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let name = self.setting("dtype").and_then(Value::as_str).unwrap_or_default();
        let range = match name {
            "bool" => (0.0, 1.0),
            "int8" => (-128.0, 127.0),
            "uint8" => (0.0, 255.0),
            "int16" => (-32768.0, 32767.0),
            "uint16" => (0.0, 65535.0),
            "int32" => (f64::from(i32::MIN), f64::from(i32::MAX)),
            "uint32" => (0.0, f64::from(u32::MAX)),
            "float16" => (-65504.0, 65504.0),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        };
        let to = self.dtype()?.unwrap_or(self.cx.float());
        let x = if x.dtype() == DType::Bool { x.cast(DType::I32) } else { x };
        // Whole numbers of 32 bits lie within those bounds that they cannot hold.
        let own = if x.dtype() == DType::I32 {
            (range.0.max(f64::from(i32::MIN)), range.1.min(f64::from(i32::MAX)))
        } else {
            range
        };
        Ok(vec![self.clip(x, own.0, own.1).cast(to)])
    }
}
