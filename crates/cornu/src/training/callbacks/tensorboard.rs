//! Event files for TensorBoard.

use super::event_file::EventFile;
use super::frequency::Frequency;
use super::{Callback, Run};
use crate::metrics::MetricValue;
use crate::saving::json;
use crate::training::Logs;
use crate::{Error, Result};
use std::path::PathBuf;
use std::time::Instant;

arguments! {
    /// Callback that writes event files for TensorBoard, in the folders `train` and `validation`:
    /// losses and metrics of each epoch, the learning rate, `evaluation_loss_vs_iterations`, and
    /// the model's config.
    ///
    /// Source: keras/src/callbacks/tensorboard.py, Keras 3.15.1. Differs: no pictures of weights,
    /// no profiles, no projector; of a metric that is a list each element has a tag of its own,
    /// ending in its number.
    ///
    /// ```
    /// use cornu::Fit;
    /// use cornu::callbacks::TensorBoard;
    /// let board = TensorBoard::new("logs/run1").histogram_freq(5);
    /// assert!(board.write_graph);
    /// let fit = Fit::new().epochs(10).callback(board);
    /// ```
    TensorBoard(State) {
        /// Folder of the event files.
        log_dir: PathBuf [impl Into<PathBuf>] = "logs".into(),
        /// Number of epochs from one histogram of the weights to the next; 0 for none.
        histogram_freq: usize [usize] = 0,
        /// True to write the model's config.
        write_graph: bool [bool] = true,
        /// Images of the weights; not supported.
        write_images: bool [bool] = false,
        /// True to write the number of training steps per second.
        write_steps_per_second: bool [bool] = false,
        /// How often losses and metrics are written: at each epoch, or every n batches.
        update_freq: Frequency [Frequency] = Frequency::Epoch,
        /// Batch to profile; not supported.
        profile_batch: usize [usize] = 0,
        /// Number of epochs from one visualization of embeddings to the next; not supported.
        embeddings_freq: usize [usize] = 0,
        /// Names of embeddings; not supported.
        embeddings_metadata: Option<String> [String] = None,
    }
}

#[derive(Default)]
struct State {
    train: Option<EventFile>,
    validation: Option<EventFile>,
    /// Training steps of this run.
    steps: u64,
    epoch_began: Option<(Instant, u64)>,
    step_began: Option<Instant>,
}

impl TensorBoard {
    /// Returns the callback with the folder of the event files.
    pub fn new(log_dir: impl Into<PathBuf>) -> Self {
        Self::default().log_dir(log_dir)
    }

    fn train(&mut self) -> Result<&mut EventFile> {
        open(&mut self.state.train, self.log_dir.join("train"))
    }

    fn validation(&mut self) -> Result<&mut EventFile> {
        open(&mut self.state.validation, self.log_dir.join("validation"))
    }

    /// Whether this training step is one of those written.
    fn writes_step(&self) -> bool {
        let steps = self.state.steps;
        matches!(self.update_freq, Frequency::Batches(n) if steps.is_multiple_of(n as u64))
    }
}

/// The file, made when first written to.
fn open(file: &mut Option<EventFile>, folder: PathBuf) -> Result<&mut EventFile> {
    match file {
        Some(f) => Ok(f),
        None => Ok(file.insert(EventFile::create(&folder)?)),
    }
}

fn write(file: &mut EventFile, tag: &str, value: &MetricValue, step: u64) -> Result<()> {
    match value {
        MetricValue::Number(x) => file.scalar(tag, *x, step),
        MetricValue::List(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(i, x)| file.scalar(&format!("{tag}/{i}"), *x, step)),
    }
}

impl Callback for TensorBoard {
    fn check(&self) -> Result<()> {
        let asked = [
            (self.write_images, "write_images"),
            (self.profile_batch > 0, "profile_batch"),
            (self.embeddings_freq > 0 || self.embeddings_metadata.is_some(), "embeddings_freq"),
        ];
        match asked.iter().find(|(on, _)| *on) {
            Some((_, name)) => Err(Error::Unsupported(format!("TensorBoard with `{name}`"))),
            None => Ok(()),
        }
    }

    fn on_train_begin(&mut self, run: &mut Run<'_>) -> Result<()> {
        self.state = State::default();
        if self.write_graph {
            let config = json::write(&run.model.to_json());
            self.train()?.model(&config)?;
        }
        Ok(())
    }

    fn on_epoch_begin(&mut self, run: &mut Run<'_>, _: usize) -> Result<()> {
        self.state.epoch_began = Some((Instant::now(), run.model.iterations()));
        Ok(())
    }

    fn on_train_batch_begin(&mut self, _: &mut Run<'_>, _: usize) -> Result<()> {
        self.state.steps += 1;
        self.state.step_began = Some(Instant::now());
        Ok(())
    }

    fn on_train_batch_end(&mut self, _: &mut Run<'_>, _: usize, logs: &Logs) -> Result<()> {
        if !self.writes_step() {
            return Ok(());
        }
        let step = self.state.steps;
        if let Some(began) = self.state.step_began.filter(|_| self.write_steps_per_second) {
            let rate = 1.0 / began.elapsed().as_secs_f64();
            self.train()?.scalar("batch_steps_per_second", rate, step)?;
        }
        let file = self.train()?;
        logs.iter().try_for_each(|(k, v)| write(file, &format!("batch_{k}"), v, step))
    }

    fn on_test_end(&mut self, run: &mut Run<'_>, logs: &Logs) -> Result<()> {
        let step = run.model.iterations();
        let file = self.validation()?;
        logs.iter()
            .try_for_each(|(k, v)| write(file, &format!("evaluation_{k}_vs_iterations"), v, step))
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        let step = epoch as u64;
        let (validation, train): (Vec<_>, Vec<_>) =
            logs.iter().partition(|(k, _)| k.starts_with("val_"));
        let rates = run.model.learning_rates()?;
        let began = self.state.epoch_began.filter(|_| self.write_steps_per_second);
        let file = self.train()?;
        for (k, v) in train.into_iter().filter(|(k, _)| !rates.iter().any(|(key, _)| key == *k)) {
            write(file, &format!("epoch_{k}"), v, step)?;
        }
        rates
            .iter()
            .try_for_each(|(key, rate)| file.scalar(&format!("epoch_{key}"), *rate, step))?;
        if let Some((began, iterations)) = began {
            let steps = run.model.iterations().saturating_sub(iterations);
            file.scalar(
                "epoch_steps_per_second",
                steps as f64 / began.elapsed().as_secs_f64(),
                step,
            )?;
        }
        if self.histogram_freq > 0 && epoch.is_multiple_of(self.histogram_freq) {
            let file = self.train()?;
            for (i, v) in run.model.variables().iter().enumerate() {
                file.histogram(
                    &format!("{}/histogram", v.path.replace(':', "_")),
                    &run.model.variables()[i].value.tensor().to_f64(),
                    step,
                )?;
            }
        }
        if !validation.is_empty() {
            let file = self.validation()?;
            validation
                .into_iter()
                .try_for_each(|(k, v)| write(file, &format!("epoch_{}", &k[4..]), v, step))?;
        }
        Ok(())
    }

    fn on_train_end(&mut self, _: &mut Run<'_>, _: &Logs) -> Result<()> {
        self.state = State::default();
        Ok(())
    }

    fn reads_batches(&self) -> bool {
        self.update_freq != Frequency::Epoch
    }
}
