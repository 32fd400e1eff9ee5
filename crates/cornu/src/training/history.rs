//! What a run measured: running means within an epoch, and the values of all epochs.

use super::step::BatchResult;
use crate::compile::Compiled;
use crate::metrics::MetricValue;
use std::collections::BTreeMap;

/// Values by Keras's keys: `loss`, `accuracy`, `val_loss`, …
pub type Logs = BTreeMap<String, MetricValue>;

/// The sums of an epoch or an evaluation.
#[derive(Default)]
pub(crate) struct Running {
    samples: f64,
    loss: f64,
    losses: Vec<f64>,
    metrics: Vec<Vec<Vec<f64>>>,
}

impl Running {
    /// Adds a batch of so many samples.
    pub(crate) fn add(&mut self, b: &BatchResult, samples: usize) {
        let n = samples as f64;
        self.samples += n;
        self.loss += b.loss * n;
        if self.losses.is_empty() {
            self.losses = vec![0.0; b.losses.len()];
            self.metrics = b.metrics.iter().map(|m| m.iter().map(|p| vec![0.0; p.len()]).collect()).collect();
        }
        self.losses.iter_mut().zip(&b.losses).for_each(|(s, l)| *s += l * n);
        let totals = self.metrics.iter_mut().flatten().flatten();
        totals.zip(b.metrics.iter().flatten().flatten()).for_each(|(s, p)| *s += p);
    }

    /// The values so far.
    pub(crate) fn logs(&self, compiled: &Compiled) -> Logs {
        let mean = |s: f64| if self.samples > 0.0 { s / self.samples } else { 0.0 };
        compiled.logs(mean(self.loss), &self.losses.iter().map(|l| mean(*l)).collect::<Vec<_>>(), &self.metrics)
    }
}

/// The values of all epochs of a `fit`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Key to its value in each epoch.
    pub values: BTreeMap<String, Vec<MetricValue>>,
    /// The epochs run, counted from 0.
    pub epochs: Vec<usize>,
}

impl History {
    pub(crate) fn push(&mut self, epoch: usize, logs: &Logs) {
        self.epochs.push(epoch);
        for (k, v) in logs {
            self.values.entry(k.clone()).or_default().push(v.clone());
        }
    }

    /// The numbers of a key, one an epoch.
    pub fn get(&self, key: &str) -> Option<Vec<f64>> {
        let number = |v: &MetricValue| match v {
            MetricValue::Number(x) => *x,
            MetricValue::List(items) => items.first().copied().unwrap_or(f64::NAN),
        };
        self.values.get(key).map(|v| v.iter().map(number).collect())
    }

    /// Key to list, as Keras's `history.history`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::Value::Object(self.values.iter().map(|(k, v)| (k.clone(), v.iter().map(value_json).collect())).collect())
    }
}

/// A value as JSON; what JSON cannot hold is text, as Python would print it.
pub fn value_json(v: &MetricValue) -> serde_json::Value {
    let number = |x: f64| serde_json::Number::from_f64(x).map_or_else(|| crate::saving::json::value_of(x), serde_json::Value::Number);
    match v {
        MetricValue::Number(x) => number(*x),
        MetricValue::List(items) => items.iter().map(|x| number(*x)).collect(),
    }
}
