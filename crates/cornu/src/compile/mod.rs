//! Losses and metrics of each output of a compiled model, with their keys in logs.
//!
//! Source: keras/src/trainers/compile_utils.py and keras/src/trainers/trainer.py, Keras 3.15.1.
//! Differs: outputs that are lists within lists are taken flat.

mod outputs;
mod loss_items;
mod metric_items;
mod emit;

pub use emit::LossParts;
pub use loss_items::OutputLoss;
pub use metric_items::OutputMetric;
pub use outputs::ModelOutputs;

use crate::config::did_you_mean;
use crate::losses::Loss;
use crate::metrics::MetricValue;
use crate::{Error, Result};
use cornu_ir::Spec;
use serde_json::Value;
use std::collections::BTreeMap;

/// Losses and metrics of a compiled model.
///
/// The values of logs, each over the batches of an epoch or an evaluation:
/// - `loss`: the batches' total losses (penalties included), weighted by their number of samples;
/// - `X_loss`, where there are several losses: the batches' losses of an output, without its loss
///   weight, weighted by their number of samples;
/// - metrics: [`MetricFunction::result`](crate::metrics::MetricFunction::result) of partials added
///   up over the batches.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// Losses in Keras's order; their weighted sum is the loss of the model.
    pub losses: Vec<OutputLoss>,
    /// Metrics, those without sample weights first.
    pub metrics: Vec<OutputMetric>,
    /// Keys that Keras shows with the value 0, for only the first loss of a list on a single output
    /// enters.
    idle: Vec<String>,
}

impl Compiled {
    /// Fails if a loss, a metric or an output that a compile config names does not exist.
    ///
    /// # Errors
    /// The name, and the nearest right one.
    pub(crate) fn check(config: &Value, outputs: &ModelOutputs) -> Result<()> {
        const KEYS: &[&str] = &[
            "optimizer",
            "loss",
            "loss_weights",
            "metrics",
            "weighted_metrics",
            "run_eagerly",
            "steps_per_execution",
            "jit_compile",
            "auto_scale_loss",
        ];
        let unknown = |key: &&String| !KEYS.contains(&key.as_str());
        if let Some(key) = config.as_object().into_iter().flat_map(|c| c.keys()).find(unknown) {
            let hint = did_you_mean(key, KEYS.iter().copied());
            return Err(Error::argument(
                "compile",
                "there is no such setting",
                format!("`{key}`{hint}"),
            ));
        }
        let part = |key: &str| outputs::plain(config.get(key).unwrap_or(&Value::Null));
        loss_items::check(&part("loss"), &part("loss_weights"), outputs)?;
        metric_items::check("metrics", &part("metrics"), outputs)?;
        metric_items::check("weighted_metrics", &part("weighted_metrics"), outputs)
    }

    /// The first loss on an output; `crossentropy` is that of class ids.
    pub(crate) fn loss_of(
        config: &Value,
        outputs: &ModelOutputs,
        output: usize,
    ) -> Result<Option<Loss>> {
        let loss = outputs::plain(config.get("loss").unwrap_or(&Value::Null));
        loss_items::of_output(&loss, outputs, output)
    }

    /// Resolves `loss`, `loss_weights`, `metrics` and `weighted_metrics` of a compile config.
    ///
    /// `targets` holds the specs of the data's targets: one for each output, or one for each output
    /// that has a loss.
    ///
    /// ```
    /// use cornu::extend::{Compiled, ModelOutputs};
    /// use cornu_ir::{DType, Spec};
    /// let column = |n| Spec::new(DType::F32, [None, Some(n)]);
    /// let outputs = ModelOutputs::list([("a", column(1)), ("b", column(4))]);
    /// let targets = [column(1), Spec::new(DType::I32, [None])];
    /// let config = serde_json::json!({
    ///     "loss": {"a": "mse", "b": "crossentropy"},
    ///     "metrics": {"b": ["accuracy"]},
    /// });
    /// let compiled = Compiled::resolve(&config, &outputs, &targets)?;
    /// assert_eq!(compiled.keys(), ["a_loss", "b_accuracy", "b_loss", "loss"]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn resolve(config: &Value, outputs: &ModelOutputs, targets: &[Spec]) -> Result<Self> {
        let part = |key: &str| outputs::plain(config.get(key).unwrap_or(&Value::Null));
        let (losses, idle) =
            loss_items::resolve(&part("loss"), &part("loss_weights"), outputs, targets)?;
        let target_of = loss_items::targets_of(outputs, targets, &losses);
        let mut metrics =
            metric_items::resolve("metrics", &part("metrics"), outputs, targets, &target_of)?;
        metrics.extend(metric_items::resolve(
            "weighted_metrics",
            &part("weighted_metrics"),
            outputs,
            targets,
            &target_of,
        )?);
        metric_items::assign_keys(&mut metrics, outputs);
        Ok(Self { losses, metrics, idle })
    }

    /// True if a loss needs the whole batch in one graph.
    pub fn couples_rows(&self, outputs: &ModelOutputs) -> bool {
        self.losses.iter().any(|l| l.loss.couples_rows(outputs.specs[l.output].rank()))
    }

    /// Returns the keys of logs, sorted as Keras shows them.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = std::iter::once("loss".to_string())
            .chain(self.metrics.iter().map(|m| m.key.clone()))
            .chain(self.losses.iter().filter_map(|l| l.key.clone()))
            .chain(self.idle.iter().cloned())
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// Returns the logs from the mean of the total loss, the means of the losses (in the order of
    /// `losses`) and the totals of the metrics (in the order of `metrics`, a vector for each
    /// partial). If values share a key, the last is kept, as in Keras.
    pub fn logs(
        &self,
        loss: f64,
        losses: &[f64],
        metrics: &[Vec<Vec<f64>>],
    ) -> BTreeMap<String, MetricValue> {
        let mut logs = BTreeMap::from([("loss".to_string(), MetricValue::Number(loss))]);
        for (m, totals) in self.metrics.iter().zip(metrics) {
            logs.insert(m.key.clone(), m.metric.result(totals));
        }
        for (l, value) in self.losses.iter().zip(losses) {
            if let Some(key) = &l.key {
                logs.insert(key.clone(), MetricValue::Number(*value));
            }
        }
        logs.extend(self.idle.iter().map(|key| (key.clone(), MetricValue::Number(0.0))));
        logs
    }
}
