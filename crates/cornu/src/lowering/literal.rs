//! Numbers, lists and arrays written into a config.

use crate::config::short;
use crate::saving::json;
use crate::{Error, Result};
use cornu_ir::{DType, Tensor};
use serde_json::Value;

/// Returns the type of Keras's name.
pub fn dtype_of(name: &str) -> Result<DType> {
    Ok(match name {
        "float64" => DType::F64,
        "float32" | "float16" | "bfloat16" | "float" => DType::F32,
        "int64" | "uint32" | "uint64" => DType::I64,
        "int32" | "int16" | "int8" | "uint16" | "uint8" | "int" => DType::I32,
        "bool" => DType::Bool,
        _ => return Err(Error::Unsupported(format!("values of type `{name}`"))),
    })
}

/// A value known from the config.
pub struct Literal {
    /// Its numbers.
    pub tensor: Tensor,
    /// True if it takes the type of what stands beside it.
    pub weak: bool,
}

/// Returns a number, a truth value, a list of them, or an array as Keras writes one.
pub fn literal(v: &Value) -> Result<Literal> {
    let wrong = || Error::Unsupported(format!("an operation's argument {}", short(v)));
    if let Some("__tensor__" | "__numpy__") = v.get("class_name").and_then(Value::as_str) {
        let (value, dtype) = (
            v.pointer("/config/value").ok_or_else(wrong)?,
            v.pointer("/config/dtype").and_then(Value::as_str),
        );
        let found = literal(value)?;
        let dtype = dtype.map(dtype_of).transpose()?;
        return Ok(Literal {
            tensor: dtype.map_or(found.tensor.clone(), |d| with_dtype(&found.tensor, d)),
            weak: false,
        });
    }
    let (mut dims, mut numbers, mut kind) = (Vec::new(), Vec::new(), DType::Bool);
    gather(v, 0, &mut dims, &mut numbers, &mut kind).ok_or_else(wrong)?;
    let plain = Tensor::new(&dims, numbers);
    Ok(Literal { tensor: with_dtype(&plain, kind), weak: dims.is_empty() })
}

fn gather(
    v: &Value,
    depth: usize,
    dims: &mut Vec<usize>,
    numbers: &mut Vec<f64>,
    kind: &mut DType,
) -> Option<()> {
    let widen = |kind: &mut DType, to: DType| {
        if *kind == DType::Bool || to == DType::F32 {
            *kind = to;
        }
    };
    match v {
        Value::Array(items) => {
            match dims.get(depth) {
                Some(n) if *n != items.len() => return None,
                Some(_) => {}
                None if depth == dims.len() && numbers.is_empty() => dims.push(items.len()),
                None => return None,
            }
            items.iter().try_for_each(|i| gather(i, depth + 1, dims, numbers, kind))
        }
        _ if depth != dims.len() => None,
        Value::Bool(b) => {
            numbers.push(f64::from(u8::from(*b)));
            Some(())
        }
        Value::Number(n) => {
            widen(kind, if n.is_f64() { DType::F32 } else { DType::I32 });
            numbers.push(n.as_f64()?);
            Some(())
        }
        // Words of Python's for what is no finite number.
        other => {
            widen(kind, DType::F32);
            numbers.push(json::float(other)?);
            Some(())
        }
    }
}

/// Returns the same numbers in another type.
pub fn with_dtype(t: &Tensor, dtype: DType) -> Tensor {
    let v = t.to_f64();
    match dtype {
        DType::F32 => Tensor::new(&t.dims, v.iter().map(|&x| x as f32).collect()),
        DType::F64 => Tensor::new(&t.dims, v),
        DType::I32 => Tensor::new(&t.dims, v.iter().map(|&x| x as i32).collect()),
        DType::I64 => Tensor::new(&t.dims, v.iter().map(|&x| x as i64).collect()),
        DType::Bool => Tensor::new(&t.dims, v.iter().map(|&x| u8::from(x != 0.0)).collect()),
    }
}

/// Returns the type that two types take together.
pub fn promoted(a: DType, b: DType) -> DType {
    let rank = |d: DType| match d {
        DType::Bool => 0,
        DType::I32 => 1,
        DType::I64 => 2,
        DType::F32 => 3,
        DType::F64 => 4,
    };
    if rank(a) >= rank(b) { a } else { b }
}
