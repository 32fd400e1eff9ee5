//! What `compile` takes as an optimizer, a loss or metrics: names, values, serialized objects.

use crate::Result;
use crate::config::Classes;
use crate::losses::{Loss, LossFunction};
use crate::metrics::{Metric, MetricFunction};
use crate::optimizers::{LossScaleOptimizer, MultiOptimizer, Optimizer, UpdateRule};
use serde_json::Value;

/// Optimizer of `compile`: a value, a name, or an object as Keras serializes it.
pub trait IntoOptimizer {
    /// Returns the optimizer.
    ///
    /// # Errors
    /// An unknown name, or invalid settings.
    fn into_optimizer(self) -> Result<Optimizer>;
}

impl<R: UpdateRule> IntoOptimizer for R {
    fn into_optimizer(self) -> Result<Optimizer> {
        Ok(self.into())
    }
}

impl IntoOptimizer for Optimizer {
    fn into_optimizer(self) -> Result<Optimizer> {
        Ok(self)
    }
}

impl IntoOptimizer for LossScaleOptimizer {
    fn into_optimizer(self) -> Result<Optimizer> {
        Ok(self.into())
    }
}

impl IntoOptimizer for MultiOptimizer {
    fn into_optimizer(self) -> Result<Optimizer> {
        Ok(self.into())
    }
}

impl IntoOptimizer for &str {
    fn into_optimizer(self) -> Result<Optimizer> {
        Optimizer::by_name(self)
    }
}

impl IntoOptimizer for Value {
    fn into_optimizer(self) -> Result<Optimizer> {
        Optimizer::from_json(&self)
    }
}

/// Losses of `compile`: a value, a name or an object as Keras serializes it; a list with one for
/// each output; pairs of an output's name and its loss; `()` for none.
pub trait IntoLoss {
    /// Returns the loss as Keras's compile config holds it. A loss of a user's own class is added
    /// to `classes`.
    fn into_loss(self, classes: &mut Classes) -> Value;
}

impl<L: LossFunction> IntoLoss for L {
    fn into_loss(self, classes: &mut Classes) -> Value {
        Loss::from(self).into_loss(classes)
    }
}

impl IntoLoss for Loss {
    fn into_loss(self, classes: &mut Classes) -> Value {
        self.add_to(classes);
        self.to_json()
    }
}

impl IntoLoss for &str {
    fn into_loss(self, _: &mut Classes) -> Value {
        self.into()
    }
}

impl IntoLoss for Value {
    fn into_loss(self, _: &mut Classes) -> Value {
        self
    }
}

impl IntoLoss for () {
    fn into_loss(self, _: &mut Classes) -> Value {
        Value::Null
    }
}

impl<L: IntoLoss> IntoLoss for Option<L> {
    fn into_loss(self, classes: &mut Classes) -> Value {
        self.map_or(Value::Null, |loss| loss.into_loss(classes))
    }
}

impl<L: IntoLoss> IntoLoss for Vec<L> {
    fn into_loss(self, classes: &mut Classes) -> Value {
        self.into_iter().map(|loss| loss.into_loss(classes)).collect()
    }
}

impl<L: IntoLoss, const N: usize> IntoLoss for [L; N] {
    fn into_loss(self, classes: &mut Classes) -> Value {
        self.into_iter().map(|loss| loss.into_loss(classes)).collect()
    }
}

impl<L: IntoLoss, const N: usize> IntoLoss for [(&str, L); N] {
    fn into_loss(self, classes: &mut Classes) -> Value {
        self.into_iter().map(|(name, loss)| (name.to_string(), loss.into_loss(classes))).collect()
    }
}

/// Metric of `compile`: a value, a name, or an object as Keras serializes it.
pub trait IntoMetric {
    /// Returns the metric as Keras's compile config holds it. A metric of a user's own class is
    /// added to `classes`.
    fn into_metric(self, classes: &mut Classes) -> Value;
}

impl<M: MetricFunction> IntoMetric for M {
    fn into_metric(self, classes: &mut Classes) -> Value {
        Metric::from(self).into_metric(classes)
    }
}

impl IntoMetric for Metric {
    fn into_metric(self, classes: &mut Classes) -> Value {
        self.add_to(classes);
        self.to_json()
    }
}

impl IntoMetric for &str {
    fn into_metric(self, _: &mut Classes) -> Value {
        self.into()
    }
}

impl IntoMetric for Value {
    fn into_metric(self, _: &mut Classes) -> Value {
        self
    }
}

/// Metrics of `compile`: a list or tuple of metrics (of lists for several outputs), or pairs of an
/// output's name and its metrics.
pub trait IntoMetrics {
    /// Returns the metrics as Keras's compile config holds them.
    fn into_metrics(self, classes: &mut Classes) -> Value;
}

impl IntoMetrics for Value {
    fn into_metrics(self, _: &mut Classes) -> Value {
        self
    }
}

impl<M: IntoMetric> IntoMetrics for Vec<M> {
    fn into_metrics(self, classes: &mut Classes) -> Value {
        self.into_iter().map(|metric| metric.into_metric(classes)).collect()
    }
}

impl<M: IntoMetric, const N: usize> IntoMetrics for [M; N] {
    fn into_metrics(self, classes: &mut Classes) -> Value {
        self.into_iter().map(|metric| metric.into_metric(classes)).collect()
    }
}

impl<M: IntoMetrics, const N: usize> IntoMetrics for [(&str, M); N] {
    fn into_metrics(self, classes: &mut Classes) -> Value {
        let of_output = |(name, m): (&str, M)| (name.to_string(), m.into_metrics(classes));
        self.into_iter().map(of_output).collect()
    }
}

macro_rules! tuples {
    ($($($M:ident $metric:ident),+;)*) => {$(
        impl<$($M: IntoMetric),+> IntoMetrics for ($($M,)+) {
            fn into_metrics(self, classes: &mut Classes) -> Value {
                let ($($metric,)+) = self;
                Value::Array(vec![$($metric.into_metric(classes)),+])
            }
        }
    )*};
}

tuples! {
    A a;
    A a, B b;
    A a, B b, C c;
    A a, B b, C c, D d;
    A a, B b, C c, D d, E e;
    A a, B b, C c, D d, E e, F f;
}
