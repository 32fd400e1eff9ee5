//! One batch at a time, for training loops of your own.

use super::assembly::Batch;
use super::compiled_model::CompiledModel;
use super::examples::Examples;
use super::history::{Logs, Running};
use super::outputs::Outputs;
use super::predict::Predict;
use super::step::Stepping;
use super::unequal::Unequal;
use crate::data::IntoData;
use crate::runtime::Mode;
use crate::{Model, Result};

impl CompiledModel {
    /// Trains on one batch and returns its loss and metrics.
    ///
    /// ```
    /// use cornu::{Compile, Dense, Input, Model};
    /// use ndarray::array;
    /// let x = Input::new([2]);
    /// let mut model =
    ///     Model::new(&x, &Dense::new(1).call(&x)?)?.compile(Compile::new("sgd", "mse"))?;
    /// let (x, y) = (array![[1.0f32, 0.0], [0.0, 1.0]], array![[1.0f32], [0.0]]);
    /// let first = model.train_on_batch(&x, &y)?;
    /// assert_eq!(first.keys().collect::<Vec<_>>(), ["loss"]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    ///
    /// # Errors
    /// Data that do not fit the model, or targets that do not fit its losses.
    pub fn train_on_batch<'a>(
        &mut self,
        x: impl IntoData<'a>,
        y: impl IntoData<'a>,
    ) -> Result<Logs> {
        self.on_batch(Mode::Train, x, y)
    }

    /// Returns loss and metrics of one batch.
    ///
    /// # Errors
    /// As [`CompiledModel::train_on_batch`].
    pub fn test_on_batch<'a>(&self, x: impl IntoData<'a>, y: impl IntoData<'a>) -> Result<Logs> {
        self.on_batch(Mode::Evaluate, x, y)
    }

    fn on_batch<'a>(&self, mode: Mode, x: impl IntoData<'a>, y: impl IntoData<'a>) -> Result<Logs> {
        let examples = Examples::new(self, x, y, None)?;
        let compiled = self.resolve_for(&examples)?;
        let samples: Vec<u32> = (0..examples.n_samples() as u32).collect();
        let mut task = Stepping::new(mode, self, &compiled, &examples, None);
        let result = task.run(&samples, &mut Batch::default(), Unequal::Known)?;
        let mut running = Running::default();
        running.add(&result, samples.len(), &[]);
        Ok(running.logs(&compiled))
    }
}

impl Model {
    /// Returns the outputs for one batch.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict_on_batch<'a>(&self, x: impl IntoData<'a>) -> Result<Outputs> {
        let x = x.into_data()?;
        let batch_size = x.n_samples().max(1);
        self.predict(x, Predict::new().batch_size(batch_size))
    }
}
