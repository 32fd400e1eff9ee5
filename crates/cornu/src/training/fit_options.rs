//! Settings of `fit`.

use super::callbacks::Callback;
use super::given::Given;
use super::unequal::{EpochLoss, Unequal};
use crate::data::{BatchMaker, ClassWeights, IntoData};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Settings of `fit`, with Keras's names and defaults.
///
/// Callbacks are added by [`Fit::callback`]:
///
/// | callback | what it does |
/// |---|---|
/// | [`EarlyStopping`] | ends training when a value no longer improves |
/// | [`ModelCheckpoint`] | saves the model, or the best one so far |
/// | [`ReduceLROnPlateau`] | lowers the learning rate when a value no longer improves |
/// | [`LearningRateScheduler`] | sets the learning rate of each epoch by a function |
/// | [`CSVLogger`], [`TensorBoard`], [`RemoteMonitor`] | report the values of each epoch |
/// | [`BackupAndRestore`] | goes on where an interrupted run ended |
/// | [`TerminateOnNaN`] | ends training when the loss is not a number |
/// | [`SwapEMAWeights`] | evaluates and saves with averaged weights |
/// | [`LambdaCallback`] | calls closures |
/// | your own | implements [`Callback`] |
///
/// [`EarlyStopping`]: crate::callbacks::EarlyStopping
/// [`ModelCheckpoint`]: crate::callbacks::ModelCheckpoint
/// [`ReduceLROnPlateau`]: crate::callbacks::ReduceLROnPlateau
/// [`LearningRateScheduler`]: crate::callbacks::LearningRateScheduler
/// [`CSVLogger`]: crate::callbacks
/// [`TensorBoard`]: crate::callbacks::TensorBoard
/// [`RemoteMonitor`]: crate::callbacks
/// [`BackupAndRestore`]: crate::callbacks::BackupAndRestore
/// [`TerminateOnNaN`]: crate::callbacks::TerminateOnNaN
/// [`SwapEMAWeights`]: crate::callbacks::SwapEMAWeights
/// [`LambdaCallback`]: crate::callbacks::LambdaCallback
///
/// ```
/// use cornu::callbacks::EarlyStopping;
/// use cornu::{Compile, Dense, Fit, Input, Model};
/// use ndarray::arr2;
/// let x = Input::new([1]);
/// let mut model = Model::new(&x, &Dense::new(1).call(&x)?)?.compile(Compile::new("sgd", "mse"))?;
/// let (x, y) = (arr2(&[[1.0f32], [2.0]]), arr2(&[[2.0f32], [4.0]]));
/// let fit = Fit::new().epochs(5).batch_size(2).verbose(0).callback(EarlyStopping::new("loss"));
/// let loss = model.fit(&x, &y, fit)?.get("loss").unwrap();
/// assert!(loss.last() < loss.first());
/// # Ok::<(), cornu::Error>(())
/// ```
pub struct Fit<'a> {
    pub(super) batch_size: Option<usize>,
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
    pub(super) stop: Option<Arc<AtomicBool>>,
}

impl Default for Fit<'_> {
    fn default() -> Self {
        Self {
            batch_size: None,
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
            stop: None,
        }
    }
}

impl<'a> Fit<'a> {
    /// Returns Keras's defaults: one epoch, batches of 32, shuffled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of samples of a batch.
    pub fn batch_size(mut self, n: usize) -> Self {
        self.batch_size = Some(n);
        self
    }

    /// Sets the number of epochs: passes over the data.
    pub fn epochs(mut self, n: usize) -> Self {
        self.epochs = n;
        self
    }

    /// Sets the first epoch, counted from 0.
    pub fn initial_epoch(mut self, n: usize) -> Self {
        self.initial_epoch = n;
        self
    }

    /// Sets whether samples are shuffled before each epoch.
    pub fn shuffle(mut self, on: bool) -> Self {
        self.batches = if on { BatchMaker::Shuffle } else { BatchMaker::AsTheyCome };
        self
    }

    /// Sets how samples are put into batches.
    pub fn batches(mut self, maker: BatchMaker) -> Self {
        self.batches = maker;
        self
    }

    /// Sets how sequences of unequal length are put into one batch.
    pub fn unequal(mut self, u: Unequal) -> Self {
        self.unequal = u;
        self
    }

    /// Sets how the losses of batches are averaged over an epoch, for sequences of unequal length.
    pub fn epoch_loss(mut self, by: EpochLoss) -> Self {
        self.epoch_loss = by;
        self
    }

    /// Sets truncated backpropagation through time: gradients pass back over at most `k` timesteps.
    ///
    /// Time is cut into segments of `k` timesteps, from the end. States pass between segments,
    /// gradients do not. Outputs and loss keep the same bits; if `k` covers all timesteps,
    /// gradients do too.
    pub fn tbptt(mut self, k: usize) -> Self {
        self.tbptt = Some(k);
        self
    }

    /// Sets the seed of the order of samples.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the output: 0 for none, 1 for a progress bar, 2 for one line for each epoch.
    pub fn verbose(mut self, v: u8) -> Self {
        self.verbose = v;
        self
    }

    /// Uses a share of the data, from its end, as validation data.
    pub fn validation_split(mut self, fraction: f64) -> Self {
        self.validation_split = fraction;
        self
    }

    /// Sets the validation data. For a data set, which holds its targets, `y` is `()`.
    pub fn validation_data(mut self, x: impl IntoData<'a>, y: impl IntoData<'a>) -> Self {
        self.validation_data = Some([Given::of(x), Given::of(y), Given::None]);
        self
    }

    /// Sets the validation data with sample weights.
    pub fn validation_data_weighted(
        mut self,
        x: impl IntoData<'a>,
        y: impl IntoData<'a>,
        w: impl IntoData<'a>,
    ) -> Self {
        self.validation_data = Some([Given::of(x), Given::of(y), Given::of(w)]);
        self
    }

    /// Sets the number of samples of a validation batch.
    pub fn validation_batch_size(mut self, n: usize) -> Self {
        self.validation_batch_size = Some(n);
        self
    }

    /// Sets the number of epochs from one validation to the next.
    pub fn validation_freq(mut self, n: usize) -> Self {
        self.validation_freq = n.max(1);
        self
    }

    /// Sets the sample weights: one set, or one for each output.
    pub fn sample_weight(mut self, w: impl IntoData<'a>) -> Self {
        self.sample_weight = Given::of(w);
        self
    }

    /// Sets the weights of the classes.
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

    /// Adds a boxed callback.
    pub fn boxed_callback(mut self, c: Box<dyn Callback>) -> Self {
        self.callbacks.push(c);
        self
    }
}
