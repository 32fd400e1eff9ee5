//! History of a run: means within an epoch, and the values of all epochs.

use super::step::BatchResult;
use crate::compile::Compiled;
use crate::metrics::MetricValue;
use std::collections::BTreeMap;

/// Losses and metrics by Keras's keys: `loss`, `accuracy`, `val_loss`, …
pub type Logs = BTreeMap<String, MetricValue>;

/// The sums of an epoch or an evaluation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running {
    samples: f64,
    /// By samples.
    loss: f64,
    losses: Vec<f64>,
    /// What each loss is a mean over and its weight in the total, where losses do not count by
    /// samples. Then `loss` holds the rest of the total, penalties on weights and activity.
    counts: Vec<(f64, f64)>,
    metrics: Vec<Vec<Vec<f64>>>,
}

impl Running {
    /// Adds a batch of so many samples; `counts` says what its losses are means over, where that is
    /// not its samples, and their weights.
    pub(crate) fn add(&mut self, b: &BatchResult, samples: usize, counts: &[(f64, f64)]) {
        let n = samples as f64;
        self.samples += n;
        self.loss += (b.loss
            - b.losses.iter().zip(counts).map(|(l, (_, weight))| l * weight).sum::<f64>())
            * n;
        if self.losses.is_empty() {
            self.losses = vec![0.0; b.losses.len()];
            self.metrics =
                b.metrics.iter().map(|m| m.iter().map(|p| vec![0.0; p.len()]).collect()).collect();
        }
        self.counts.resize(counts.len(), (0.0, 0.0));
        self.counts
            .iter_mut()
            .zip(counts)
            .for_each(|(all, (count, weight))| *all = (all.0 + count, *weight));
        let count = |i: usize| counts.get(i).map_or(n, |c| c.0);
        self.losses
            .iter_mut()
            .zip(&b.losses)
            .enumerate()
            .for_each(|(i, (s, l))| *s += l * count(i));
        let totals = self.metrics.iter_mut().flatten().flatten();
        totals.zip(b.metrics.iter().flatten().flatten()).for_each(|(s, p)| *s += p);
    }

    /// The values so far.
    pub(crate) fn logs(&self, compiled: &Compiled) -> Logs {
        let mean = |sum: f64, n: f64| if n > 0.0 { sum / n } else { 0.0 };
        let losses: Vec<f64> = self
            .losses
            .iter()
            .enumerate()
            .map(|(i, l)| mean(*l, self.counts.get(i).map_or(self.samples, |c| c.0)))
            .collect();
        let counted: f64 = losses.iter().zip(&self.counts).map(|(l, (_, weight))| l * weight).sum();
        compiled.logs(mean(self.loss, self.samples) + counted, &losses, &self.metrics)
    }

    /// All sums in a row, and how they are laid out: number of losses, of their counts, of metrics,
    /// then for each metric its number of partials and their lengths.
    pub(crate) fn flat(&self) -> (Vec<usize>, Vec<f64>) {
        let mut layout = vec![self.losses.len(), self.counts.len(), self.metrics.len()];
        for m in &self.metrics {
            layout.push(m.len());
            layout.extend(m.iter().map(Vec::len));
        }
        let metrics = self.metrics.iter().flatten().flatten();
        let counts = self.counts.iter().flat_map(|(n, weight)| [n, weight]);
        let sums = [self.samples, self.loss]
            .iter()
            .chain(&self.losses)
            .chain(counts)
            .chain(metrics)
            .copied()
            .collect();
        (layout, sums)
    }

    /// The sums of a row, or none where row and layout do not fit.
    pub(crate) fn from_flat(layout: &[usize], sums: &[f64]) -> Option<Self> {
        let mut layout = layout.iter().copied();
        let mut rest = sums;
        let mut take = |n: usize| -> Option<Vec<f64>> {
            let (head, tail) = rest.split_at_checked(n)?;
            rest = tail;
            Some(head.to_vec())
        };
        let (n_losses, n_counts, n_metrics) = (layout.next()?, layout.next()?, layout.next()?);
        let head = take(2)?;
        let losses = take(n_losses)?;
        let counts = take(2 * n_counts)?.chunks(2).map(|c| (c[0], c[1])).collect();
        let mut metrics = Vec::new();
        for _ in 0..n_metrics {
            let mut partials = Vec::new();
            for _ in 0..layout.next()? {
                partials.push(take(layout.next()?)?);
            }
            metrics.push(partials);
        }
        Some(Self { samples: head[0], loss: head[1], losses, counts, metrics })
    }
}

/// History of a `fit`: losses and metrics of each epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Values of each key, one for each epoch.
    pub values: BTreeMap<String, Vec<MetricValue>>,
    /// Epochs that were run, counted from 0.
    pub epochs: Vec<usize>,
    /// Where a stop request ended training; `None` where training ran to its end.
    pub interrupted: Option<Interruption>,
}

/// Where a stop request ended training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// The epoch, counted from 0, that was not finished.
    pub epoch: usize,
    /// Training steps done in that epoch.
    pub steps: usize,
}

impl History {
    pub(crate) fn push(&mut self, epoch: usize, logs: &Logs) {
        self.epochs.push(epoch);
        for (k, v) in logs {
            self.values.entry(k.clone()).or_default().push(v.clone());
        }
    }

    /// Returns the numbers of a key, one for each epoch.
    pub fn get(&self, key: &str) -> Option<Vec<f64>> {
        self.values.get(key).map(|v| v.iter().map(MetricValue::number).collect())
    }

    /// Returns a JSON object of lists, as Keras's `history.history`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::Value::Object(
            self.values
                .iter()
                .map(|(k, v)| (k.clone(), v.iter().map(value_json).collect()))
                .collect(),
        )
    }
}

/// Returns a metric's value as JSON. NaN and infinity become text, as Python prints them.
pub fn value_json(v: &MetricValue) -> serde_json::Value {
    let number = |x: f64| {
        serde_json::Number::from_f64(x)
            .map_or_else(|| crate::saving::json::value_of(x), serde_json::Value::Number)
    };
    match v {
        MetricValue::Number(x) => number(*x),
        MetricValue::List(items) => items.iter().map(|x| number(*x)).collect(),
    }
}
