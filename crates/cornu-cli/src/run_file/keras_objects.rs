//! Tables of RUN.toml as Keras's objects, and their settings checked by name.

use super::reading::Source;
use crate::failure::Failure;
use cornu::extend::{did_you_mean, snake_case};
use cornu::losses::Loss;
use cornu::metrics::Metric;
use cornu::optimizers::Optimizer;
use serde_json::{Map, Value, json};

/// Tables with a `class` become Keras's serialized objects, at every level.
pub fn keras_object(v: &Value) -> Value {
    match v {
        Value::Object(map) => {
            let mut config: Map<String, Value> =
                map.iter().map(|(k, v)| (k.clone(), keras_object(v))).collect();
            match config.remove("class") {
                Some(class) => json!({"class_name": class, "config": config}),
                None => Value::Object(config),
            }
        }
        Value::Array(items) => items.iter().map(keras_object).collect(),
        _ => v.clone(),
    }
}

/// Fails at the first name or setting of `[compile]` that cornu does not have.
pub fn check_compile(source: &Source) -> Result<(), Failure> {
    let Some(c) = &source.run.compile else { return Ok(()) };
    let at = |key: &'static str| move |e: Failure| source.wrong_below(&["compile", key], e);
    if let Some(v) = &c.optimizer {
        optimizer(&keras_object(v)).map_err(at("optimizer"))?;
    }
    if let Some(v) = &c.loss {
        each(&keras_object(v), &loss).map_err(at("loss"))?;
    }
    if let Some(v) = &c.metrics {
        each(&keras_object(v), &metric).map_err(at("metrics"))?;
    }
    if let Some(v) = &c.weighted_metrics {
        each(&keras_object(v), &metric).map_err(at("weighted_metrics"))?;
    }
    if let Some(v) = &c.loss_weights {
        each(v, &number).map_err(at("loss_weights"))?;
    }
    Ok(())
}

/// Every name or object in a value: one, a list, or by output.
fn each(v: &Value, check: &dyn Fn(&Value) -> Result<(), Failure>) -> Result<(), Failure> {
    match v {
        Value::Array(items) => items.iter().try_for_each(|i| each(i, check)),
        Value::Object(map) if !map.contains_key("class_name") => {
            map.values().try_for_each(|i| each(i, check))
        }
        one => check(one),
    }
}

fn number(v: &Value) -> Result<(), Failure> {
    let wrong = || Failure::failed(format!("loss_weights: expected numbers. Received: {v}"));
    v.as_f64().map(drop).ok_or_else(wrong)
}

fn optimizer(v: &Value) -> Result<(), Failure> {
    named("optimizer", v, Optimizer::CLASSES, &[])?;
    let read = Optimizer::from_json(v).map_err(|e| {
        let e = Failure::from(e);
        // serde lists the settings of an optimizer where one is unknown.
        let mut words = e.message.split('`').skip(1).step_by(2);
        let hint = words.next().map(|unknown| did_you_mean(unknown, words)).unwrap_or_default();
        match e.message.contains("unknown field") {
            true => Failure { message: format!("{}{hint}", e.message), ..e },
            false => e,
        }
    })?;
    Ok(read.check(&[])?)
}

fn loss(v: &Value) -> Result<(), Failure> {
    if matches!(v.as_str(), Some("crossentropy" | "ce")) {
        return Ok(());
    }
    named("loss", v, Loss::CLASSES, &["crossentropy"])?;
    let read = Loss::from_json(v)?;
    known_settings(v, &read.to_json())
}

fn metric(v: &Value) -> Result<(), Failure> {
    if matches!(v.as_str(), Some("accuracy" | "acc" | "crossentropy" | "ce")) {
        return Ok(());
    }
    named("metric", v, Metric::CLASSES, &["accuracy"])?;
    let read = Metric::from_json(v)?;
    known_settings(v, &read.to_json())
}

/// Fails where a value is neither a name nor an object, or its class is misspelt.
fn named(what: &str, v: &Value, classes: &[&str], more: &[&str]) -> Result<(), Failure> {
    let name = v.as_str().or_else(|| v.get("class_name").and_then(Value::as_str));
    let Some(name) = name else {
        return Err(Failure::failed(format!(
            "{what}: expected a name or a table with a `class`. Received: {v}"
        )));
    };
    let snake: Vec<String> = classes.iter().map(|c| snake_case(c)).collect();
    let known = || classes.iter().chain(more).copied().chain(snake.iter().map(String::as_str));
    if known().any(|k| k == name) || by_alias(what, name) {
        return Ok(());
    }
    let as_given: Vec<&str> = if v.is_string() {
        more.iter().copied().chain(snake.iter().map(String::as_str)).collect()
    } else {
        classes.to_vec()
    };
    let hint = did_you_mean(name, as_given.iter().copied());
    let hint = if hint.is_empty() { format!("; there are {}", classes.join(", ")) } else { hint };
    Err(Failure::failed(format!("unknown {what} `{name}`{hint}")))
}

/// Whether a name is a shorter one of the family: `mse`.
fn by_alias(what: &str, name: &str) -> bool {
    match what {
        "optimizer" => Optimizer::by_name(name).is_ok(),
        "loss" => Loss::by_name(name).is_ok(),
        _ => Metric::by_name(name).is_ok(),
    }
}

/// Fails at a setting that is not among those that were read.
fn known_settings(given: &Value, read: &Value) -> Result<(), Failure> {
    let (Some(Value::Object(given)), Some(Value::Object(read))) =
        (given.get("config"), read.get("config"))
    else {
        return Ok(());
    };
    match given.keys().find(|key| !read.contains_key(*key)) {
        None => Ok(()),
        Some(key) => {
            let known: Vec<&str> = read.keys().map(String::as_str).collect();
            let hint = did_you_mean(key, known.iter().copied());
            let listed = format!("; there are {}", known.join(", "));
            let hint = if hint.is_empty() { listed } else { hint };
            Err(Failure::failed(format!("unknown setting `{key}`{hint}")))
        }
    }
}
