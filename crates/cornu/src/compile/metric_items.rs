//! Metrics of each output, with keys.

use super::outputs::{ModelOutputs, Task, function_name, in_argument, is_object, leaves, wrong};
use crate::Result;
use crate::config::snake_case;
use crate::metrics::{MeanMetricWrapper, Metric};
use cornu_ir::Spec;
use serde_json::{Value, json};

/// Metric of one output of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputMetric {
    /// Index of the output.
    pub output: usize,
    /// Index of the target.
    pub target: usize,
    /// Metric that is computed on this output.
    pub metric: Metric,
    /// True if sample weights are used.
    pub weighted: bool,
    /// Key in logs.
    pub key: String,
}

/// The metric of a name, object or function; `accuracy` and `acc` are chosen by the shapes. A
/// metric given by name keeps that name.
fn read(v: &Value, y_true: &Spec, y_pred: &Spec) -> Result<Metric> {
    let Some(name) = function_name(v) else { return Metric::from_json(v) };
    if !["accuracy", "acc"].contains(&name.to_lowercase().as_str()) {
        return match v.is_string() {
            true => Metric::by_name_as(name, name),
            false => Ok(MeanMetricWrapper::of(v, &snake_case(name)).into()),
        };
    }
    let class = match Task::of(y_true, y_pred) {
        Task::Binary => "BinaryAccuracy",
        Task::SparseCategorical => "SparseCategoricalAccuracy",
        Task::Categorical => "CategoricalAccuracy",
    };
    Metric::from_class(class, json!({"name": name}))
}

/// The entry of each output, in the order in which Keras goes through them.
fn by_output<'a>(
    argument: &str,
    given: &'a Value,
    outputs: &ModelOutputs,
) -> Result<Vec<(usize, Vec<&'a Value>)>> {
    let n = outputs.len();
    let entry = |v: &'a Value| match v {
        Value::Null => vec![],
        Value::Array(_) => leaves(v),
        Value::Object(_) if !is_object(v) => leaves(v),
        _ => vec![v],
    };
    match given {
        Value::Null => Ok(vec![]),
        Value::Array(items) if items.is_empty() => Ok(vec![]),
        Value::Array(_) if n == 1 => Ok(vec![(0, leaves(given))]),
        Value::Object(_) if !is_object(given) && n == 1 => Ok(vec![(0, leaves(given))]),
        Value::Array(items) if items.len() == n => {
            Ok(outputs.metric_order().into_iter().zip(items).map(|(i, v)| (i, entry(v))).collect())
        }
        Value::Object(map) if !is_object(given) => {
            match map.keys().find(|k| outputs.find(k).is_none()) {
                Some(unknown) => Err(wrong(
                    argument,
                    format!("`{unknown}` is no output; there are {}", outputs.listed()),
                    given,
                )),
                None => Ok(outputs
                    .metric_order()
                    .into_iter()
                    .filter_map(|i| Some((i, entry(map.get(outputs.called(i))?))))
                    .collect()),
            }
        }
        Value::Array(_) => Err(wrong(
            argument,
            format!(
                "expected a list with an entry for each of the outputs {}, or a dict by their \
                    names",
                outputs.listed()
            ),
            given,
        )),
        _ => Err(wrong(argument, "expected a list, or a dict by the names of outputs", given)),
    }
}

/// Fails if a metric or an output that it names does not exist.
pub(super) fn check(argument: &str, given: &Value, outputs: &ModelOutputs) -> Result<()> {
    // Keras passes over the name where there is one output.
    if let Value::Object(by_name) = given
        && !is_object(given)
        && let Some(unknown) = by_name.keys().find(|name| outputs.find(name).is_none())
    {
        let rule = format!("`{unknown}` is no output; there are {}", outputs.listed());
        return Err(wrong(argument, rule, given));
    }
    for (output, entries) in by_output(argument, given, outputs)? {
        let spec = &outputs.specs[output];
        entries.into_iter().filter(|v| !v.is_null()).try_for_each(|v| {
            read(v, spec, spec).map(drop).map_err(|e| in_argument(argument, e))
        })?;
    }
    Ok(())
}

/// The metrics of one argument of `compile`, their keys the plain names.
pub(super) fn resolve(
    argument: &str,
    given: &Value,
    outputs: &ModelOutputs,
    targets: &[Spec],
    target_of: &[Option<usize>],
) -> Result<Vec<OutputMetric>> {
    let mut metrics = vec![];
    for (output, entries) in by_output(argument, given, outputs)? {
        for v in entries {
            if v.is_null() {
                return Err(wrong(argument, "expected a metric, not null", given));
            }
            let target = target_of[output].filter(|t| *t < targets.len());
            let target = target.ok_or_else(|| {
                wrong(
                    argument,
                    format!("output `{}` has no target to measure by", outputs.called(output)),
                    given,
                )
            })?;
            let metric = read(v, &targets[target], &outputs.specs[output])?;
            metrics.push(OutputMetric {
                output,
                target,
                weighted: argument == "weighted_metrics",
                key: metric.name().to_string(),
                metric,
            });
        }
    }
    Ok(metrics)
}

/// Gives each metric its key: the output's name before it where there are several, `weighted_`
/// where the plain key is taken, a number where that is too.
pub(super) fn assign_keys(metrics: &mut [OutputMetric], outputs: &ModelOutputs) {
    let prefix = |m: &OutputMetric, name: &str| {
        if outputs.len() > 1 {
            format!("{}_{name}", outputs.called(m.output))
        } else {
            name.to_string()
        }
    };
    let mut taken = std::collections::HashMap::<String, usize>::new();
    for m in metrics {
        let mut key = prefix(m, m.metric.name());
        if m.weighted && taken.contains_key(&key) {
            key = prefix(m, &format!("weighted_{}", m.metric.name()));
        }
        m.key = match taken.get_mut(&key) {
            None => {
                taken.insert(key.clone(), 1);
                key
            }
            Some(n) => {
                *n += 1;
                format!("{key}_{}", *n - 1)
            }
        };
    }
}
