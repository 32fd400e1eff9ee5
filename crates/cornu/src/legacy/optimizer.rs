//! Settings and variables of the optimizers of Keras 1 and 2.
//!
//! Source: keras/optimizers.py, Keras 2.2.4 and 2.3.1; keras/src/optimizers/ and its `legacy`
//! folder, tf.keras 2.15.

use super::notes::Notes;
use crate::{Error, Result};
use serde_json::{Map, Value, json};

/// Settings that Keras 3 has no more and that change no result.
const HINTS: [&str; 3] = ["jit_compile", "is_legacy_optimizer", "dynamic"];

/// An optimizer's serialized form as Keras 3 writes it.
///
/// # Errors
/// A setting that nothing in Keras 3 stands for.
pub(crate) fn of_today(optimizer: &Value, notes: &mut Notes) -> Result<Value> {
    let Some(object) = optimizer.as_object() else { return Ok(optimizer.clone()) };
    let class = object.get("class_name").and_then(Value::as_str).unwrap_or("");
    let class = class.rsplit('>').next().unwrap_or(class).to_string();
    let mut config = object.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
    if config.get("dynamic") == Some(&Value::Bool(false)) {
        let what = "LossScaleOptimizer with `dynamic` = false: Keras 3 has a dynamic scale alone";
        return Err(Error::Unsupported(what.into()));
    }
    HINTS.iter().for_each(|key| drop(config.shift_remove(*key)));
    if config.get("epsilon").is_some_and(Value::is_null) {
        config.shift_remove("epsilon");
    }
    if let Some(rate) = config.shift_remove("lr") {
        notes.mapped("`lr` of the optimizer, read as `learning_rate`", "");
        config.insert("learning_rate".into(), rate);
    }
    decay(&class, &mut config, notes);
    if class == "Adagrad" && !config.contains_key("initial_accumulator_value") {
        // Before tf.keras the sums of squares began at 0.
        config.insert("initial_accumulator_value".into(), json!(0.0));
    }
    if let Some(inner) = config.get("inner_optimizer").cloned() {
        config.insert("inner_optimizer".into(), of_today(&inner, notes)?);
    }
    let mut today = object.clone();
    today.insert("class_name".into(), class.into());
    today.insert("config".into(), Value::Object(config));
    Ok(Value::Object(today))
}

/// `decay` as the schedule that it was: the rate at step n is lr / (1 + decay n).
fn decay(class: &str, config: &mut Map<String, Value>, notes: &mut Notes) {
    let own = config.shift_remove("schedule_decay");
    let decay = config.shift_remove("decay");
    if class == "Nadam" {
        // tf.keras wrote what Keras 2 called `schedule_decay` as `decay`.
        if let Some(x) = own.or(decay) {
            let what = format!("`schedule_decay` = {x} of Nadam, which Keras 3 has no more");
            notes.ignored(what, "");
        }
        return;
    }
    let Some(decay) = decay.as_ref().and_then(Value::as_f64).filter(|d| *d != 0.0) else { return };
    let rate = config.get("learning_rate").cloned().unwrap_or_else(|| json!(0.001));
    if !rate.is_number() {
        notes.ignored(format!("`decay` = {decay} beside a schedule of the learning rate"), "");
        return;
    }
    notes.mapped(format!("`decay` = {decay} of the optimizer, read as InverseTimeDecay"), "");
    let schedule = json!({
        "module": "keras.optimizers.schedules", "class_name": "InverseTimeDecay",
        "registered_name": null,
        "config": {
            "initial_learning_rate": rate, "decay_steps": 1, "decay_rate": decay,
            "staircase": false, "name": "InverseTimeDecay",
        },
    });
    config.insert("learning_rate".into(), schedule);
}

/// The variable of a weight that Keras 3 calls so, by its name in a file of Keras 2.
fn slot(class: &str, name: &str) -> Option<&'static str> {
    Some(match (class, name) {
        ("Adamax", "v" | "u") => "norm",
        (_, "m" | "momentum") => "momentum",
        (_, "v" | "velocity" | "rms") => "velocity",
        (_, "vhat") => "velocity_hat",
        (_, "mg" | "average_gradient") => "average_gradient",
        (_, "accumulator") => "accumulator",
        (_, "accum_grad" | "accumulated_grad") => "accumulated_grad",
        (_, "accum_var" | "accumulated_delta_var") => "accumulated_delta_var",
        (_, "linear") => "linear",
        (_, "r") => "row",
        (_, "c") => "column",
        _ => return None,
    })
}

/// The variables of each weight in a file that numbers them: all of the first kind, then all of the
/// second.
fn blocks(class: &str) -> &'static [&'static str] {
    match class {
        "SGD" => &["momentum"],
        "RMSprop" => &["velocity"],
        "Adagrad" => &["accumulator"],
        "Adadelta" => &["accumulated_grad", "accumulated_delta_var"],
        "Adam" => &["momentum", "velocity", "velocity_hat"],
        "Adamax" => &["momentum", "norm"],
        "Nadam" => &["momentum", "velocity"],
        _ => &[],
    }
}

/// What a variable of an optimizer of Keras 2 is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remembered {
    /// The number of steps.
    Iteration,
    /// The product of the momentums of Nadam.
    MomentumProduct,
    /// A variable of a weight: its name in Keras 3, and the number of the weight.
    OfWeight(&'static str, usize),
}

/// What the variables of a file are, by their names and shapes, for an optimizer of `n` weights.
/// `None` where that cannot be told.
pub(crate) fn variables(
    class: &str,
    names: &[&str],
    is_scalar: &[bool],
    n: usize,
) -> Option<Vec<Remembered>> {
    let plain = |name: &str| name.split(':').next().unwrap_or("").to_string();
    let names: Vec<String> = names.iter().map(|name| plain(name)).collect();
    let numbered = names.iter().any(|name| {
        let last = name.rsplit('/').next().unwrap_or("");
        last == "Variable" || last.starts_with("Variable_")
    });
    let mut counts: Vec<(&'static str, usize)> = Vec::new();
    let mut n_blocks = 0;
    let mut all = Vec::with_capacity(names.len());
    for (name, scalar) in names.iter().zip(is_scalar) {
        let parts: Vec<&str> = name.split('/').collect();
        let last = parts.last().copied().unwrap_or("");
        if *scalar && matches!(last, "iter" | "iteration" | "iterations") {
            all.push(Remembered::Iteration);
        } else if *scalar && (last == "momentum_cache" || (numbered && class == "Nadam")) {
            all.push(Remembered::MomentumProduct);
        } else if numbered && last.starts_with("Variable") {
            let (kind, weight) = (n_blocks / n.max(1), n_blocks % n.max(1));
            n_blocks += 1;
            all.push(match blocks(class).get(kind) {
                Some(name) => Remembered::OfWeight(name, weight),
                None => return None,
            });
        } else {
            // tf.keras up to 2.10 wrote `Adam/d/kernel/m`, from 2.11 on `Adam/m/d/kernel`.
            let kind = parts.get(1).and_then(|p| slot(class, p)).filter(|_| parts.len() > 2);
            let kind = kind.or_else(|| slot(class, last))?;
            let count = match counts.iter_mut().find(|(k, _)| *k == kind) {
                Some((_, count)) => count,
                None => {
                    counts.push((kind, 0));
                    &mut counts.last_mut()?.1
                }
            };
            all.push(Remembered::OfWeight(kind, *count));
            *count += 1;
        }
    }
    let complete =
        counts.iter().all(|(kind, count)| *count == n || *kind == "row" || *kind == "column");
    (complete && (!numbered || n_blocks.is_multiple_of(n.max(1)))).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decay_becomes_the_schedule_that_it_was() {
        let mut notes = Notes::default();
        let sgd =
            json!({"class_name": "SGD", "config": {"lr": 0.5, "decay": 0.1, "momentum": 0.0}});
        let today = of_today(&sgd, &mut notes).unwrap();
        let schedule = &today["config"]["learning_rate"];
        assert_eq!(schedule["class_name"], "InverseTimeDecay");
        assert_eq!(schedule["config"]["initial_learning_rate"], 0.5);
        assert!(today["config"].get("decay").is_none());
        let nadam = json!({"class_name": "Nadam", "config": {"lr": 0.5, "schedule_decay": 0.004}});
        assert_eq!(of_today(&nadam, &mut notes).unwrap()["config"], json!({"learning_rate": 0.5}));
        assert_eq!(notes.ignored_lines().len(), 1);
    }

    #[test]
    fn names_of_every_version_are_told_apart() {
        use Remembered::{Iteration, OfWeight};
        let (m, v) = ("momentum", "velocity");
        let told = |names: &[&str], scalars: &[bool]| variables("Adam", names, scalars, 2);
        let flags = [true, false, false, false, false];
        let v2 = ["Adam/iter:0", "Adam/d/k/m:0", "Adam/d/b/m:0", "Adam/d/k/v:0", "Adam/d/b/v:0"];
        let blocks =
            vec![Iteration, OfWeight(m, 0), OfWeight(m, 1), OfWeight(v, 0), OfWeight(v, 1)];
        assert_eq!(told(&v2, &flags), Some(blocks.clone()));
        let keras_2 = [
            "Adam/iterations:0",
            "training/Adam/Variable:0",
            "training/Adam/Variable_1:0",
            "training/Adam/Variable_2:0",
            "training/Adam/Variable_3:0",
        ];
        assert_eq!(told(&keras_2, &flags), Some(blocks));
        let new = ["iteration:0", "Adam/m/d/k:0", "Adam/v/d/k:0", "Adam/m/d/b:0", "Adam/v/d/b:0"];
        let pairs = vec![Iteration, OfWeight(m, 0), OfWeight(v, 0), OfWeight(m, 1), OfWeight(v, 1)];
        assert_eq!(told(&new, &flags), Some(pairs));
        assert_eq!(told(&["iteration:0", "Adam/odd/k:0"], &flags[..2]), None);
    }
}
