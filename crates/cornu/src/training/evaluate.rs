//! Evaluation.

use super::assembly::Batch;
use super::compiled_model::CompiledModel;
use super::examples::Examples;
use super::given::Given;
use super::history::{Logs, Running};
use super::listeners::Listeners;
use super::step::Stepping;
use super::unequal::{EpochLoss, Unequal};
use crate::Result;
use crate::compile;
use crate::data::IntoData;
use crate::runtime::Mode;

/// Settings of `evaluate`, with Keras's names and defaults.
///
/// ```
/// use cornu::Evaluate;
/// let options = Evaluate::new().batch_size(64).sample_weight(vec![1.0f32, 0.5]);
/// # let _ = options;
/// ```
#[derive(Clone)]
pub struct Evaluate<'a> {
    batch_size: Option<usize>,
    sample_weight: Given<'a>,
    unequal: Unequal,
    epoch_loss: EpochLoss,
}

impl Default for Evaluate<'_> {
    fn default() -> Self {
        Self {
            batch_size: None,
            sample_weight: Given::None,
            unequal: Unequal::Known,
            epoch_loss: EpochLoss::Timesteps,
        }
    }
}

impl<'a> Evaluate<'a> {
    /// Returns Keras's defaults: batches of 32.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of samples of a batch.
    pub fn batch_size(mut self, n: usize) -> Self {
        self.batch_size = Some(n);
        self
    }

    /// Sets the sample weights: one set, or one for each output.
    pub fn sample_weight(mut self, w: impl IntoData<'a>) -> Self {
        self.sample_weight = Given::of(w);
        self
    }

    /// Sets how sequences of unequal length are put into one batch.
    pub fn unequal(mut self, u: Unequal) -> Self {
        self.unequal = u;
        self
    }

    /// Sets how the losses of batches are averaged, for sequences of unequal length.
    pub fn epoch_loss(mut self, by: EpochLoss) -> Self {
        self.epoch_loss = by;
        self
    }
}

impl CompiledModel {
    /// Returns loss and metrics over data. For a data set, which holds its targets, `y` is `()`.
    ///
    /// # Errors
    /// Data that do not fit the model, or targets that do not fit its losses.
    ///
    /// ```
    /// use cornu::metrics::MetricValue;
    /// use cornu::{Compile, Dense, Evaluate, Input, Model};
    /// use ndarray::arr2;
    /// let x = Input::new([1]);
    /// let dense = Dense::new(1).kernel_initializer("ones");
    /// let model = Model::new(&x, &dense.call(&x)?)?.compile(Compile::new("sgd", "mse"))?;
    /// let logs = model.evaluate(&arr2(&[[1.0f32]]), &arr2(&[[3.0f32]]), Evaluate::new())?;
    /// assert_eq!(logs["loss"], MetricValue::Number(4.0)); // (3 − 1)²
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn evaluate<'a>(
        &self,
        x: impl IntoData<'a>,
        y: impl IntoData<'a>,
        mut options: Evaluate<'a>,
    ) -> Result<Logs> {
        let w = options.sample_weight.take("sample weights")?;
        let examples = Examples::new(self, x, y, w)?;
        let compiled = self.resolve_for(&examples)?;
        self.evaluate_examples(&examples, &compiled, &options, &mut Listeners::none())
    }

    /// Losses and metrics resolved for the targets of examples.
    pub(crate) fn resolve_for(&self, examples: &Examples<'_>) -> Result<compile::Compiled> {
        let outputs = self.named_outputs();
        let targets = examples.target_specs(1);
        let compiled = self.resolve(&targets)?;
        for l in compiled.losses.iter().filter(|l| l.loss.takes_class_ids()) {
            let classes = outputs.specs[l.output].dims.last().copied().flatten();
            let ignored = l
                .loss
                .to_json()
                .pointer("/config/ignore_class")
                .and_then(serde_json::Value::as_i64);
            if let (Some(n), Some(target)) = (classes, examples.targets.get(l.target)) {
                let who = format!("target of output `{}`", outputs.called(l.output));
                target.check_range(&who, "labels", n, ignored)?;
            }
        }
        Ok(compiled)
    }

    pub(super) fn evaluate_examples(
        &self,
        examples: &Examples<'_>,
        compiled: &compile::Compiled,
        options: &Evaluate<'_>,
        listeners: &mut Listeners,
    ) -> Result<Logs> {
        let batch_size = self.batch_size_for(options.batch_size)?;
        let samples: Vec<u32> = (0..examples.n_samples() as u32).collect();
        let mut task = Stepping::new(Mode::Evaluate, self, compiled, examples, None);
        let mut batch = Batch::default();
        let mut running = Running::default();
        listeners.tell(self, |c, run| c.on_test_begin(run))?;
        for (step, samples) in samples.chunks(batch_size).enumerate() {
            listeners.tell(self, |c, run| c.on_test_batch_begin(run, step))?;
            let result = task.run(samples, &mut batch, options.unequal)?;
            let counts = examples.loss_counts(samples, compiled, options.epoch_loss);
            running.add(&result, samples.len(), &counts);
            if listeners.reads_batches() {
                let so_far = running.logs(compiled);
                listeners.tell(self, |c, run| c.on_test_batch_end(run, step, &so_far))?;
            }
            if listeners.is_interrupted() {
                break;
            }
        }
        let logs = running.logs(compiled);
        listeners.tell(self, |c, run| c.on_test_end(run, &logs))?;
        Ok(logs)
    }
}
