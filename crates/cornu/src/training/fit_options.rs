//! Settings of `fit`.

use super::callbacks::Callback;
use super::given::Given;
use super::unequal::{EpochLoss, Unequal};
use crate::data::{BatchMaker, ClassWeights, IntoData};

/// How `fit` runs, in Keras's words and with Keras's defaults.
pub struct Fit<'a> {
    pub(super) batch_size: usize,
    pub(super) epochs: usize,
    pub(super) initial_epoch: usize,
    pub(super) batches: BatchMaker,
    pub(super) seed: u64,
    pub(super) verbose: u8,
    pub(super) validation_split: f64,
    pub(super) validation_data: Option<[Given<'a>; 3]>,
    pub(super) validation_batch_size: Option<usize>,
    pub(super) validation_freq: usize,
    pub(super) sample_weight: Given<'a>,
    pub(super) class_weight: Option<ClassWeights>,
    pub(super) unequal: Unequal,
    pub(super) epoch_loss: EpochLoss,
    pub(super) tbptt: Option<usize>,
    pub(super) callbacks: Vec<Box<dyn Callback>>,
}

impl Default for Fit<'_> {
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
            sample_weight: Given::None,
            class_weight: None,
            unequal: Unequal::Known,
            epoch_loss: EpochLoss::Timesteps,
            tbptt: None,
            callbacks: vec![],
        }
    }
}

impl<'a> Fit<'a> {
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

    /// Validation data. A data set brings its targets along: `y` is `()`.
    pub fn validation_data(mut self, x: impl IntoData<'a>, y: impl IntoData<'a>) -> Self {
        self.validation_data = Some([Given::of(x), Given::of(y), Given::None]);
        self
    }

    /// Validation data with sample weights.
    pub fn validation_data_weighted(
        mut self,
        x: impl IntoData<'a>,
        y: impl IntoData<'a>,
        w: impl IntoData<'a>,
    ) -> Self {
        self.validation_data = Some([Given::of(x), Given::of(y), Given::of(w)]);
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
    pub fn sample_weight(mut self, w: impl IntoData<'a>) -> Self {
        self.sample_weight = Given::of(w);
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

    /// Adds a callback that is boxed already.
    pub fn boxed_callback(mut self, c: Box<dyn Callback>) -> Self {
        self.callbacks.push(c);
        self
    }
}
