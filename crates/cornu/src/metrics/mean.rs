//! Means over samples, with masks and weights.
//!
//! Source: keras/src/metrics/reduction_metrics.py, Keras 3.15.1.

use super::{Metric, MetricFunction, MetricValue, settings};
use crate::config::snake_case;
use crate::layers::Cx;
use crate::losses::{Loss, Values, squeeze_or_expand};
use crate::{Error, Result};
use cornu_ir::Var;
use cornu_ir::builder::broadcast_dims;
use cornu_ir::spec::dims_text;
use serde_json::{Map, Value};

settings! {
    /// The mean of a function by its Keras name: a loss, or a metric that is a mean.
    MeanMetricWrapper "mean_metric_wrapper" "float32" {
        /// The function, a name or a serialized function.
        r#fn: Value = Value::Null,
        /// What the function takes besides targets and predictions, by its argument's name.
        #[serde(flatten)]
        arguments: Map<String, Value> = Map::new(),
    }
}

fn misfit(who: &str, value: Var<'_>, weight: Var<'_>) -> Error {
    let rule = "weights (sample weights and masks) must have a number for each sample, or for each \
        sample and timestep";
    Error::argument(
        who,
        rule,
        format!("values {}, weights {}", dims_text(&value.dims()), dims_text(&weight.dims())),
    )
}

/// Mask and weights as one.
fn join_mask<'g>(
    who: &str,
    weight: Option<Var<'g>>,
    mask: Option<Var<'g>>,
    like: Var<'g>,
) -> Result<Option<Var<'g>>> {
    let Some(mask) = mask else { return Ok(weight) };
    let kept = mask.cast(like.dtype());
    let Some(weight) = weight else { return Ok(Some(kept)) };
    let (kept, weight) = squeeze_or_expand(kept, weight, true);
    if kept.rank() != weight.rank() || broadcast_dims(&kept.dims(), &weight.dims()).is_none() {
        return Err(misfit(who, kept, weight));
    }
    Ok(Some(weight * kept))
}

/// A value and a weight for each sample, from values over more axes, of which the means are taken.
fn by_sample<'g>(
    who: &str,
    values: Values<'g>,
    weight: Option<Var<'g>>,
) -> Result<(Var<'g>, Option<Var<'g>>)> {
    let mut value = values.value;
    let axes = |from: usize, to: usize| (from as isize..to as isize).collect::<Vec<_>>();
    let mut weight = weight;
    if let Some(w) = weight {
        // The function's own mask enters only where there are weights, as in Keras.
        let w = join_mask(who, Some(w), values.mask, value)?.unwrap_or(w);
        let (v, w) = squeeze_or_expand(value, w, true);
        value = v;
        let rank = w.rank();
        if value.rank() > rank {
            value = value.mean(&axes(rank, value.rank()), false);
        }
        if value.rank() != rank
            || broadcast_dims(&w.dims(), &value.dims()).as_deref() != Some(&value.dims()[..])
        {
            return Err(misfit(who, value, w));
        }
        let w = w.broadcast_to(&value.dims());
        value = value * w;
        weight = Some(if rank > 1 { w.mean(&axes(1, rank), false) } else { w });
    }
    if value.rank() > 1 {
        value = value.mean(&axes(1, value.rank()), false);
    }
    Ok((value, weight))
}

/// Sums of a weighted mean: the values' and the weights'.
pub(super) fn weighted_mean<'g>(
    who: &str,
    values: Values<'g>,
    weight: Option<Var<'g>>,
) -> Result<Vec<Var<'g>>> {
    let (value, weight) = by_sample(who, values, weight)?;
    let count = weight.unwrap_or_else(|| value.ones_like()).sum_all();
    Ok(vec![value.sum_all(), count])
}

/// The same where a mask counts as a weight of 0.
pub(super) fn masked_mean<'g>(
    who: &str,
    values: Values<'g>,
    mask: Option<Var<'g>>,
    weight: Option<Var<'g>>,
) -> Result<Vec<Var<'g>>> {
    weighted_mean(who, values, join_mask(who, weight, mask, values.value)?)
}

/// The first total over the second; 0 where that is 0.
pub(super) fn ratio(totals: &[Vec<f64>]) -> MetricValue {
    MetricValue::Number(divide_no_nan(totals[0][0], totals[1][0]))
}

/// `a / b`, and 0 where `b` is 0.
pub(super) fn divide_no_nan(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
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

    /// Whether it is the mean of a loss.
    pub(super) fn is_of_loss(&self) -> bool {
        Loss::CLASSES.iter().any(|c| snake_case(c) == self.function_name())
    }

    fn inner(&self) -> Result<Inner> {
        let name = self.function_name();
        let named =
            |classes: &[&'static str]| classes.iter().copied().find(|c| snake_case(c) == name);
        let arguments = Value::Object(self.arguments.clone());
        if let Some(class) = named(Loss::CLASSES) {
            return Loss::from_class(class, arguments).map(Inner::Loss);
        }
        match Metric::from_class(named(Metric::CLASSES).unwrap_or(name), arguments)? {
            Metric::MeanMetricWrapper(_) => {
                Err(Error::argument(&self.name, "`fn` must be a function of Keras", name))
            }
            metric => Ok(Inner::Metric(metric)),
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
        let function = |name: &str| serde_json::json!({"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"});
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
