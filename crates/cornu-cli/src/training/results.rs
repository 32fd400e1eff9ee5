//! Results of a run: checked before training, saved after it, model first.

use super::blame::Blame;
use crate::console::Console;
use crate::failure::Failure;
use crate::files;
use crate::outputs::{self, Target};
use cornu::{CompiledModel, History};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Room that a file takes beside its weights.
const BESIDE_WEIGHTS_BYTES: u64 = 1 << 16;

/// Where results go.
#[derive(Clone, Default)]
pub struct Results {
    /// The trained model.
    pub model: Option<PathBuf>,
    /// The history as JSON.
    pub history: Option<PathBuf>,
    /// The curves.
    pub plot: Option<PathBuf>,
}

impl Results {
    /// The paths with their keys and how their names may end.
    pub fn all(&self) -> Vec<(&'static str, &Path, &'static [&'static str])> {
        let all: [(_, _, &[&str]); 3] = [
            ("model", self.model.as_deref(), &[".keras"]),
            ("history", self.history.as_deref(), &[".json"]),
            ("plot", self.plot.as_deref(), &[".svg"]),
        ];
        all.into_iter().filter_map(|(key, path, endings)| Some((key, path?, endings))).collect()
    }

    /// Checks the places, and makes their folders unless `dry`. `called` names a result as its
    /// source calls it, `read` are the files that the run reads.
    pub fn check(
        &self,
        read: &[PathBuf],
        dry: bool,
        called: &dyn Fn(&'static str) -> String,
        blame: &dyn Fn(Blame, Failure) -> Failure,
    ) -> Result<(), Failure> {
        let mut places = vec![];
        for (key, path, endings) in self.all() {
            let at = |f| blame(Blame::Output(key), f);
            let who = called(key);
            places.push((who.clone(), path.to_path_buf()));
            outputs::are_apart(&places, read).map_err(at)?;
            Target { who, path, endings }.check(dry).map_err(at)?;
        }
        Ok(())
    }

    /// Fails where there is no room for the model.
    pub fn check_room(
        &self,
        model: &CompiledModel,
        called: &dyn Fn(&'static str) -> String,
    ) -> Result<(), Failure> {
        let Some(path) = &self.model else { return Ok(()) };
        let archive = model.to_archive()?;
        let weights: usize = archive.weights.walk().iter().map(|(_, a)| a.bytes().len()).sum();
        outputs::has_room(&called("model"), path, weights as u64 + BESIDE_WEIGHTS_BYTES)
    }

    /// Saves all results, the model first; what fails does not keep the others from being saved.
    pub fn save(
        &self,
        model: &CompiledModel,
        history: &History,
        tell: &Tell<'_>,
    ) -> Result<(), Failure> {
        let mut failed = None;
        let mut keep = |what: &str, path: &Path, done: Result<PathBuf, Failure>| match done {
            Ok(at) => {
                tell.saved(what, &at);
                if at != path {
                    let why = format!("{} could not be written", path.display());
                    tell.console.note(&format!("{why}: {what} is saved to {}", at.display()));
                }
            }
            Err(f) => failed = failed.take().or(Some(f)),
        };
        if let Some(p) = &self.model {
            keep("model", p, save_model(model, p));
        }
        if let Some(p) = &self.history {
            keep("history", p, files::write_json(p, &history.to_json()).map(|()| p.clone()));
        }
        if let Some(p) = &self.plot {
            keep("curves", p, history.plot(p).map(|()| p.clone()).map_err(Failure::from));
        }
        failed.map_or(Ok(()), Err)
    }

    /// The places beside these where an interrupted run puts what it has. Without a place for the
    /// model it goes into the current folder.
    pub fn interrupted(&self, model: &CompiledModel) -> Self {
        let beside = |p: &Option<PathBuf>| p.as_deref().map(outputs::interrupted);
        let name = format!("{}.interrupted.keras", model.as_layer().shown_name());
        Self {
            model: beside(&self.model).or(Some(PathBuf::from(name))),
            history: beside(&self.history),
            plot: beside(&self.plot),
        }
    }
}

/// Saves a model; where that fails, in the folder for temporary files.
fn save_model(model: &CompiledModel, path: &Path) -> Result<PathBuf, Failure> {
    let Err(e) = model.save(path) else { return Ok(path.to_path_buf()) };
    let name = path.file_name().map_or("model.keras".into(), |n| n.to_os_string());
    let kept = tempfile::Builder::new().prefix("cornu-").tempdir().map(tempfile::TempDir::keep);
    let elsewhere = kept.ok().map(|folder| folder.join(name));
    match elsewhere {
        Some(p) if model.save(&p).is_ok() => Ok(p),
        _ => Err(e.into()),
    }
}

/// How results are told: lines, or events of JSON.
pub struct Tell<'a> {
    /// Where they go.
    pub console: &'a Console,
    /// Whether as JSON.
    pub json: bool,
}

impl Tell<'_> {
    /// Tells that a result was saved.
    pub fn saved(&self, what: &str, path: &Path) {
        let shown = path.display().to_string();
        match self.json {
            true => self.console.json(&json!({"event": "saved", "what": what, "path": shown})),
            false => self.console.line(&format!("{what} saved to {shown}")),
        }
    }
}
