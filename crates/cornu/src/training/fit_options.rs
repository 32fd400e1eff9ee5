//! Settings of `fit`.

use super::callbacks::Callback;
use super::into_data::{EpochLoss, IntoData, Unequal};
use crate::data::{BatchMaker, ClassWeights, Data};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// How `fit` runs, in Keras's words and with Keras's defaults.
pub struct Fit {
    pub(super) batch_size: usize,
    pub(super) epochs: usize,
    pub(super) initial_epoch: usize,
    pub(super) batches: BatchMaker,
    pub(super) seed: u64,
    pub(super) verbose: u8,
    pub(super) validation_split: f64,
    pub(super) validation_data: Option<(Vec<Data>, Vec<Data>, Option<Vec<Data>>)>,
    pub(super) validation_batch_size: Option<usize>,
    pub(super) validation_freq: usize,
    pub(super) sample_weight: Option<Vec<Data>>,
    pub(super) class_weight: Option<ClassWeights>,
    pub(super) unequal: Unequal,
    pub(super) epoch_loss: EpochLoss,
    pub(super) tbptt: Option<usize>,
    pub(super) callbacks: Vec<Box<dyn Callback>>,
    pub(super) stop: Option<Arc<AtomicBool>>,
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
            stop: None,
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

    /// How sequences of unequal length stand in one batch.
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

    /// Share of the data, taken from its end, that is validation data.
    pub fn validation_split(mut self, fraction: f64) -> Self {
        self.validation_split = fraction;
        self
    }

    /// Validation data.
    pub fn validation_data<'a>(mut self, x: impl IntoData<'a>, y: impl IntoData<'a>) -> Self {
        self.validation_data = Some((owned(x), owned(y), None));
        self
    }

    /// Validation data with sample weights.
    pub fn validation_data_weighted<'a>(
        mut self,
        x: impl IntoData<'a>,
        y: impl IntoData<'a>,
        w: impl IntoData<'a>,
    ) -> Self {
        self.validation_data = Some((owned(x), owned(y), Some(owned(w))));
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
    pub fn sample_weight<'a>(mut self, w: impl IntoData<'a>) -> Self {
        self.sample_weight = Some(owned(w));
        self
    }

    /// Weights of the classes.
    pub fn class_weight(mut self, w: ClassWeights) -> Self {
        self.class_weight = Some(w);
        self
    }

    /// Adds a callback.
    pub fn callback(mut self, c: impl Callback + 'static) -> Self {
        self.callbacks.push(Box::new(c));
        self
    }

    /// Ends training after the batch at which `stop` is found set: by another thread, or by the
    /// handler of a signal.
    ///
    /// The weights stay as the last step left them, and [`History::interrupted`] tells where
    /// training ended. An epoch that was not finished has no values in the history. Callbacks are
    /// not told that training ended, so a backup is kept and no best weights are restored.
    ///
    /// [`History::interrupted`]: super::History::interrupted
    ///
    /// ```
    /// use cornu::{Compile, Dense, Fit, Input, Model};
    /// use std::sync::{Arc, atomic::AtomicBool};
    /// let x = Input::new([2]);
    /// let model = Model::new(&x, &Dense::new(1).call(&x)?)?;
    /// let (x, y) = (ndarray::arr2(&[[1.0f32, 0.0]]), ndarray::arr2(&[[1.0f32]]));
    /// let stop = Arc::new(AtomicBool::new(true));
    /// let fit = Fit::new().epochs(9).verbose(0).stop_request(stop);
    /// let history = model.compile(Compile::new("sgd", "mse"))?.fit(&x, &y, fit)?;
    /// let at = history.interrupted.expect("training was interrupted");
    /// assert_eq!((at.epoch, at.steps, history.epochs.len()), (0, 1, 0));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn stop_request(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = Some(stop);
        self
    }

    /// Adds a callback that is boxed already.
    pub fn boxed_callback(mut self, c: Box<dyn Callback>) -> Self {
        self.callbacks.push(c);
        self
    }
}

fn owned<'a>(data: impl IntoData<'a>) -> Vec<Data> {
    data.into_data().into_iter().map(Cow::into_owned).collect()
}
