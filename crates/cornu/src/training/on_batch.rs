//! One batch at a time, for loops of one's own.

use super::evaluate::Evaluate;
use super::feed::{Batch, IntoData, Unequal};
use super::history::{Logs, Running};
use super::predict::Predict;
use super::runtime::Mode;
use super::step::Examples;
use crate::data::Data;
use crate::{Model, Result};

impl Model {
    /// One training step on a batch; returns its loss and metrics.
    ///
    /// ```
    /// use cornu::{Compile, Dense, Input, Model};
    /// use ndarray::array;
    /// let x = Input::new([2]);
    /// let mut model = Model::new(&x, &Dense::new(1).call(&x)?)?.compile(Compile::new("sgd", "mse"))?;
    /// let (x, y) = (array![[1.0f32, 0.0], [0.0, 1.0]], array![[1.0f32], [0.0]]);
    /// let first = model.train_on_batch(&x, &y)?;
    /// assert_eq!(first.keys().collect::<Vec<_>>(), ["loss"]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn train_on_batch(&mut self, x: impl IntoData, y: impl IntoData) -> Result<Logs> {
        self.on_batch(Mode::Train, x, y)
    }

    /// The loss and metrics of a batch.
    pub fn test_on_batch(&mut self, x: impl IntoData, y: impl IntoData) -> Result<Logs> {
        self.on_batch(Mode::Evaluate, x, y)
    }

    /// The outputs of a batch.
    pub fn predict_on_batch(&mut self, x: impl IntoData) -> Result<Vec<Data>> {
        let x = x.into_data();
        let batch_size = x.first().map_or(1, Data::n_samples).max(1);
        self.predict(x, &Predict { batch_size, ..Predict::default() })
    }

    fn on_batch(&mut self, mode: Mode, x: impl IntoData, y: impl IntoData) -> Result<Logs> {
        let examples = Examples::new(self, x, y, Evaluate::default().sample_weight)?;
        let compiled = self.resolve_for(&examples)?;
        let rows: Vec<u32> = (0..examples.n_samples() as u32).collect();
        let mut batch = Batch::default();
        self.assemble(mode, &compiled, &examples, &rows, &mut batch, Unequal::Known)?;
        let result = self.run_batch(mode, &compiled, &examples.layout(), &batch)?;
        let mut running = Running::default();
        running.add(&result, rows.len(), &[]);
        Ok(running.logs(&compiled))
    }
}
