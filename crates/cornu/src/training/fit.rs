//! Training over epochs.

use super::callbacks::Callback;
use super::feed::{Batch, EpochLoss, IntoData, Unequal};
use super::history::{History, Logs};
use super::listeners::Listeners;
use super::position::Position;
use super::progress::Progress;
use super::runtime::Mode;
use super::step::Examples;
use crate::compile::Compiled;
use crate::data::{
    BatchMaker, ClassWeights, Cost, Data, LabelForm, class_weights_to_sample_weights, split_last,
};
use crate::{Error, Model, Result};
use cornu_ir::{DType, Spec};

/// How `fit` runs, in Keras's words and with Keras's defaults.
pub struct Fit {
    batch_size: usize,
    epochs: usize,
    initial_epoch: usize,
    batches: BatchMaker,
    seed: u64,
    verbose: u8,
    validation_split: f64,
    validation_data: Option<(Vec<Data>, Vec<Data>, Option<Vec<Data>>)>,
    validation_batch_size: Option<usize>,
    validation_freq: usize,
    sample_weight: Option<Vec<Data>>,
    class_weight: Option<ClassWeights>,
    unequal: Unequal,
    epoch_loss: EpochLoss,
    tbptt: Option<usize>,
    callbacks: Vec<Box<dyn Callback>>,
}

impl Default for Fit {
    fn default() -> Self {
        Self {
            batch_size: 32,
            epochs: 1,
            initial_epoch: 0,
            batches: BatchMaker::Shuffle,
            seed: 0,
            verbose: 1,
            validation_split: 0.0,
            validation_data: None,
            validation_batch_size: None,
            validation_freq: 1,
            sample_weight: None,
            class_weight: None,
            unequal: Unequal::Known,
            epoch_loss: EpochLoss::Timesteps,
            tbptt: None,
            callbacks: vec![],
        }
    }
}

impl Fit {
    /// Keras's defaults: one epoch, batches of 32, shuffled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Samples of a batch.
    pub fn batch_size(mut self, n: usize) -> Self {
        self.batch_size = n;
        self
    }

    /// Passes over the data.
    pub fn epochs(mut self, n: usize) -> Self {
        self.epochs = n;
        self
    }

    /// The epoch to begin with, counted from 0.
    pub fn initial_epoch(mut self, n: usize) -> Self {
        self.initial_epoch = n;
        self
    }

    /// Whether each epoch takes the samples in another order.
    pub fn shuffle(mut self, on: bool) -> Self {
        self.batches = if on { BatchMaker::Shuffle } else { BatchMaker::AsTheyCome };
        self
    }

    /// How samples are put into batches.
    pub fn batches(mut self, maker: BatchMaker) -> Self {
        self.batches = maker;
        self
    }

    /// What becomes of sequences of unequal length in one batch.
    pub fn unequal(mut self, u: Unequal) -> Self {
        self.unequal = u;
        self
    }

    /// How the losses of batches of sequences of unequal length become that of an epoch.
    pub fn epoch_loss(mut self, by: EpochLoss) -> Self {
        self.epoch_loss = by;
        self
    }

    /// Truncated backpropagation through time: states pass along the whole of a sequence, gradients
    /// back over at most `k` timesteps. Time is cut in stretches of `k` timesteps from its end, and
    /// a gradient stays within its stretch. What the model gives, and so the loss, is the same to
    /// the bit; with `k` no less than the timesteps the gradient is, too.
    pub fn tbptt(mut self, k: usize) -> Self {
        self.tbptt = Some(k);
        self
    }

    /// The seed of the order of samples.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// 0 silent, 1 a bar, 2 a line an epoch.
    pub fn verbose(mut self, v: u8) -> Self {
        self.verbose = v;
        self
    }

    /// The last part of the data validates.
    pub fn validation_split(mut self, fraction: f64) -> Self {
        self.validation_split = fraction;
        self
    }

    /// Data that validate.
    pub fn validation_data(mut self, x: impl IntoData, y: impl IntoData) -> Self {
        self.validation_data = Some((x.into_data(), y.into_data(), None));
        self
    }

    /// Data that validate, with weights.
    pub fn validation_data_weighted(
        mut self,
        x: impl IntoData,
        y: impl IntoData,
        w: impl IntoData,
    ) -> Self {
        self.validation_data = Some((x.into_data(), y.into_data(), Some(w.into_data())));
        self
    }

    /// Samples of a validation batch.
    pub fn validation_batch_size(mut self, n: usize) -> Self {
        self.validation_batch_size = Some(n);
        self
    }

    /// Epochs between validations.
    pub fn validation_freq(mut self, n: usize) -> Self {
        self.validation_freq = n.max(1);
        self
    }

    /// Weights of the samples: one set, or one for each output.
    pub fn sample_weight(mut self, w: impl IntoData) -> Self {
        self.sample_weight = Some(w.into_data());
        self
    }

    /// Weights of the classes.
    pub fn class_weight(mut self, w: ClassWeights) -> Self {
        self.class_weight = Some(w);
        self
    }

    /// With something that listens.
    pub fn callback(mut self, c: impl Callback + 'static) -> Self {
        self.callbacks.push(Box::new(c));
        self
    }

    /// With something that listens.
    pub fn boxed_callback(mut self, c: Box<dyn Callback>) -> Self {
        self.callbacks.push(c);
        self
    }
}

impl Model {
    /// Trains on data and returns what each epoch measured.
    ///
    /// # Errors
    /// Data that do not fit the model, or a failing callback; the weights stay as the last step
    /// left them.
    pub fn fit(&mut self, x: impl IntoData, y: impl IntoData, mut options: Fit) -> Result<History> {
        let (mut x, mut y) = (x.into_data(), y.into_data());
        let mut w = options.sample_weight.take();
        let mut validation = options.validation_data.take();
        if options.validation_split > 0.0 && validation.is_none() {
            let cut = |all: Vec<Data>| -> Result<(Vec<Data>, Vec<Data>)> {
                Ok(all
                    .iter()
                    .map(|d| split_last(d, options.validation_split))
                    .collect::<Result<Vec<_>, _>>()?
                    .into_iter()
                    .unzip())
            };
            let (x_train, x_val) = cut(x)?;
            let (y_train, y_val) = cut(y)?;
            let (w_train, w_val) =
                w.map(cut).transpose()?.map_or((None, None), |(a, b)| (Some(a), Some(b)));
            (x, y, w) = (x_train, y_train, w_train);
            validation = Some((x_val, y_val, w_val));
        }
        if let Some(class_weight) = &options.class_weight {
            let [target] = &y[..] else {
                return Err(Error::argument(
                    "class_weight",
                    "a model of one output is needed",
                    format!("{} outputs", y.len()),
                ));
            };
            if w.is_some() {
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
            let ids =
                Compiled::resolve(self.need_compiled()?.settings(), &self.outputs(), &[spec])?
                    .losses
                    .iter()
                    .any(|l| l.loss.takes_class_ids());
            let form = if ids { LabelForm::Integer } else { LabelForm::Inferred };
            w = Some(vec![class_weights_to_sample_weights(target, class_weight, form)?]);
        }
        let examples = Examples::new(self, x, y, w)?;
        let validation = validation.map(|(x, y, w)| Examples::new(self, x, y, w)).transpose()?;
        self.fit_examples(&examples, validation.as_ref(), options)
    }

    fn fit_examples(
        &mut self,
        examples: &Examples,
        validation: Option<&Examples>,
        mut options: Fit,
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
        let mut history = History::default();
        if options.tbptt == Some(0) {
            return Err(Error::argument(
                "tbptt",
                "gradients must reach back over at least 1 timestep",
                0,
            ));
        }
        listeners.tell(self, |c, run| c.on_train_begin(run))?;
        self.runtime.set_stretch(options.tbptt);
        let ended = self.run_epochs(
            examples,
            validation,
            &options,
            &compiled,
            &mut listeners,
            &mut history,
        );
        self.runtime.set_stretch(None);
        if options.epochs > 0 {
            self.finalize_weights()?;
        }
        let logs = ended?;
        if let Some(lengths) = examples.lengths() {
            listeners.progress.train_end(
                options.batches,
                &Cost::of_makers(
                    &lengths,
                    self.batch_size_for(options.batch_size)?,
                    options.batches,
                )?,
            );
        }
        listeners.tell(self, |c, run| c.on_train_end(run, &logs))?;
        Ok(history)
    }

    /// Trains from the listeners' position on, and returns the last epoch's values.
    fn run_epochs(
        &mut self,
        examples: &Examples,
        validation: Option<&Examples>,
        options: &Fit,
        compiled: &Compiled,
        listeners: &mut Listeners,
        history: &mut History,
    ) -> Result<Logs> {
        let batch_size = self.batch_size_for(options.batch_size)?;
        let lengths = examples.lengths();
        let unequal = options.unequal;
        let mut logs = Logs::new();
        let mut batch = Batch::default();
        let layout = examples.layout();
        while listeners.position.epoch < options.epochs {
            let epoch = listeners.position.epoch;
            let plan = options.batches.plan_epoch(
                lengths.as_deref(),
                examples.n_samples(),
                batch_size,
                options.seed,
                epoch as u64,
            )?;
            let cost = lengths.as_deref().map(|l| Cost::of(&plan, Some(l)));
            listeners.progress.epoch_begin(epoch, plan.len());
            listeners.tell(self, |c, run| c.on_epoch_begin(run, epoch))?;
            let reads = listeners.reads_batches();
            // A run that was restored may stand within its epoch.
            for (step, rows) in plan.iter().enumerate().skip(listeners.position.step) {
                listeners.tell(self, |c, run| c.on_train_batch_begin(run, step))?;
                self.assemble(Mode::Train, compiled, examples, rows, &mut batch, unequal)?;
                let r = self.run_batch(Mode::Train, compiled, &layout, &batch)?;
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
                if listeners.stop_training {
                    break;
                }
            }
            logs = listeners.position.running.logs(compiled);
            if let Some(v) =
                validation.filter(|_| (epoch + 1).is_multiple_of(options.validation_freq))
            {
                let resolved = self.resolve_for(v)?;
                let val = self.evaluate_examples(
                    v,
                    &resolved,
                    options.validation_batch_size.unwrap_or(options.batch_size),
                    (unequal, options.epoch_loss),
                    listeners,
                )?;
                logs.extend(val.into_iter().map(|(k, v)| (format!("val_{k}"), v)));
            }
            listeners.position = Position::at(epoch + 1);
            listeners.tell(self, |c, run| c.on_epoch_end(run, epoch, &mut logs))?;
            listeners.progress.epoch_end(epoch, examples.n_samples(), cost.as_ref(), &logs);
            history.push(epoch, &logs);
            if listeners.stop_training {
                break;
            }
        }
        Ok(logs)
    }
}
