//! A metric on arrays, batch by batch.

use super::layer::tensor;
use crate::Result;
use crate::data::Array;
use crate::lowering::Cx;
use crate::metrics::{Metric, MetricValue};
use cornu_ir::{Builder, Tensor, Var};

/// Metric with its state: the sums over all batches so far.
///
/// ```
/// use cornu::metrics::{BinaryAccuracy, MetricValue};
/// use cornu::MetricState;
/// use ndarray::arr2;
/// let mut accuracy = MetricState::new(BinaryAccuracy::new());
/// accuracy.update(&arr2(&[[1.0f32], [0.0]]), &arr2(&[[0.9f32], [0.8]]))?;
/// accuracy.update(&arr2(&[[1.0f32], [0.0]]), &arr2(&[[0.6f32], [0.1]]))?;
/// assert_eq!(accuracy.result(), MetricValue::Number(0.75));
/// accuracy.reset();
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MetricState {
    metric: Metric,
    /// The partial sums added up; none before the first batch.
    totals: Vec<Vec<f64>>,
}

impl MetricState {
    /// Returns a metric before its first batch.
    pub fn new(metric: impl Into<Metric>) -> Self {
        Self { metric: metric.into(), totals: vec![] }
    }

    /// Adds a batch of targets and predictions.
    ///
    /// # Errors
    /// Shapes that the metric does not take.
    pub fn update(&mut self, y_true: impl Into<Array>, y_pred: impl Into<Array>) -> Result<()> {
        self.add(&[y_true.into(), y_pred.into()])
    }

    /// Adds a batch of weighted samples.
    ///
    /// # Errors
    /// Shapes that the metric does not take.
    pub fn update_weighted(
        &mut self,
        y_true: impl Into<Array>,
        y_pred: impl Into<Array>,
        sample_weight: impl Into<Array>,
    ) -> Result<()> {
        self.add(&[y_true.into(), y_pred.into(), sample_weight.into()])
    }

    fn add(&mut self, arrays: &[Array]) -> Result<()> {
        let values = arrays.iter().map(tensor).collect::<Result<Vec<_>>>()?;
        let batch = values[1].dims.first().copied();
        let metric = &self.metric;
        let sums = metric.programs().run(&values, |builder: &Builder, v: &[Var<'_>]| {
            let cx = Cx::new(builder, false, batch);
            metric.partials(&cx, v[0], v[1], None, v.get(2).copied())
        })?;
        let sums: Vec<Vec<f64>> = sums.iter().map(Tensor::to_f64).collect();
        let lengths = |all: &[Vec<f64>]| -> Vec<usize> { all.iter().map(Vec::len).collect() };
        if self.totals.is_empty() {
            self.totals = sums;
        } else if lengths(&self.totals) != lengths(&sums) {
            let rule = "all batches have the same number of classes";
            let received = format!("{:?} after {:?}", lengths(&sums), lengths(&self.totals));
            return Err(crate::Error::argument(self.metric.name(), rule, received));
        } else {
            for (total, sum) in self.totals.iter_mut().zip(sums) {
                total.iter_mut().zip(sum).for_each(|(t, s)| *t += s);
            }
        }
        Ok(())
    }

    /// Returns the metric over all batches so far; NaN before the first.
    pub fn result(&self) -> MetricValue {
        match self.totals.is_empty() {
            true => MetricValue::Number(f64::NAN),
            false => self.metric.result(&self.totals),
        }
    }

    /// Forgets all batches.
    pub fn reset(&mut self) {
        self.totals.clear();
    }
}
