//! A run from its checks to its results.

use super::blame::Blame;
use super::events::{Events, logs_json};
use super::results::{Results, Tell};
use crate::classes::{self, Listed};
use crate::console::Console;
use crate::failure::Failure;
use crate::files::{self, Columns, DataFiles, Samples};
use crate::logs;
use crate::options::FitOptions;
use crate::signals::Interrupt;
use cornu::callbacks::Callback;
use cornu::data::Data;
use cornu::{CompiledModel, Evaluate, Fit, History, Predict};
use cornu::{Interruption, Unequal};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is to be trained, on what, and where results go.
pub struct Job<'a> {
    /// The model.
    pub model: CompiledModel,
    /// How it is trained.
    pub options: FitOptions,
    /// Training data.
    pub train: DataFiles,
    /// Test data, if there are some.
    pub test: Option<DataFiles>,
    /// Columns by name.
    pub columns: Columns,
    /// What fills sequences of unequal length.
    pub pad: Option<f64>,
    /// Names of classes.
    pub classes: Listed,
    /// Callbacks.
    pub callbacks: Vec<Box<dyn Callback>>,
    /// Where results go.
    pub results: Results,
    /// Files that the run reads beside its data.
    pub reads: Vec<PathBuf>,
    /// A result as its source calls it.
    pub called: Box<dyn Fn(&'static str) -> String + 'a>,
    /// A failure with the place that it is about.
    pub blame: Box<dyn Fn(Blame, Failure) -> Failure + 'a>,
}

/// What is asked of a run.
#[derive(Clone, Copy)]
pub struct Ask {
    /// Events as lines of JSON.
    pub json: bool,
    /// Everything but training.
    pub dry_run: bool,
    /// Whether the table of layers is printed.
    pub summary: bool,
}

impl Job<'_> {
    /// Checks everything, trains, evaluates the test data, saves.
    pub fn run(mut self, ask: Ask, console: &Console) -> Result<(), Failure> {
        let tell = Tell { console, json: ask.json };
        self.check(ask)?;
        let train = self.samples(&self.train, Blame::Train, true)?;
        let test = match &self.test {
            Some(files) => Some(self.samples(files, Blame::Test, false)?),
            None => None,
        };
        if train.parts.len() > 1 {
            let parts: Vec<&str> = train.parts.iter().map(String::as_str).collect();
            console.note(&format!(
                "the training data are the samples of all parts that the file names ({}); \
                 `train_part` and `test_part` of [data] take one",
                parts.join(", ")
            ));
        }
        self.check_fits(&train, Blame::Train, Blame::Together)?;
        if let Some(test) = &test {
            self.check_fits(test, Blame::Test, Blame::Test)?;
        }
        if ask.summary && ask.dry_run {
            console.line(&self.model.summary());
        } else if ask.summary && self.options.verbose != Some(0) {
            console.say(&self.model.summary());
        }
        if ask.dry_run {
            return self.tell_plan(&train, &tell);
        }
        if self.results.model.is_none() {
            console.note("the trained model is not kept; name a file for it: --output OUT.keras");
        }
        let fit = self.fit_settings(&train, test.as_ref())?;
        let (steps, interrupt) = (Arc::new(AtomicUsize::new(0)), Interrupt::watch()?);
        let json = ask.json.then(|| console.clone());
        let fit = fit
            .boxed_callback(Box::new(Events { json, steps: steps.clone() }))
            .stop_request(interrupt.request());
        if ask.json {
            console.json(&json!({
                "event": "start", "model": self.model.as_layer().shown_name(),
                "samples": train.x.first().map_or(0, Data::n_samples),
                "epochs": self.options.epochs.unwrap_or(1), "batch_size": self.options.batch_size(),
            }));
        }
        let trained = self.model.fit(&train.x[..], &train.y[..], fit);
        let history = match trained {
            Ok(history) => history,
            // The first step may have failed; before a second one there was something learned.
            Err(e) if steps.load(Ordering::Relaxed) > 1 => return Err(self.rescued(e, &tell)),
            Err(e) => return Err((self.blame)(Blame::Together, e.into())),
        };
        if let Some(at) = history.interrupted {
            let code = interrupt.exit_code().unwrap_or(130);
            return Err(self.interrupted(at, &history, code, &tell));
        }
        // The model is on disk before anything else is done.
        let saved = self.results.save(&self.model, &history, &tell);
        let tested = test.map_or(Ok(()), |test| self.tell_test(test, &tell));
        saved?;
        tested?;
        if ask.json {
            console.json(&json!({"event": "end", "epochs": history.epochs.len()}));
        }
        match interrupt.exit_code() {
            None => Ok(()),
            Some(code) => {
                let message = "interrupted when training was done; everything is saved".to_string();
                Err(Failure { code, message })
            }
        }
    }

    /// What is known before data are read.
    fn check(&self, ask: Ask) -> Result<(), Failure> {
        let option = |e: crate::options::WrongOption| {
            let message = e.message(&format!("`{}`", e.key));
            (self.blame)(Blame::Option(e.key), Failure::failed(message))
        };
        self.options.check_together(self.test.is_some()).map_err(option)?;
        let mut read = self.reads.clone();
        for files in [Some(&self.train), self.test.as_ref()].into_iter().flatten() {
            read.extend(files.inputs.iter().chain(&files.targets).chain(&files.weights).cloned());
        }
        self.results.check(&read, ask.dry_run, &self.called, &self.blame)?;
        self.results
            .check_room(&self.model, &self.called)
            .map_err(|f| (self.blame)(Blame::Output("model"), f))?;
        if self.model.settings()["loss"].is_null() {
            let message = "the model has no loss to train by; give `loss` in [compile]";
            return Err((self.blame)(Blame::Together, Failure::failed(message)));
        }
        Ok(())
    }

    /// Reads samples; training targets settle the names of the classes.
    fn samples(&self, files: &DataFiles, blame: Blame, settles: bool) -> Result<Samples, Failure> {
        let at = |f| (self.blame)(blame, f);
        let read = files::samples(&self.model, files, &self.columns).map_err(at)?;
        if settles {
            classes::settle(&self.model, &read.y, &self.classes)
                .map_err(|f| (self.blame)(Blame::Classes, f))?;
        }
        let called = files.targets.first().or(files.inputs.first());
        let called = called.map_or("targets".to_string(), |p| p.display().to_string());
        let y = classes::encode(&self.model, read.y, &called).map_err(at)?;
        classes::check_ids(&self.model, &y, &called).map_err(at)?;
        Ok(Samples { y, ..read })
    }

    fn unequal(&self) -> Unequal {
        self.pad.map_or(Unequal::Known, Unequal::Pad)
    }

    fn evaluate_settings(&self, sample_weight: Option<Vec<Data>>) -> Evaluate<'static> {
        let mut settings =
            Evaluate::new().unequal(self.unequal()).epoch_loss(self.options.epoch_loss());
        if let Some(n) = self.options.batch_size {
            settings = settings.batch_size(n);
        }
        match sample_weight {
            Some(weights) => settings.sample_weight(weights),
            None => settings,
        }
    }

    /// Predicts and evaluates the first batch: data that do not fit the model or its losses fail
    /// here.
    fn check_fits(&self, samples: &Samples, data: Blame, losses: Blame) -> Result<(), Failure> {
        // A stateful model takes no part of a batch, and would keep its states.
        if self.model.is_stateful() {
            return Ok(());
        }
        let n = self.options.batch_size();
        let head = |all: &[Data]| -> Result<Vec<Data>, Failure> {
            all.iter().map(|d| Ok(d.slice(0..n)?)).collect()
        };
        let inputs = || -> Result<(), Failure> {
            let how = Predict::new().batch_size(n).unequal(self.unequal());
            self.model.predict(head(&samples.x)?, how)?;
            Ok(())
        };
        inputs().map_err(|f| (self.blame)(data, f))?;
        let check = || -> Result<(), Failure> {
            let weights = samples.weights.as_deref().map(head).transpose()?;
            let settings = self.evaluate_settings(weights);
            self.model.evaluate(head(&samples.x)?, head(&samples.y)?, settings)?;
            Ok(())
        };
        check().map_err(|f| (self.blame)(losses, f))
    }

    fn fit_settings<'a>(
        &mut self,
        train: &'a Samples,
        test: Option<&'a Samples>,
    ) -> Result<Fit<'a>, Failure> {
        let mut fit = self.options.settings().unequal(self.unequal());
        if let Some(w) = &train.weights {
            fit = fit.sample_weight(&w[..]);
        }
        let names = self.model.output_names();
        let names = names.first().and_then(|output| self.model.class_names(output));
        // One number tells two classes apart.
        let n_classes = classes::width(&self.model, 0).map(|width| width.max(2));
        let weights = self.options.class_weights(names.as_deref(), n_classes).map_err(|e| {
            let message = e.message(&format!("`{}`", e.key));
            (self.blame)(Blame::Option(e.key), Failure::failed(message))
        })?;
        if let Some(w) = weights {
            fit = fit.class_weight(w);
        }
        if let (Some(true), Some(test)) = (self.options.validate_on_test, test) {
            fit = match &test.weights {
                Some(w) => fit.validation_data_weighted(&test.x[..], &test.y[..], &w[..]),
                None => fit.validation_data(&test.x[..], &test.y[..]),
            };
        }
        for c in std::mem::take(&mut self.callbacks) {
            fit = fit.boxed_callback(c);
        }
        Ok(fit)
    }

    /// What a run would do.
    fn tell_plan(&self, train: &Samples, tell: &Tell<'_>) -> Result<(), Failure> {
        let shapes: Vec<String> = train.x.iter().map(Data::shape_text).collect();
        let n = train.x.first().map_or(0, Data::n_samples);
        let epochs = self.options.epochs.unwrap_or(1);
        let written: Vec<_> = self.results.all();
        if tell.json {
            let written: serde_json::Map<_, _> = written
                .iter()
                .map(|(key, p, _)| (key.to_string(), json!(p.display().to_string())))
                .collect();
            tell.console.json(&json!({
                "event": "dry-run", "samples": n, "inputs": shapes, "epochs": epochs,
                "batch_size": self.options.batch_size(), "would_write": written,
            }));
            return Ok(());
        }
        tell.console.line(&format!(
            "training data {}: {n} samples, {epochs} epoch(s), batches of {}",
            shapes.join(", "),
            self.options.batch_size()
        ));
        for (i, output) in self.model.output_names().iter().enumerate() {
            if let Some(names) = self.model.class_names(output) {
                let shown = names.join(", ");
                let target = train.y.get(i).map_or(String::new(), Data::shape_text);
                tell.console.line(&format!("classes of `{output}` {target}: {shown}"));
            }
        }
        for (key, path, _) in written {
            tell.console.line(&format!("{key} would be saved to {}", path.display()));
        }
        tell.console.line("nothing was trained or written (--dry-run)");
        Ok(())
    }

    fn tell_test(&self, test: Samples, tell: &Tell<'_>) -> Result<(), Failure> {
        let settings = self.evaluate_settings(test.weights);
        let values = self.model.evaluate(test.x, test.y, settings)?;
        if tell.json {
            tell.console.json(&json!({"event": "test", "logs": logs_json(&values)}));
            return Ok(());
        }
        for line in logs::text(&values, false).lines() {
            tell.console.line(&format!("test {line}"));
        }
        Ok(())
    }

    /// Saves what was trained when a signal came.
    fn interrupted(
        &self,
        at: Interruption,
        history: &History,
        code: u8,
        tell: &Tell<'_>,
    ) -> Failure {
        let mut places = self.results.interrupted(&self.model);
        if history.epochs.is_empty() {
            (places.history, places.plot) = (None, None);
        }
        if tell.json {
            tell.console.json(&json!({
                "event": "interrupted", "epoch": at.epoch + 1, "steps": at.steps,
            }));
        }
        let (epoch, steps) = (at.epoch + 1, at.steps);
        let when = format!("interrupted in epoch {epoch} after {steps} steps");
        match places.save(&self.model, history, tell) {
            Ok(()) => {
                let to = places.model.unwrap_or_default();
                let message = format!("{when}; what was trained is saved to {}", to.display());
                Failure { code, message }
            }
            Err(f) => f.within(&when),
        }
    }

    /// Saves what was trained before training failed.
    fn rescued(&self, e: cornu::Error, tell: &Tell<'_>) -> Failure {
        let f = Failure::from(e);
        let places =
            Results { model: self.results.interrupted(&self.model).model, ..Results::default() };
        match places.save(&self.model, &History::default(), tell) {
            Ok(()) => {
                let to = places.model.unwrap_or_default();
                let rest = format!("what was trained before is saved to {}", to.display());
                Failure { message: format!("{}; {rest}", f.message), ..f }
            }
            Err(other) => Failure { message: format!("{}; {}", f.message, other.message), ..f },
        }
    }
}
