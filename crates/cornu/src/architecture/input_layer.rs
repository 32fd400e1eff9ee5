//! The inputs of a model.

use crate::{Error, Result};
use cornu_ir::{DType, Dim, Spec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Settings of a model's input: shape with the batch, type, name. Source:
/// keras/src/layers/core/input_layer.py, Keras 3.15.1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InputLayer {
    /// Dims with the batch first; `None` for unknown ones.
    #[serde(alias = "batch_input_shape")]
    pub batch_shape: Vec<Dim>,
    /// Keras's name of the element type, as `float32`.
    pub dtype: String,
    /// Setting kept for Keras's files; without effect in cornu.
    pub sparse: bool,
    /// Setting kept for Keras's files; without effect in cornu.
    pub ragged: bool,
    /// Name of the input; `None` to number it.
    pub name: Option<String>,
    /// Setting kept for Keras's files; without effect in cornu.
    pub optional: bool,
}

impl Default for InputLayer {
    fn default() -> Self {
        Self {
            batch_shape: vec![],
            dtype: "float32".into(),
            sparse: false,
            ragged: false,
            name: None,
            optional: false,
        }
    }
}

impl InputLayer {
    /// Returns element type and dims of the input in a graph.
    pub fn spec(&self) -> Spec {
        let dtype = match self.dtype.as_str() {
            "float64" => DType::F64,
            "bool" => DType::Bool,
            "int64" | "uint32" | "uint64" => DType::I64,
            d if d.starts_with("int") || d.starts_with("uint") => DType::I32,
            _ => DType::F32,
        };
        Spec::new(dtype, self.batch_shape.clone())
    }
}

/// Reads an entry of either spelling (Keras 2 wrote `batch_input_shape`).
pub(crate) fn read_input(v: &Value) -> Result<InputLayer> {
    let config = v.get("config").cloned().unwrap_or_default();
    let mut input: InputLayer =
        serde_json::from_value(config).map_err(|e| Error::Config(format!("InputLayer: {e}")))?;
    if input.name.is_none() {
        input.name = v.get("name").and_then(Value::as_str).map(str::to_string);
    }
    if input
        .batch_shape
        .iter()
        .flatten()
        .try_fold(1usize, |n, d| n.checked_mul(*d))
        .is_none_or(|n| n > 1 << 40)
    {
        return Err(Error::Config(format!(
            "InputLayer: the shape {} is too large",
            cornu_ir::spec::dims_text(&input.batch_shape)
        )));
    }
    Ok(input)
}

/// Keras's name of an element type.
pub(crate) fn dtype_name(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "float32",
        DType::F64 => "float64",
        DType::I32 => "int32",
        DType::I64 => "int64",
        DType::Bool => "bool",
    }
}
