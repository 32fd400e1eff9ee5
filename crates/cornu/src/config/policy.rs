//! The types a layer stores and computes in, by Keras's policy names.

use super::{object, short};
use crate::{Error, Result};
use cornu_ir::DType;
use serde_json::{Value, json};

/// Dtype policy of a layer: `float32`, `float64`, `float16`, `bfloat16`, `mixed_float16`,
/// `mixed_bfloat16` or `int8_from_float32`. Source: keras/src/dtype_policies/dtype_policy.py, Keras
/// 3.15.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DTypePolicy(String);

impl Default for DTypePolicy {
    fn default() -> Self {
        Self("float32".into())
    }
}

/// Weights of eight bits, made from those of f32.
const INT8: &str = "int8_from_float32";

impl DTypePolicy {
    const NAMES: &'static [&'static str] =
        &["float32", "float64", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16", INT8];

    /// Returns a policy by name.
    pub fn new(name: &str) -> Result<Self> {
        match Self::NAMES.contains(&name) {
            true => Ok(Self(name.into())),
            // Layers of integers or truth values (an Input, a preprocessing layer) compute in their
            // own type.
            false
                if [
                    "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
                    "bool", "string",
                ]
                .contains(&name) =>
            {
                Ok(Self(name.into()))
            }
            false => Err(Error::argument(
                "dtype",
                format!("expected one of {}", Self::NAMES.join(", ")),
                name,
            )),
        }
    }

    /// Fails if there is no policy of this name.
    ///
    /// # Errors
    /// The names there are.
    pub(crate) fn check(&self) -> Result<()> {
        Self::new(&self.0).map(drop)
    }

    /// Returns the policy of a name or a serialized policy.
    pub fn from_json(v: &Value) -> Result<Self> {
        match v {
            Value::Null => Ok(Self::default()),
            Value::String(s) => Self::new(s),
            _ if v.get("class_name").and_then(Value::as_str) == Some("QuantizedDTypePolicy") => {
                let part = |key: &str| {
                    v.pointer(&format!("/config/{key}")).and_then(Value::as_str).unwrap_or("")
                };
                Self::new(&format!("{}_from_{}", part("mode"), part("source_name")))
            }
            _ => match v.pointer("/config/name").and_then(Value::as_str) {
                Some(name) => Self::new(name),
                None => Err(Error::Config(format!(
                    "dtype: expected a name or a DTypePolicy. Received: {}",
                    short(v)
                ))),
            },
        }
    }

    /// Returns the policy as Keras serializes it.
    pub fn to_json(&self) -> Value {
        match self.is_int8() {
            true => object(
                "keras.dtype_policies",
                "QuantizedDTypePolicy",
                json!({"mode": "int8", "source_name": "float32"}),
            ),
            false => object("keras", "DTypePolicy", json!({"name": self.0})),
        }
    }

    /// Returns the policy's name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Returns the type of the weights.
    pub fn variable_name(&self) -> &str {
        if self.0.starts_with("mixed_") || self.is_int8() { "float32" } else { &self.0 }
    }

    /// True if Dense and Embedding hold their weights in eight bits.
    pub fn is_int8(&self) -> bool {
        self.0 == INT8
    }

    /// Returns the type of computation: f64 for `float64`, else f32.
    pub fn float(&self) -> DType {
        if self.0 == "float64" { DType::F64 } else { DType::F32 }
    }
}

impl From<&str> for DTypePolicy {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}
