//! Settings of `compile`.

use crate::optimizers::Optimizer;
use serde_json::{Value, json};

/// Settings of `compile`, in Keras's words.
///
/// ```
/// use cornu::Compile;
/// let c = Compile::new("adam", "binary_crossentropy").metrics(["accuracy"]);
/// assert_eq!(c.to_json()["loss"], "binary_crossentropy");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Compile(Value);

impl Compile {
    /// An optimizer and a loss, by Keras's names or as serialized objects.
    pub fn new(optimizer: impl Into<Value>, loss: impl Into<Value>) -> Self {
        Self(json!({
            "optimizer": optimizer.into(), "loss": loss.into(), "loss_weights": null,
            "metrics": null, "weighted_metrics": null, "run_eagerly": false,
            "steps_per_execution": 1, "jit_compile": true,
        }))
    }

    /// With an optimizer and its settings.
    pub fn optimizer(mut self, optimizer: impl Into<Optimizer>) -> Self {
        self.0["optimizer"] = optimizer.into().to_json();
        self
    }

    /// With a loss and its settings.
    pub fn loss(mut self, loss: impl Into<crate::losses::Loss>) -> Self {
        self.0["loss"] = loss.into().to_json();
        self
    }

    /// With metrics by name.
    pub fn metrics<'a>(mut self, metrics: impl IntoIterator<Item = &'a str>) -> Self {
        self.0["metrics"] = metrics.into_iter().collect();
        self
    }

    /// With any setting of Keras's compile config.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0[key] = value.into();
        self
    }

    /// As Keras serializes it.
    pub fn to_json(&self) -> &Value {
        &self.0
    }

    pub(crate) fn into_json(self) -> Value {
        self.0
    }
}
