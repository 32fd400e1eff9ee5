//! Weights of eight bits for prediction.

use crate::config::object;
use crate::data::{self, Data};
use crate::lowering::{INT8_WEIGHTS, Registry, WeightTree};
use crate::model::int8_array;
use crate::saving::{Archive, Array};
use crate::{Error, Model, Predict, Result};
use cornu_ir::Tensor;
use serde_json::{Value, json};
use std::path::Path;

/// What is added to the largest magnitude before dividing by it, as in Keras.
const EPSILON: f32 = 1e-7;

/// Differences of predictions between 8-bit and original weights, over all outputs of some samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantizationLoss {
    /// Largest absolute difference.
    pub largest: f64,
    /// Mean absolute difference.
    pub mean: f64,
    /// Largest absolute prediction, for comparison.
    pub magnitude: f64,
    /// Number of layers with 8-bit weights.
    pub n_layers: usize,
}

/// Writes a copy of a model file with 8-bit weights for prediction, and returns the loss of
/// precision on `x`.
///
/// Dense and Embedding are written as by Keras's `quantize("int8")`, with the same bits: a policy
/// `int8_from_float32`, whole numbers, and a scale for each unit or id.
///
/// Keras has no 8-bit LSTM. Kernels of an LSTM keep their type and hold values `q / s`, with `q`
/// whole from -127 to 127 and `s` for each column. The key `int8_weights` in the layer's entry
/// makes cornu compute both products with 8-bit numbers, as Keras's Dense does. Keras ignores the
/// key and computes with the same weights in f32, so it can open the file. Other layers are not
/// changed.
///
/// # Errors
/// A model that cannot be read or has none of these layers; data that do not fit.
pub fn quantize_int8(
    from: &Path,
    to: &Path,
    x: impl FnOnce(&Model) -> Result<Vec<Data>>,
) -> Result<QuantizationLoss> {
    quantize_int8_with(from, to, x, &Registry::new())
}

/// Quantizes as [`quantize_int8`], with the classes of a registry.
///
/// # Errors
/// As [`quantize_int8`].
pub fn quantize_int8_with(
    from: &Path,
    to: &Path,
    x: impl FnOnce(&Model) -> Result<Vec<Data>>,
    registry: &Registry,
) -> Result<QuantizationLoss> {
    if to.extension().is_none_or(|e| e != "keras") {
        return Err(Error::argument(
            "quantize",
            "a model with weights of eight bits is saved as a .keras file",
            to.display(),
        ));
    }
    // A model of older Keras is rounded in the form that it has in Keras 3.
    let before =
        Model::from_archive_with(Model::open_with(from, registry)?.to_archive()?, registry)?;
    let mut archive = before.to_archive()?;
    let mut names = Names::default();
    mark(&mut archive.config, &mut names);
    let mut rounded = Vec::new();
    round_tree(before.tree(), "", &names, &archive, &mut rounded)?;
    if rounded.is_empty() {
        return Err(Error::argument(
            "quantize",
            "the model needs a Dense, an Embedding or an LSTM of float32",
            from.display(),
        ));
    }
    let n_layers = rounded.len();
    for (path, array) in rounded.into_iter().flatten() {
        archive.weights.take(&path);
        archive.weights.insert(&path, array)?;
    }
    let after = Model::from_archive_with(archive.clone(), registry)?;
    let x = x(&before)?;
    let (first, second) = (before.predict(&x, Predict::new())?, after.predict(&x, Predict::new())?);
    let pairs = first.into_vec().into_iter().zip(second.into_vec());
    let (mut largest, mut sum, mut n, mut magnitude) = (0.0f64, 0.0, 0.0f64, 0.0f64);
    for (a, b) in pairs {
        for (a, b) in numbers(a.values())?.into_iter().zip(numbers(b.values())?) {
            let difference = (a - b).abs();
            (largest, sum, n, magnitude) =
                (largest.max(difference), sum + difference, n + 1.0, magnitude.max(a.abs()));
        }
    }
    archive.write(to)?;
    Ok(QuantizationLoss { largest, mean: sum / n.max(1.0), magnitude, n_layers })
}

fn numbers(a: &data::Array) -> Result<Vec<f64>> {
    Ok(a.to_f32()?.iter().map(|x| f64::from(*x)).collect())
}

/// Names of the layers whose weights change.
#[derive(Default)]
struct Names {
    dense: Vec<String>,
    embedding: Vec<String>,
    lstm: Vec<String>,
}

/// Notes in the config, and in the names, which layers are to have weights of eight bits.
fn mark(v: &mut Value, names: &mut Names) {
    let class = v.get("class_name").and_then(Value::as_str).unwrap_or("").to_string();
    let is_float32 = v.pointer("/config/dtype").is_some_and(|d| {
        d == "float32" || d.pointer("/config/name").is_some_and(|n| n == "float32")
    });
    let name = v.pointer("/config/name").and_then(Value::as_str).unwrap_or("").to_string();
    match class.as_str() {
        "Dense" | "Embedding" if is_float32 => {
            v["config"]["dtype"] = object(
                "keras.dtype_policies",
                "QuantizedDTypePolicy",
                json!({"mode": "int8", "source_name": "float32"}),
            );
            let quantizer = json!({
                "value_range": [-127, 127], "epsilon": EPSILON as f64, "output_dtype": "int8",
            });
            let quantizer = object("keras.quantizers", "AbsMaxQuantizer", quantizer);
            let settings = json!({"weight_quantizer": null, "activation_quantizer": quantizer});
            v["config"]["quantization_config"] =
                object("keras.quantizers", "Int8QuantizationConfig", settings);
            if class == "Dense" { &mut names.dense } else { &mut names.embedding }.push(name);
        }
        "LSTM" if is_float32 => {
            v[INT8_WEIGHTS] = json!(true);
            names.lstm.push(name);
        }
        _ => {}
    }
    match v {
        Value::Object(all) => all.values_mut().for_each(|v| mark(v, names)),
        Value::Array(all) => all.iter_mut().for_each(|v| mark(v, names)),
        _ => {}
    }
}

/// The new arrays of each layer that changes, with their paths.
fn round_tree(
    tree: &WeightTree,
    path: &str,
    names: &Names,
    archive: &Archive,
    out: &mut Vec<Vec<(String, Array)>>,
) -> Result<()> {
    let vars = |i: usize| format!("{path}/vars/{i}");
    let held = |i: usize| -> Result<Tensor> {
        let array = archive
            .weights
            .get(&vars(i))
            .ok_or_else(|| Error::Config(format!("weights: `{}` is missing", vars(i))))?;
        Ok(Tensor::new(array.shape(), array.to_f32()?))
    };
    let starts_with = |name: &str| tree.vars.first().is_some_and(|v| v.name == name);
    if names.dense.contains(&tree.label) && starts_with("kernel") {
        let rounded = Rounded::of(&held(0)?, 0);
        out.push(vec![
            (vars(0), int8_array(&rounded.whole)?),
            (vars(tree.vars.len()), rounded.scale()?),
        ]);
    } else if names.embedding.contains(&tree.label) && starts_with("embeddings") {
        let rounded = Rounded::of(&held(0)?, 1);
        out.push(vec![(vars(0), int8_array(&rounded.whole)?), (vars(1), rounded.scale()?)]);
    } else if names.lstm.contains(&tree.label) {
        let Some((name, cell)) = tree.children.first().filter(|(_, c)| c.vars.len() >= 2) else {
            return Ok(());
        };
        let mut arrays = Vec::new();
        for i in 0..2.min(cell.vars.len()) {
            let at = format!("{path}/{name}/vars/{i}");
            let array = archive
                .weights
                .get(&at)
                .ok_or_else(|| Error::Config(format!("weights: `{at}` is missing")))?;
            let rounded = Rounded::of(&Tensor::new(array.shape(), array.to_f32()?), 0);
            arrays.push((at, Array::from_f32(array.shape(), &rounded.back())?));
        }
        out.push(arrays);
    }
    for (name, child) in &tree.children {
        let inside = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        round_tree(child, &inside, names, archive, out)?;
    }
    Ok(())
}

/// A matrix in whole numbers with a scale for each column, or each row.
struct Rounded {
    whole: Tensor,
    scales: Vec<f32>,
    /// Columns share no scale.
    by_column: bool,
}

impl Rounded {
    /// `axis` is the one over which the largest magnitude is taken.
    fn of(w: &Tensor, axis: usize) -> Rounded {
        let values = w.view();
        let values = values.get::<f32>();
        let (columns, by_column) = (w.dims.last().copied().unwrap_or(1).max(1), axis == 0);
        let place = |i: usize| if by_column { i % columns } else { i / columns };
        let mut scales = vec![0.0f32; if by_column { columns } else { values.len() / columns }];
        values
            .iter()
            .enumerate()
            .for_each(|(i, x)| scales[place(i)] = scales[place(i)].max(x.abs()));
        scales.iter_mut().for_each(|s| *s = 127.0 / (*s + EPSILON));
        let whole = values
            .iter()
            .enumerate()
            .map(|(i, x)| (x * scales[place(i)]).round_ties_even().clamp(-127.0, 127.0))
            .collect();
        Rounded { whole: Tensor::new(&w.dims, whole), scales, by_column }
    }

    fn scale(&self) -> Result<Array> {
        Ok(Array::from_f32(&[self.scales.len()], &self.scales)?)
    }

    /// The numbers that the whole ones stand for.
    fn back(&self) -> Vec<f32> {
        let columns = self.whole.dims.last().copied().unwrap_or(1).max(1);
        let place = |i: usize| if self.by_column { i % columns } else { i / columns };
        self.whole
            .view()
            .get::<f32>()
            .iter()
            .enumerate()
            .map(|(i, q)| q / self.scales[place(i)])
            .collect()
    }
}
