//! Settings of `compile`.

use super::compile_items::{IntoLoss, IntoMetrics, IntoOptimizer};
use crate::Result;
use crate::config::Classes;
use crate::optimizers::Optimizer;
use serde_json::{Map, Value, json};

/// Settings of `compile`: optimizer, losses, metrics.
///
/// Each is given as a value or by Keras's name, for all outputs or for each output by name. An
/// unknown name is reported by [`Model::compile`](crate::Model::compile), with the nearest known
/// one.
///
/// | setting | names |
/// |---|---|
/// | optimizer | [`Optimizer::CLASSES`], also in lower case |
/// | loss | [`Loss::CLASSES`] and their snake case; `"mse"`, `"mae"`, `"bce"`, `"kld"` … |
/// | metric | [`Metric::CLASSES`] and their snake case; `"mse"`, `"bce"` …; `"accuracy"` |
///
/// [`Loss::CLASSES`]: crate::losses::Loss::CLASSES
/// [`Metric::CLASSES`]: crate::metrics::Metric::CLASSES
///
/// ```
/// use cornu::losses::BinaryCrossentropy;
/// use cornu::metrics::{AUC, Accuracy, F1Score};
/// use cornu::optimizers::Adam;
/// use cornu::{Compile, Dense, Input, Model};
///
/// Compile::new("adam", "binary_crossentropy").metrics(["accuracy"]);
/// Compile::new(Adam::new(1e-3), BinaryCrossentropy::new()).metrics([Accuracy::new()]);
/// Compile::new("adam", "mse").metrics((AUC::new(), F1Score::new(), "accuracy"));
///
/// // A model of two outputs: losses, weights of losses and metrics by their names.
/// let x = Input::new([3]);
/// let (a, b) = (Dense::new(1).name("a").call(&x)?, Dense::new(4).name("b").call(&x)?);
/// let model = Model::new(&x, [&a, &b])?;
/// let compiled = model.compile(
///     Compile::new("adam", [("a", "mse"), ("b", "categorical_crossentropy")])
///         .loss_weights([("a", 0.5), ("b", 1.0)])
///         .metrics([("b", ["accuracy"])]),
/// )?;
///
/// let wrong = model.compile(Compile::new("adm", "mse")).err().unwrap().to_string();
/// assert!(wrong.contains("did you mean `Adam`?"), "{wrong}");
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Debug)]
pub struct Compile {
    optimizer: Result<Optimizer>,
    /// Losses, metrics and the rest, as Keras's compile config holds them.
    settings: Map<String, Value>,
    /// What reads the losses and metrics of users' own classes among them.
    classes: Classes,
}

/// Settings ready to be compiled with.
pub(crate) struct Settings {
    pub optimizer: Optimizer,
    /// Keras's compile config.
    pub config: Value,
    pub classes: Classes,
}

impl Compile {
    /// Returns settings of an optimizer and a loss.
    ///
    /// The optimizer is a name (`"adam"`), an optimizer ([`Adam::new`](crate::optimizers::Adam)) or
    /// an object as Keras serializes it. The loss is one for every output, a list with one for each
    /// output, or pairs of an output's name and its loss.
    pub fn new(optimizer: impl IntoOptimizer, loss: impl IntoLoss) -> Self {
        let mut classes = Classes::default();
        let Value::Object(mut settings) = json!({
            "optimizer": null, "loss": loss.into_loss(&mut classes), "loss_weights": null,
            "metrics": null, "weighted_metrics": null, "run_eagerly": false,
            "steps_per_execution": 1, "jit_compile": true,
        }) else {
            unreachable!("the settings are a map")
        };
        let optimizer = optimizer.into_optimizer();
        settings["optimizer"] = optimizer.as_ref().map_or(Value::Null, Optimizer::to_json);
        Self { optimizer, settings, classes }
    }

    /// Sets the weights of the losses in their sum: a list, or pairs of an output's name and a
    /// weight.
    pub fn loss_weights(self, weights: impl IntoLossWeights) -> Self {
        self.set("loss_weights", weights.into_weights())
    }

    /// Sets the metrics: a list, a tuple, or pairs of an output's name and its metrics.
    pub fn metrics(mut self, metrics: impl IntoMetrics) -> Self {
        self.settings["metrics"] = metrics.into_metrics(&mut self.classes);
        self
    }

    /// Sets the metrics that sample weights and class weights weigh.
    pub fn weighted_metrics(mut self, metrics: impl IntoMetrics) -> Self {
        self.settings["weighted_metrics"] = metrics.into_metrics(&mut self.classes);
        self
    }

    /// Sets any setting of Keras's compile config, as Keras serializes it.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if key == "optimizer" {
            self.optimizer = value.clone().into_optimizer();
        }
        self.settings.insert(key.into(), value);
        self
    }

    /// Returns the settings as Keras serializes them.
    pub fn to_json(&self) -> Value {
        Value::Object(self.settings.clone())
    }

    /// Reads the settings as Keras serializes them. As in Keras, those without an optimizer stand
    /// for the default of `compile`, RMSprop.
    ///
    /// # Errors
    /// An unknown name of an optimizer.
    pub fn from_json(config: &Value) -> Result<Self> {
        let optimizer = match config.get("optimizer") {
            Some(optimizer) => Optimizer::from_json(optimizer)?,
            None => Optimizer::by_name("rmsprop")?,
        };
        let settings = config.as_object().cloned().unwrap_or_default();
        Ok(Self { optimizer: Ok(optimizer), settings, classes: Classes::default() })
    }

    pub(crate) fn into_settings(self) -> Result<Settings> {
        let (optimizer, config) = (self.optimizer?, Value::Object(self.settings));
        Ok(Settings { optimizer, config, classes: self.classes })
    }
}

/// Weights of losses: a list, or pairs of an output's name and a weight.
pub trait IntoLossWeights {
    /// Returns the weights as Keras's compile config holds them.
    fn into_weights(self) -> Value;
}

impl<const N: usize> IntoLossWeights for [f64; N] {
    fn into_weights(self) -> Value {
        Value::from(self.to_vec())
    }
}

impl IntoLossWeights for Vec<f64> {
    fn into_weights(self) -> Value {
        self.into()
    }
}

impl<const N: usize> IntoLossWeights for [(&str, f64); N] {
    fn into_weights(self) -> Value {
        self.into_iter().map(|(name, w)| (name.to_string(), Value::from(w))).collect()
    }
}
