//! The temporal convolutional network of keras-tcn (Bai et al. 2018, arXiv:1803.01271).
//!
//! Source: tcn/tcn.py of keras-tcn 3.5.6. Differs: weight normalization, which needs TensorFlow
//! Addons, is refused.

use super::tables::ClassTable;
use crate::config::short;
use crate::{Error, Result};
use cornu_ir::Dim;
use serde_json::{Map, Value, json};

/// The settings of the class.
pub(super) const SETTINGS: &[&str] = &[
    "nb_filters",
    "kernel_size",
    "nb_stacks",
    "dilations",
    "padding",
    "use_skip_connections",
    "dropout_rate",
    "return_sequences",
    "activation",
    "kernel_initializer",
    "use_batch_norm",
    "use_layer_norm",
    "use_weight_norm",
    "go_backwards",
    "return_state",
];

/// The most residual blocks.
const MAX_BLOCKS: usize = 1024;

/// The settings of a config that say something.
struct Config<'a>(&'a Map<String, Value>);

impl Config<'_> {
    fn wrong(&self, key: &str, rule: &str) -> Error {
        let received = self.0.get(key).map_or("none".into(), short);
        Error::Config(format!("TCN of keras-tcn: `{key}` must be {rule}. Received: {received}"))
    }

    fn flag(&self, key: &str, otherwise: bool) -> bool {
        self.0.get(key).and_then(Value::as_bool).unwrap_or(otherwise)
    }

    fn number(&self, key: &str, otherwise: u64) -> Result<u64> {
        match self.0.get(key) {
            None => Ok(otherwise),
            Some(v) => v.as_u64().ok_or_else(|| self.wrong(key, "a whole number")),
        }
    }

    fn numbers(&self, key: &str, v: &Value) -> Result<Vec<u64>> {
        let items = v.as_array().ok_or_else(|| self.wrong(key, "a list of whole numbers"))?;
        let number = |v: &Value| v.as_u64().ok_or_else(|| self.wrong(key, "whole numbers"));
        items.iter().map(number).collect()
    }
}

/// The members of the network for a config and the shape of its input.
///
/// # Errors
/// Settings that the class does not take.
pub(super) fn table(
    config: &Map<String, Value>,
    shapes: &[(String, Vec<Dim>)],
) -> Result<ClassTable> {
    let config = Config(config);
    if config.flag("use_weight_norm", false) {
        return Err(Error::Unsupported(
            "TCN of keras-tcn with `use_weight_norm`, which TensorFlow Addons computed".into(),
        ));
    }
    let dilations = match config.0.get("dilations") {
        Some(v) => config.numbers("dilations", v)?,
        None => vec![1, 2, 4, 8, 16, 32],
    };
    let filters = match config.0.get("nb_filters") {
        Some(v @ Value::Array(_)) => config.numbers("nb_filters", v)?,
        _ => vec![config.number("nb_filters", 64)?; dilations.len()],
    };
    let n_stacks = config.number("nb_stacks", 1)? as usize;
    let n_blocks = n_stacks.checked_mul(dilations.len()).filter(|n| (1..=MAX_BLOCKS).contains(n));
    if filters.len() != dilations.len() || n_blocks.is_none() {
        return Err(config.wrong("nb_filters", "one number, or one for each dilation"));
    }
    let dims = shapes.first().map(|(_, dims)| dims.clone()).unwrap_or_default();
    let (Some(Some(features)), 3) = (dims.last(), dims.len()) else {
        let rule = "expected input of rank 3 (batch, timesteps, features) with known features";
        return Err(Error::argument("", rule, cornu_ir::spec::dims_text(&dims)));
    };
    let mut made = Members { config: &config, all: vec![], value: "x".into() };
    if config.flag("go_backwards", false) {
        made.add(json!({"name": "backwards", "operation": "flip", "inputs": ["x"],
            "config": {"axis": 1}}));
    }
    let (mut channels, mut skips) = (*features as u64, Vec::new());
    for k in 0..n_stacks * dilations.len() {
        let (dilation, filters) = (dilations[k % dilations.len()], filters[k % dilations.len()]);
        skips.push(made.block(k, dilation, filters, channels)?);
        channels = filters;
    }
    if config.flag("use_skip_connections", true) {
        made.value = skips[0].clone();
        if skips.len() > 1 {
            made.add(json!({"name": "Add_Skip_Connections", "class": "Add", "inputs": [skips]}));
        }
    }
    if !config.flag("return_sequences", false) {
        made.slice(dims[1]);
    }
    let outputs = made.value.clone();
    let table = json!({"class": "TCN", "inputs": "x", "outputs": outputs, "members": made.all});
    Ok(serde_json::from_value(table)?)
}

/// Members in the order in which they are made.
struct Members<'a> {
    config: &'a Config<'a>,
    all: Vec<Value>,
    /// Name of the value that the next member takes.
    value: String,
}

impl Members<'_> {
    /// Adds a member; its value is the next one's input.
    fn add(&mut self, member: Value) {
        self.value = member["name"].as_str().unwrap_or("").to_string();
        self.all.push(member);
    }

    fn conv(&self, filters: u64, kernel_size: u64, dilation: u64, padding: &Value) -> Value {
        let initializer = self.config.0.get("kernel_initializer").cloned();
        json!({
            "filters": filters, "kernel_size": kernel_size, "dilation_rate": dilation,
            "padding": padding,
            "kernel_initializer": initializer.unwrap_or(json!("he_normal")),
        })
    }

    /// A residual block; returns the name of what goes to the skip connections.
    fn block(&mut self, k: usize, dilation: u64, filters: u64, channels: u64) -> Result<String> {
        let input = self.value.clone();
        let size = self.config.number("kernel_size", 3)?;
        let padding = self.config.0.get("padding").cloned().unwrap_or(json!("causal"));
        if !["causal", "same"].iter().any(|p| padding == *p) {
            return Err(self.config.wrong("padding", "`causal` or `same`"));
        }
        let activation = self.config.0.get("activation").cloned().unwrap_or(json!("relu"));
        let rate = self.config.0.get("dropout_rate").cloned().unwrap_or(json!(0.0));
        let norm = match () {
            _ if self.config.flag("use_batch_norm", false) => {
                Some(("BatchNormalization", "batch_norm_layers", "batch_normalization"))
            }
            _ if self.config.flag("use_layer_norm", false) => {
                Some(("LayerNormalization", "layer_norm_layers", "layer_normalization"))
            }
            _ => None,
        };
        let numbered = |name: &str, i: usize| match i {
            0 => name.to_string(),
            _ => format!("{name}_{i}"),
        };
        let older = numbered("residual_blocks/residual_block", k);
        let block = format!("residual_block_{k}");
        let name = |of: &str| format!("{block}_{of}");
        let named = |member: &str, inputs: &str| json!({"name": member, "inputs": [inputs]});
        let with = |mut v: Value, entries: Value| {
            if let (Value::Object(v), Value::Object(entries)) = (&mut v, entries) {
                v.extend(entries);
            }
            v
        };
        // Keras makes the lists of normalizations first, so that their weights come first.
        let mut norms = Vec::new();
        let mut layers = Vec::new();
        for i in 0..2 {
            let conv = name(&format!("conv1D_{i}"));
            let paths = [
                format!("{block}/conv1D_{i}"),
                format!("{older}/layers/{}", numbered("conv1d", i)),
            ];
            let config = self.conv(filters, size, dilation, &padding);
            layers.push(with(
                named(&conv, &self.value),
                json!({"class": "Conv1D", "config": config, "path": paths}),
            ));
            self.value = conv;
            if let Some((class, list, stem)) = norm {
                let norm = name(&format!("norm_{i}"));
                let stem = numbered(stem, i);
                let paths = [format!("{block}/{list}/{stem}"), format!("{older}/layers/{stem}")];
                norms.push(with(named(&norm, &self.value), json!({"class": class, "path": paths})));
                self.value = norm;
            }
            for (of, class, config) in [
                ("Act_Conv1D", "Activation", json!({"activation": activation})),
                ("SDropout", "SpatialDropout1D", json!({"rate": rate})),
            ] {
                let (member, path) = (name(&format!("{of}_{i}")), format!("{block}/{of}_{i}"));
                layers.push(with(
                    named(&member, &self.value),
                    json!({"class": class, "config": config, "path": path}),
                ));
                self.value = member;
            }
        }
        self.all.extend(norms.into_iter().chain(layers));
        let activate = |of: &str| {
            json!({"class": "Activation", "config": {"activation": activation},
                "path": format!("{block}/{of}")})
        };
        let skip = name("Act_Conv_Blocks");
        let inputs = named(&skip, &self.value);
        let activated = with(inputs, activate("Act_Conv_Blocks"));
        let mut matched = input.clone();
        if channels != filters {
            matched = name("matching_conv1D");
            let paths = [format!("{block}/matching_conv1D"), format!("{older}/shape_match_conv")];
            let config = self.conv(filters, 1, 1, &json!("same"));
            self.all.push(with(
                named(&matched, &input),
                json!({"class": "Conv1D", "config": config, "path": paths}),
            ));
        }
        self.all.push(activated);
        let sum = name("Add_Res");
        self.add(json!({"name": sum, "class": "Add", "inputs": [[matched, skip]]}));
        let inputs = named(&name("Act_Res_Block"), &self.value);
        self.add(with(inputs, activate("Act_Res_Block")));
        Ok(skip)
    }

    /// The timestep that is the output: the last, or the middle one for padding on both sides.
    fn slice(&mut self, timesteps: Dim) {
        let same = self.config.0.get("padding").is_some_and(|p| p == "same");
        let sequence = self.value.clone();
        let index = match timesteps {
            _ if !same => json!(-1),
            Some(n) => json!(n / 2),
            None => {
                self.add(json!({"name": "positions", "positions": sequence}));
                let steps = [
                    ("last", "max", None),
                    ("n", "add", Some(1)),
                    ("middle", "floor_divide", Some(2)),
                ];
                for (name, operation, number) in steps {
                    let inputs: Vec<Value> = std::iter::once(json!(self.value))
                        .chain(number.map(|n| json!(n)))
                        .collect();
                    self.add(json!({"name": name, "operation": operation, "inputs": inputs}));
                }
                json!(self.value)
            }
        };
        self.add(json!({"name": "Slice_Output", "operation": "take", "inputs": [sequence, index],
            "config": {"axis": 1}}));
    }
}
