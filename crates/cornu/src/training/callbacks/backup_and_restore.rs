//! Backup of a run, to continue it after a crash.

use super::frequency::{Counter, Frequency};
use super::{Callback, Run};
use crate::saving::{H5File, atomic, hdf5_write};
use crate::training::Logs;
use crate::training::position::Position;
use crate::{Error, Result};
use serde_json::json;
use std::path::PathBuf;

arguments! {
    /// Callback that backs up a training run and continues it when the same run is started again. A
    /// run that was killed at any time and started again ends with the same bits.
    ///
    /// The backup holds weights, optimizer, position in the random numbers, states of layers,
    /// epoch, batch and the sums of the metrics. It is deleted at the end of training.
    ///
    /// Source: keras/src/callbacks/backup_and_restore.py, Keras 3.15.1. Differs: the backup is one
    /// file, which is written to a temporary name and renamed; a run can continue within an epoch;
    /// only the callback's own files are deleted. The state of other callbacks is not restored, as
    /// in Keras.
    ///
    /// ```
    /// use cornu::Fit;
    /// use cornu::callbacks::BackupAndRestore;
    /// let backup = BackupAndRestore::new("backup");
    /// assert!(backup.delete_checkpoint);
    /// let fit = Fit::new().epochs(100).callback(backup);
    /// ```
    BackupAndRestore(State) {
        /// Folder that holds the backup and nothing else.
        backup_dir: PathBuf [impl Into<PathBuf>] = PathBuf::new(),
        /// How often it saves: at each epoch, or every n batches.
        save_freq: Frequency [Frequency] = Frequency::Epoch,
        /// True to keep the previous backup too, in case the last one cannot be read.
        double_checkpoint: bool [bool] = false,
        /// True to delete the backup at the end of training.
        delete_checkpoint: bool [bool] = true,
    }
}

#[derive(Default)]
struct State {
    steps: Counter,
}

/// What the callback puts into its folder, the state first.
const FILES: [&str; 4] = [
    "latest.weights.h5",
    "latest.weights.h5.bkp",
    "training_metadata.json",
    "training_metadata.json.bkp",
];

impl BackupAndRestore {
    /// Returns the callback with the folder of the backup.
    pub fn new(backup_dir: impl Into<PathBuf>) -> Self {
        Self::default().backup_dir(backup_dir)
    }

    fn file(&self, i: usize) -> PathBuf {
        self.backup_dir.join(FILES[i])
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::Io { what: self.backup_dir.display().to_string(), source }
    }

    fn save(&self, run: &Run<'_>) -> Result<()> {
        std::fs::create_dir_all(&self.backup_dir).map_err(|e| self.failed(e))?;
        if self.double_checkpoint {
            for i in [0, 2] {
                if self.file(i).exists() {
                    atomic::write(&self.file(i + 1), &atomic::read(&self.file(i))?)?;
                }
            }
        }
        let (weights, state) = run.model.values();
        let mut root = run.model.write_values(&weights)?;
        run.model.write_optimizer_state(&state, &mut root)?;
        run.model.write_runtime(&weights, root.group_mut("training"))?;
        run.position.write(root.group_mut("training"))?;
        atomic::write(&self.file(0), &hdf5_write::write(&root)?)?;
        // Keras reads epoch and batch from here.
        let metadata = json!({"epoch": run.position.epoch, "batch": run.position.step});
        Ok(atomic::write(&self.file(2), metadata.to_string().as_bytes())?)
    }

    fn restore(&self, run: &mut Run<'_>, file: usize) -> Result<()> {
        let root = match H5File::read(&self.file(file))? {
            H5File::Weights(g) => g,
            H5File::Legacy(_) => {
                return Err(Error::Config(format!(
                    "{}: this is no backup of a run",
                    self.file(file).display()
                )));
            }
        };
        run.model.read_weights(&root)?;
        if let Some(state) = root.group("optimizer") {
            run.model.read_optimizer_state(state)?;
        }
        *run.position = match root.group("training") {
            Some(training) => {
                run.model.read_runtime(training)?;
                Position::read(training)?
            }
            None => Position::at(self.epoch_of_keras(file)?),
        };
        Ok(())
    }

    /// The epoch that Keras noted beside its weights.
    fn epoch_of_keras(&self, file: usize) -> Result<usize> {
        let path = self.file(file + 2);
        if !path.exists() {
            return Ok(0);
        }
        let v: serde_json::Value = serde_json::from_slice(&atomic::read(&path)?)?;
        Ok(v["epoch"].as_u64().unwrap_or(0) as usize)
    }
}

impl Callback for BackupAndRestore {
    fn check(&self) -> Result<()> {
        if self.backup_dir.as_os_str().is_empty() {
            return Err(Error::argument(
                "BackupAndRestore",
                "backup_dir must be given",
                "no folder",
            ));
        }
        Ok(())
    }

    fn on_train_begin(&mut self, run: &mut Run<'_>) -> Result<()> {
        let (last, before) = (self.file(0).exists(), self.file(1).exists());
        match (last, before) {
            (true, false) => self.restore(run, 0),
            (true, true) => self.restore(run, 0).or_else(|_| self.restore(run, 1)),
            _ => Ok(()),
        }
    }

    fn on_train_batch_end(&mut self, run: &mut Run<'_>, _: usize, _: &Logs) -> Result<()> {
        if self.state.steps.step(self.save_freq) { self.save(run) } else { Ok(()) }
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, _: usize, _: &mut Logs) -> Result<()> {
        if self.save_freq == Frequency::Epoch { self.save(run) } else { Ok(()) }
    }

    fn on_train_end(&mut self, _: &mut Run<'_>, _: &Logs) -> Result<()> {
        if !self.delete_checkpoint || !self.backup_dir.exists() {
            return Ok(());
        }
        for path in (0..FILES.len()).map(|i| self.file(i)).filter(|p| p.exists()) {
            std::fs::remove_file(&path).map_err(|e| self.failed(e))?;
        }
        // A folder that holds something else stays.
        let _ = std::fs::remove_dir(&self.backup_dir);
        Ok(())
    }

    fn reads_batches(&self) -> bool {
        self.save_freq != Frequency::Epoch
    }
}
