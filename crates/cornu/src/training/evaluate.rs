//! Evaluation.

use super::feed::{Batch, EpochLoss, IntoData, Unequal};
use super::history::{Logs, Running};
use super::listeners::Listeners;
use super::runtime::Mode;
use super::step::Examples;
use crate::compile;
use crate::data::Data;
use crate::{Model, Result};

/// How `evaluate` runs, in Keras's words.
#[derive(Clone, Debug)]
pub struct Evaluate {
    /// Samples of a batch.
    pub batch_size: usize,
    /// Weights of the samples: one set, or one for each output.
    pub sample_weight: Option<Vec<Data>>,
    /// What becomes of sequences of unequal length in one batch.
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

impl Model {
    /// Loss and metrics over data.
    pub fn evaluate(
        &mut self,
        x: impl IntoData,
        y: impl IntoData,
        options: &Evaluate,
    ) -> Result<Logs> {
        let examples = Examples::new(self, x, y, options.sample_weight.clone())?;
        let compiled = self.resolve_for(&examples)?;
        self.evaluate_examples(
            &examples,
            &compiled,
            options.batch_size,
            (options.unequal, options.epoch_loss),
            &mut Listeners::none(),
        )
    }

    /// Losses and metrics resolved for the targets of examples.
    pub(crate) fn resolve_for(&self, examples: &Examples) -> Result<compile::Compiled> {
        let outputs = self.outputs();
        let compiled = compile::Compiled::resolve(
            self.need_compiled()?.settings(),
            &outputs,
            &examples.target_specs(1),
        )?;
        for l in compiled.losses.iter().filter(|l| l.loss.takes_class_ids()) {
            let classes = outputs.specs[l.output].dims.last().copied().flatten();
            let ignored = l
                .loss
                .to_json()
                .pointer("/config/ignore_class")
                .and_then(serde_json::Value::as_i64);
            if let (Some(n), Some(target)) = (classes, examples.targets.get(l.target)) {
                target.check_range(
                    &format!("target of output `{}`", outputs.called(l.output)),
                    "labels",
                    n,
                    ignored,
                )?;
            }
        }
        Ok(compiled)
    }

    pub(crate) fn evaluate_examples(
        &mut self,
        examples: &Examples,
        compiled: &compile::Compiled,
        batch_size: usize,
        (unequal, epoch_loss): (Unequal, EpochLoss),
        listeners: &mut Listeners,
    ) -> Result<Logs> {
        let batch_size = self.batch_size_for(batch_size)?;
        let rows: Vec<u32> = (0..examples.n_samples() as u32).collect();
        let mut batch = Batch::default();
        let layout = examples.layout();
        let mut running = Running::default();
        listeners.tell(self, |c, run| c.on_test_begin(run))?;
        for (step, chunk) in rows.chunks(batch_size).enumerate() {
            listeners.tell(self, |c, run| c.on_test_batch_begin(run, step))?;
            self.assemble(Mode::Evaluate, compiled, examples, chunk, &mut batch, unequal)?;
            let r = self.run_batch(Mode::Evaluate, compiled, &layout, &batch)?;
            running.add(&r, chunk.len(), &examples.loss_counts(chunk, compiled, epoch_loss));
            if listeners.reads_batches() {
                let so_far = running.logs(compiled);
                listeners.tell(self, |c, run| c.on_test_batch_end(run, step, &so_far))?;
            }
        }
        let logs = running.logs(compiled);
        listeners.tell(self, |c, run| c.on_test_end(run, &logs))?;
        Ok(logs)
    }
}
