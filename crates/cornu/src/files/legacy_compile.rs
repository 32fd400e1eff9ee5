//! The training config of a legacy `.h5`: what Keras 2 and 3 wrote of a compiled model, read as
//! compile settings.
//!
//! Source: keras/src/legacy/saving/legacy_h5_format.py and saving_utils.py, Keras 3.15.1. Differs:
//! settings of Keras 2 that Keras 3 cannot read any more (`reduction="auto"`, `Custom>Adam`) are
//! read; settings that cannot be read leave the model without them.

use crate::legacy::{Notes, Origin, optimizer_of_today};
use crate::losses::Loss;
use crate::lowering::Registry;
use crate::metrics::Metric;
use crate::saving::Legacy;
use crate::training::CompiledModel;
use crate::{Model, Result};
use serde_json::{Value, json};

/// Losses by names that Keras 3 has no more.
const LOSSES: &[(&str, &str)] = &[
    ("cosine_proximity", "cosine_similarity"),
    ("cosine", "cosine_similarity"),
    ("huber_loss", "huber"),
    ("logcosh", "log_cosh"),
];

/// The settings of a file of Keras 1 or 2, or of a legacy `.h5`, as a `compile_config` holds them,
/// so that Keras opens the model again from a `.keras`.
pub(super) fn compile_config(
    training: &Value,
    origin: &Origin,
    notes: &mut Notes,
) -> Result<Value> {
    let part = |key: &str| training.get(key).map(of_today).unwrap_or(Value::Null);
    let optimizer = match part("optimizer_config") {
        Value::Null => part("optimizer"),
        config => config,
    };
    let optimizer = match origin.is_before_keras_3() {
        true => optimizer_of_today(&optimizer, notes)?,
        false => optimizer,
    };
    let mut metrics = |key: &str| objects(&known(part(key), notes), &metric);
    let (plain, weighted) = (metrics("metrics")?, metrics("weighted_metrics")?);
    let loss = objects(&renamed(part("loss")), &|v| Ok(Loss::from_json(v)?.to_json()))?;
    Ok(json!({
        "optimizer": optimizer,
        "loss": loss,
        "loss_weights": part("loss_weights"),
        "metrics": plain,
        "weighted_metrics": weighted,
        "run_eagerly": false,
        "steps_per_execution": 1,
        "jit_compile": false,
    }))
}

/// Losses by the names of Keras 3.
fn renamed(loss: Value) -> Value {
    match loss {
        Value::String(name) => {
            let today = LOSSES.iter().find(|(old, _)| *old == name).map(|(_, today)| *today);
            today.map_or(Value::String(name), Value::from)
        }
        Value::Array(items) => items.into_iter().map(renamed).collect(),
        Value::Object(entries) if !entries.contains_key("class_name") => {
            Value::Object(entries.into_iter().map(|(k, v)| (k, renamed(v))).collect())
        }
        other => other,
    }
}

/// The metrics that there are; a function of the author's own is left out, and noted.
fn known(metrics: Value, notes: &mut Notes) -> Value {
    let is_unknown = |name: &str| {
        !matches!(name, "accuracy" | "acc" | "crossentropy" | "ce")
            && Metric::by_name(name).is_err()
    };
    match renamed(metrics) {
        Value::Array(items) => {
            let mut kept = Vec::new();
            for item in items {
                match item.as_str() {
                    Some(name) if is_unknown(name) => {
                        notes.ignored(format!("metric `{name}`, which nothing here computes"), "");
                    }
                    _ => kept.push(known(item, notes)),
                }
            }
            Value::Array(kept)
        }
        Value::Object(entries) if !entries.contains_key("class_name") => {
            let entries = entries.into_iter().map(|(k, v)| match v.as_str() {
                Some(name) if is_unknown(name) => (k, known(json!([name]), notes)),
                _ => (k, known(v, notes)),
            });
            Value::Object(entries.collect())
        }
        other => other,
    }
}

/// The same with every object in it written anew; names and functions stay.
fn objects(v: &Value, anew: &dyn Fn(&Value) -> Result<Value>) -> Result<Value> {
    match v {
        Value::Array(items) => items.iter().map(|i| objects(i, anew)).collect(),
        Value::Object(entries) => match entries.get("class_name").and_then(Value::as_str) {
            Some("function") => Ok(v.clone()),
            Some(_) => anew(v),
            None => Ok(Value::Object(
                entries
                    .iter()
                    .map(|(k, i)| Ok((k.clone(), objects(i, anew)?)))
                    .collect::<Result<_>>()?,
            )),
        },
        other => Ok(other.clone()),
    }
}

/// A metric as Keras 3 writes it; that of a function that Keras 2 named is the function's class.
fn metric(v: &Value) -> Result<Value> {
    let of = |key: &str| v.get("config").and_then(|c| c.get(key)).and_then(Value::as_str);
    let metric = match of("fn") {
        Some(function) => match of("name") {
            Some(name) => Metric::by_name_as(function, name)?,
            None => Metric::by_name(function)?,
        },
        None => Metric::from_json(v)?,
    };
    Ok(metric.to_json())
}

/// Objects as Keras 3 writes them: classes without the package they were registered in, reductions
/// by their name.
fn of_today(v: &Value) -> Value {
    match v {
        Value::Array(items) => items.iter().map(of_today).collect(),
        Value::Object(entries) => {
            let class = entries.get("class_name").and_then(Value::as_str).unwrap_or("");
            let wraps = class.ends_with("Wrapper");
            let today = |key: &str, v: &Value| match (key, v.as_str()) {
                ("class_name", Some(name)) => json!(name.rsplit('>').next()),
                ("reduction", Some("auto")) => json!("sum_over_batch_size"),
                // A class that stands for one function names it beside its settings.
                ("config", _) if !wraps => match of_today(v) {
                    Value::Object(mut config) => {
                        config.remove("fn");
                        Value::Object(config)
                    }
                    other => other,
                },
                _ => of_today(v),
            };
            Value::Object(entries.iter().map(|(k, v)| (k.clone(), today(k, v))).collect())
        }
        other => other.clone(),
    }
}

impl CompiledModel {
    /// Compiles a model with the settings of a legacy file, if it has some that can be read, and
    /// takes its optimizer's state where it fits.
    pub(super) fn from_legacy(
        model: &Model,
        legacy: &Legacy,
        origin: &Origin,
        registry: &Registry,
    ) -> Option<Self> {
        let training = legacy
            .training_config
            .as_ref()
            .filter(|t| t.get("optimizer_config").is_some_and(|o| !o.is_null()))?;
        let classes = registry.classes();
        let mut notes = Notes::default();
        let compiled = classes
            .scope(|| compile_config(training, origin, &mut notes))
            .and_then(|c| CompiledModel::from_config(model.clone(), &c, classes));
        notes.warn();
        let compiled = match compiled {
            Ok(compiled) => compiled,
            Err(e) => {
                log::warn!(
                    "the file's training config is not taken, so the model must be \
                     compiled anew: {e}"
                );
                return None;
            }
        };
        if let Some(arrays) = &legacy.optimizer_weights
            && !compiled.read_legacy_optimizer(origin, arrays).unwrap_or(false)
        {
            log::warn!(
                "the state of the optimizer is not taken from the file, for it is of \
                 another form: the optimizer starts anew"
            );
        }
        Some(compiled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_keras_2_are_read() {
        let config = json!({"reduction": "auto", "fn": "binary_crossentropy", "from_logits": true});
        let loss = json!({"class_name": "BinaryCrossentropy", "config": config});
        let optimizer = json!({"class_name": "Custom>Adam", "config": {"learning_rate": 0.5}});
        let config = json!({"name": "acc", "fn": "binary_accuracy"});
        let metric = json!([[{"class_name": "MeanMetricWrapper", "config": config}]]);
        let (origin, mut notes) = (Origin::of(Some("2.11"), None, None), Notes::default());
        let training = json!({"optimizer_config": optimizer, "loss": loss, "metrics": metric});
        let c = compile_config(&training, &origin, &mut notes).unwrap();
        assert_eq!(c["optimizer"], json!({"class_name": "Adam", "config": {"learning_rate": 0.5}}));
        assert_eq!(
            (&c["loss"]["module"], &c["loss"]["config"]["from_logits"]),
            (&json!("keras.losses"), &json!(true))
        );
        assert_eq!(c["loss"]["config"]["reduction"], "sum_over_batch_size");
        assert_eq!(
            (&c["metrics"][0][0]["class_name"], &c["metrics"][0][0]["config"]["name"]),
            (&json!("BinaryAccuracy"), &json!("acc"))
        );
        let loss = json!({"class_name": "Mine", "config": {}});
        let unknown = json!({"optimizer_config": optimizer, "loss": loss});
        assert!(compile_config(&unknown, &origin, &mut notes).is_err());
        let training = json!({"optimizer_config": optimizer, "loss": "cosine_proximity",
            "metrics": {"out": ["acc", "my_own"]}});
        let c = compile_config(&training, &origin, &mut notes).unwrap();
        assert_eq!(
            (&c["loss"], &c["metrics"]),
            (&json!("cosine_similarity"), &json!({"out": ["acc"]}))
        );
        assert!(notes.ignored_lines()[0].contains("my_own"));
    }
}
