//! Training over epochs.

use super::assembly::Batch;
use super::compiled_model::CompiledModel;
use super::evaluate::Evaluate;
use super::examples::Examples;
use super::fit_options::Fit;
use super::history::{History, Interruption, Logs};
use super::listeners::Listeners;
use super::notice::unoptimized;
use super::position::Position;
use super::progress::Progress;
use super::step::Stepping;
use crate::compile::Compiled;
use crate::data::{
    Arrays, ClassWeights, IntoData, LabelForm, class_weights_to_sample_weights, split_at,
};
use crate::runtime::Mode;
use crate::{Error, Result};
use cornu_ir::{DType, Spec};

impl CompiledModel {
    /// Trains on data and returns losses and metrics of each epoch. For a data set, which holds its
    /// targets, `y` is `()`.
    ///
    /// # Errors
    /// Data that do not fit the model, or an error of a callback. The weights are those after the
    /// last step.
    pub fn fit<'a>(
        &mut self,
        x: impl IntoData<'a>,
        y: impl IntoData<'a>,
        mut options: Fit<'a>,
    ) -> Result<History> {
        unoptimized(options.verbose);
        let (mut x, mut y) = (x.into_data()?, y.into_data()?);
        let mut w = options.sample_weight.take("sample weights")?;
        let mut validation = None;
        if let Some([mut vx, mut vy, mut vw]) = options.validation_data.take() {
            let x = vx.take("validation data")?.unwrap_or_default();
            let y = vy.take("validation data, targets")?.unwrap_or_default();
            validation = Some((x, y, vw.take("validation data, sample weights")?));
        } else if options.validation_split != 0.0 {
            let n = x.n_samples();
            let at = split_at(n, options.validation_split)?;
            x.check_samples("inputs", n)?;
            y.check_samples("targets", n)?;
            w.as_ref().map_or(Ok(()), |w| w.check_samples("sample weights", n))?;
            let (x_train, x_val) = x.split(at)?;
            let (y_train, y_val) = y.split(at)?;
            let (w_train, w_val) = w.map(|w| w.split(at)).transpose()?.unzip();
            (x, y, w) = (x_train, y_train, w_train);
            validation = Some((x_val, y_val, w_val));
        }
        if let Some(class_weight) = &options.class_weight {
            let has_weights = w.is_some_and(|w| !w.arrays.is_empty());
            w = Some(self.weights_of_classes(&x, &y, has_weights, class_weight)?);
        }
        let examples = Examples::new(self, x, y, w)?;
        let validation = validation.map(|(x, y, w)| Examples::new(self, x, y, w)).transpose()?;
        self.fit_examples(&examples, validation.as_ref(), options)
    }

    /// Sample weights from the weights of the classes.
    fn weights_of_classes<'a>(
        &self,
        x: &Arrays<'a>,
        y: &Arrays<'a>,
        has_weights: bool,
        class_weight: &ClassWeights,
    ) -> Result<Arrays<'a>> {
        let given = if y.arrays.is_empty() { &x.targets } else { &y.arrays };
        let [(_, target)] = &given[..] else {
            return Err(Error::argument(
                "class_weight",
                "a model of one output is needed",
                format!("{} outputs", given.len()),
            ));
        };
        if has_weights || !x.weights.is_empty() {
            return Err(Error::argument(
                "class_weight",
                "either class weights or sample weights can be given",
                "both",
            ));
        }
        // Class ids have no axis of the classes: those of timesteps weigh step by step.
        let dims: Vec<_> =
            std::iter::once(Some(target.n_samples())).chain(target.sample_shape()).collect();
        let spec = Spec::new(DType::I32, dims);
        let ids = self.resolve(&[spec])?.losses.iter().any(|l| l.loss.takes_class_ids());
        let form = if ids { LabelForm::Integer } else { LabelForm::Inferred };
        let target = target.to_data()?;
        Ok(class_weights_to_sample_weights(&target, class_weight, form)?.into_data()?)
    }

    fn fit_examples(
        &self,
        examples: &Examples<'_>,
        validation: Option<&Examples<'_>>,
        mut options: Fit<'_>,
    ) -> Result<History> {
        let compiled = self.resolve_for(examples)?;
        let progress = Progress::new(options.verbose, options.epochs);
        let callbacks = std::mem::take(&mut options.callbacks);
        let mut listeners = Listeners::new(
            callbacks,
            progress,
            options.epochs,
            options.initial_epoch,
            &compiled.metrics,
        )?;
        listeners.stop_request = options.stop.take();
        let mut history = History::default();
        if options.tbptt == Some(0) {
            return Err(Error::argument(
                "tbptt",
                "gradients must reach back over at least 1 timestep",
                0,
            ));
        }
        listeners.tell(self, |c, run| c.on_train_begin(run))?;
        let ended = self.run_epochs(
            examples,
            validation,
            &options,
            &compiled,
            &mut listeners,
            &mut history,
        );
        if history.interrupted.is_some() {
            listeners.progress.clear();
            ended?;
            return Ok(history);
        }
        if options.epochs > 0 {
            self.finalize_weights()?;
        }
        let logs = ended?;
        listeners.tell(self, |c, run| c.on_train_end(run, &logs))?;
        Ok(history)
    }

    /// Trains from the listeners' position on, and returns the last epoch's values.
    fn run_epochs(
        &self,
        examples: &Examples<'_>,
        validation: Option<&Examples<'_>>,
        options: &Fit<'_>,
        compiled: &Compiled,
        listeners: &mut Listeners,
        history: &mut History,
    ) -> Result<Logs> {
        let batch_size = self.batch_size_for(options.batch_size)?;
        let lengths = examples.lengths();
        let mut logs = Logs::new();
        let mut batch = Batch::default();
        let mut task = Stepping::new(Mode::Train, self, compiled, examples, options.tbptt);
        while listeners.position.epoch < options.epochs {
            let epoch = listeners.position.epoch;
            let plan = options.batches.plan_epoch(
                lengths.as_deref(),
                examples.n_samples(),
                batch_size,
                options.seed,
                epoch as u64,
            )?;
            listeners.progress.epoch_begin(epoch, plan.len());
            listeners.tell(self, |c, run| c.on_epoch_begin(run, epoch))?;
            let reads = listeners.reads_batches();
            // A run that was restored may stand within its epoch.
            for (step, rows) in plan.iter().enumerate().skip(listeners.position.step) {
                listeners.tell(self, |c, run| c.on_train_batch_begin(run, step))?;
                let r = task.run(rows, &mut batch, options.unequal)?;
                listeners.position.running.add(
                    &r,
                    rows.len(),
                    &examples.loss_counts(rows, compiled, options.epoch_loss),
                );
                listeners.position.step = step + 1;
                if reads {
                    let so_far = listeners.position.running.logs(compiled);
                    listeners.progress.step(step, &so_far);
                    listeners.tell(self, |c, run| c.on_train_batch_end(run, step, &so_far))?;
                }
                if listeners.stop_training || listeners.is_interrupted() {
                    break;
                }
            }
            let interruption = Interruption { epoch, steps: listeners.position.step };
            if listeners.is_interrupted() {
                history.interrupted = Some(interruption);
                break;
            }
            logs = listeners.position.running.logs(compiled);
            if let Some(v) =
                validation.filter(|_| (epoch + 1).is_multiple_of(options.validation_freq))
            {
                let resolved = self.resolve_for(v)?;
                let evaluate = Evaluate::new()
                    .batch_size(options.validation_batch_size.unwrap_or(batch_size))
                    .unequal(options.unequal)
                    .epoch_loss(options.epoch_loss);
                let val = self.evaluate_examples(v, &resolved, &evaluate, listeners)?;
                if listeners.is_interrupted() {
                    history.interrupted = Some(interruption);
                    break;
                }
                logs.extend(val.into_iter().map(|(k, v)| (format!("val_{k}"), v)));
            }
            listeners.position = Position::at(epoch + 1);
            listeners.tell(self, |c, run| c.on_epoch_end(run, epoch, &mut logs))?;
            listeners.progress.epoch_end(epoch, examples.n_samples(), &logs);
            history.push(epoch, &logs);
            if listeners.stop_training {
                break;
            }
        }
        Ok(logs)
    }
}
