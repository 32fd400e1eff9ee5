//! Evaluation.

use super::assembly::Batch;
use super::compiled_model::CompiledModel;
use super::examples::Examples;
use super::history::{Logs, Running};
use super::into_data::{EpochLoss, IntoData, Unequal};
use super::listeners::Listeners;
use super::step::Stepping;
use crate::Result;
use crate::compile;
use crate::data::Data;
use crate::runtime::Mode;

/// How `evaluate` runs, in Keras's words.
#[derive(Clone, Debug)]
pub struct Evaluate {
    /// Samples of a batch.
    pub batch_size: usize,
    /// Weights of the samples: one set, or one for each output.
    pub sample_weight: Option<Vec<Data>>,
    /// How sequences of unequal length stand in one batch.
    pub unequal: Unequal,
    /// How the losses of batches of such sequences become one.
    pub epoch_loss: EpochLoss,
}

impl Default for Evaluate {
    fn default() -> Self {
        Self {
            batch_size: 32,
            sample_weight: None,
            unequal: Unequal::Known,
            epoch_loss: EpochLoss::Timesteps,
        }
    }
}

impl CompiledModel {
    /// Returns loss and metrics over data.
    ///
    /// # Errors
    /// Data that do not fit the model, or targets that do not fit its losses.
    pub fn evaluate<'a>(
        &self,
        x: impl IntoData<'a>,
        y: impl IntoData<'a>,
        options: &Evaluate,
    ) -> Result<Logs> {
        let examples = Examples::new(self, x, y, options.sample_weight.as_deref())?;
        let compiled = self.resolve_for(&examples)?;
        self.evaluate_examples(&examples, &compiled, options, &mut Listeners::none())
    }

    /// Losses and metrics resolved for the targets of examples.
    pub(crate) fn resolve_for(&self, examples: &Examples) -> Result<compile::Compiled> {
        let outputs = self.outputs();
        let targets = examples.target_specs(1);
        let compiled = compile::Compiled::resolve(self.settings(), &outputs, &targets)?;
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
        examples: &Examples,
        compiled: &compile::Compiled,
        options: &Evaluate,
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
