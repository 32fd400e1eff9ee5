//! The mean of a loss or a metric that Keras names by its function.
//!
//! Source: keras/src/metrics/reduction_metrics.py, Keras 3.15.1.

use super::mean::{masked_mean, ratio};
use super::{Direction, Metric, MetricFunction, MetricValue, settings};
use crate::config::snake_case;
use crate::losses::Loss;
use crate::lowering::Cx;
use crate::{Error, Result};
use cornu_ir::Var;
use serde_json::{Map, Value};

settings! {
    /// Mean of a loss or metric that Keras names by its function.
    MeanMetricWrapper "mean_metric_wrapper" "float32" {
        /// The function: a name or a serialized function.
        r#fn: Value = Value::Null,
        /// Arguments of the function besides targets and predictions, by name.
        #[serde(flatten)]
        arguments: Map<String, Value> = Map::new(),
    }
}

/// What a [`MeanMetricWrapper`] takes the mean of.
enum Inner {
    Loss(Loss),
    Metric(Metric),
}

impl MeanMetricWrapper {
    /// The mean of a function without further arguments, under the function's name.
    pub(crate) fn of(function: &Value, name: &str) -> Self {
        Self { name: name.into(), r#fn: function.clone(), ..Self::default() }
    }

    fn function_name(&self) -> &str {
        match &self.r#fn {
            Value::String(name) => name,
            v => v.get("config").and_then(Value::as_str).unwrap_or(""),
        }
    }

    fn inner(&self) -> Result<Inner> {
        let name = self.function_name();
        let named =
            |classes: &[&'static str]| classes.iter().copied().find(|c| snake_case(c) == name);
        let arguments = Value::Object(self.arguments.clone());
        if let Some(class) = named(Loss::CLASSES) {
            return Loss::from_class(class, arguments).map(Inner::Loss);
        }
        let metric = Metric::from_class(named(Metric::CLASSES).unwrap_or(name), arguments)?;
        match metric.downcast_ref::<Self>() {
            Some(_) => Err(Error::argument(&self.name, "`fn` must be a function of Keras", name)),
            None => Ok(Inner::Metric(metric)),
        }
    }
}

impl MetricFunction for MeanMetricWrapper {
    fn name(&self) -> &str {
        &self.name
    }
    fn partials<'g>(
        &self,
        cx: &Cx<'g>,
        y_true: Var<'g>,
        y_pred: Var<'g>,
        mask: Option<Var<'g>>,
        weight: Option<Var<'g>>,
    ) -> Result<Vec<Var<'g>>> {
        match self.inner()? {
            Inner::Metric(metric) => metric.partials(cx, y_true, y_pred, mask, weight),
            Inner::Loss(loss) => {
                if loss.couples_rows(y_pred.rank()) {
                    cx.keep_whole();
                }
                masked_mean(&self.name, loss.values(cx, y_true, y_pred)?, mask, weight)
            }
        }
    }
    fn result(&self, totals: &[Vec<f64>]) -> MetricValue {
        ratio(totals)
    }
    fn direction(&self) -> Option<Direction> {
        let is_loss = Loss::CLASSES.iter().any(|c| snake_case(c) == self.function_name());
        is_loss.then_some(Direction::Down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cornu_ir::interpret::interpret;
    use cornu_ir::{Builder, DType, Spec, Tensor};

    /// The metric of one sample, targets (0, 1) and predictions (1, 1).
    fn of_one_sample(config: Value) -> MetricValue {
        let metric = Metric::from_class("MeanMetricWrapper", config).unwrap();
        let b = Builder::new();
        let cx = Cx::new(&b, false, Some(1));
        let spec = Spec::known(DType::F64, &[1, 2]);
        let (t, p) = (b.input("t", spec.clone()), b.input("p", spec));
        for sum in metric.partials(&cx, t, p, None, None).unwrap() {
            b.output("sum", sum);
        }
        let arrays = [Tensor::new(&[1, 2], vec![0.0, 1.0]), Tensor::new(&[1, 2], vec![1.0, 1.0])];
        metric.result(
            &interpret(&b.finish().unwrap(), &arrays)
                .iter()
                .map(Tensor::to_f64)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn functions_are_losses_or_metrics_and_take_arguments() {
        let function = |name: &str| {
            serde_json::json!({
                "module": "builtins",
                "class_name": "function",
                "config": name,
                "registered_name": "function",
            })
        };
        let close = |config: Value, want: f64| match of_one_sample(config) {
            MetricValue::Number(got) => {
                assert!((got - want).abs() < 1e-6, "{got}, expected {want}")
            }
            list => panic!("{list:?}"),
        };
        close(serde_json::json!({"fn": function("huber"), "delta": 0.2}), 0.09);
        close(serde_json::json!({"fn": function("cosine_similarity")}), -(0.5f64.sqrt()));
        close(serde_json::json!({"fn": function("binary_accuracy"), "threshold": 1.0}), 0.5);
    }

    #[test]
    fn arguments_are_written_beside_the_function() {
        let config =
            serde_json::json!({"name": "narrow", "dtype": "float32", "fn": "huber", "delta": 0.2});
        assert_eq!(
            Metric::from_class("MeanMetricWrapper", config.clone()).unwrap().to_json()["config"],
            config
        );
    }
}
