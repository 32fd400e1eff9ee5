//! CSV file with the losses and metrics of each epoch.

use super::python_format::repr;
use super::{Callback, Run};
use crate::metrics::MetricValue;
use crate::training::Logs;
use crate::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

arguments! {
    /// Callback that writes losses and metrics of each epoch to a CSV file: `epoch`, then the keys
    /// in sorted order. Numbers are written as Python prints them, lines end in CR LF. Without
    /// validation data the columns `val_…` hold `NA`.
    ///
    /// Source: keras/src/callbacks/csv_logger.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::Fit;
    /// use cornu::callbacks::CSVLogger;
    /// let log = CSVLogger::new("training.csv").separator(";").append(true);
    /// assert_eq!((log.separator.as_str(), log.append), (";", true));
    /// let fit = Fit::new().epochs(10).callback(log);
    /// ```
    CSVLogger(State) {
        /// Path of the file.
        filename: PathBuf [impl Into<PathBuf>] = PathBuf::new(),
        /// Separator of the columns, one character.
        separator: String [&str] = ",".into(),
        /// True to append to an existing file, false to replace it.
        append: bool [bool] = false,
    }
}

#[cfg(feature = "csv")]
type Writer = csv::Writer<File>;
/// There is none without the feature.
#[cfg(not(feature = "csv"))]
type Writer = std::convert::Infallible;

#[derive(Default)]
struct State {
    writer: Option<Writer>,
    keys: Option<Vec<String>>,
    with_header: bool,
}

impl CSVLogger {
    /// Returns the callback with the path of the file.
    pub fn new(filename: impl Into<PathBuf>) -> Self {
        Self::default().filename(filename)
    }

    fn failed(&self, source: impl Into<std::io::Error>) -> Error {
        Error::Io { what: self.filename.display().to_string(), source: source.into() }
    }

    /// Writes a line and hands it to the system at once.
    fn write(&mut self, row: &[String]) -> Result<()> {
        let Some(writer) = &mut self.state.writer else { return Ok(()) };
        written(writer, row).map_err(|e| self.failed(e))
    }

    #[cfg(feature = "csv")]
    fn writer(&self, file: File) -> Result<Writer> {
        let mut builder = csv::WriterBuilder::new();
        builder
            .delimiter(self.separator.as_bytes()[0])
            .terminator(csv::Terminator::CRLF)
            .flexible(true);
        Ok(builder.from_writer(file))
    }

    #[cfg(not(feature = "csv"))]
    fn writer(&self, _: File) -> Result<Writer> {
        Err(super::without_feature("CSVLogger", "csv"))
    }
}

#[cfg(feature = "csv")]
fn written(writer: &mut Writer, row: &[String]) -> std::io::Result<()> {
    writer.write_record(row).map_err(std::io::Error::from).and_then(|()| writer.flush())
}

#[cfg(not(feature = "csv"))]
fn written(writer: &mut Writer, _: &[String]) -> std::io::Result<()> {
    match *writer {}
}

/// Whether the first line of a file holds anything.
fn has_header(path: &Path) -> std::io::Result<bool> {
    let mut line = Vec::new();
    BufReader::new(File::open(path)?).read_until(b'\n', &mut line)?;
    Ok(!line.is_empty())
}

fn text(v: &MetricValue) -> String {
    match v {
        MetricValue::Number(x) => repr(*x),
        // Lists are arrays of 32 bits in Keras, and print with the digits of that type.
        MetricValue::List(items) => {
            format!(
                "\"[{}]\"",
                items
                    .iter()
                    .map(|x| repr((*x as f32).to_string().parse().unwrap_or(*x)))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
    }
}

impl Callback for CSVLogger {
    fn check(&self) -> Result<()> {
        if cfg!(not(feature = "csv")) {
            return Err(super::without_feature("CSVLogger", "csv"));
        }
        if self.filename.as_os_str().is_empty() {
            return Err(Error::argument("CSVLogger", "filename must be given", "no name"));
        }
        if self.separator.len() != 1 {
            return Err(Error::argument(
                "CSVLogger",
                "separator must be one character",
                format!("{:?}", self.separator),
            ));
        }
        Ok(())
    }

    fn on_train_begin(&mut self, _: &mut Run<'_>) -> Result<()> {
        let with_header = !(self.append
            && self.filename.exists()
            && has_header(&self.filename).map_err(|e| self.failed(e))?);
        let file = if self.append {
            OpenOptions::new().create(true).append(true).open(&self.filename)
        } else {
            File::create(&self.filename)
        };
        let file = file.map_err(|e| self.failed(e))?;
        let writer = Some(self.writer(file)?);
        self.state = State { writer, keys: None, with_header };
        Ok(())
    }

    fn on_epoch_end(&mut self, _: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        if self.state.keys.is_none() {
            let mut keys: Vec<String> = logs.keys().cloned().collect();
            if !keys.iter().any(|k| k.starts_with("val_")) {
                keys.extend(logs.keys().map(|k| format!("val_{k}")));
            }
            if self.state.with_header {
                let header: Vec<String> =
                    std::iter::once("epoch".to_string()).chain(keys.iter().cloned()).collect();
                self.write(&header)?;
            }
            self.state.keys = Some(keys);
        }
        let keys = self.state.keys.iter().flatten();
        let row: Vec<String> = std::iter::once(epoch.to_string())
            .chain(keys.map(|k| logs.get(k).map_or("NA".into(), text)))
            .collect();
        self.write(&row)
    }

    fn on_train_end(&mut self, _: &mut Run<'_>, _: &Logs) -> Result<()> {
        self.state.writer = None;
        Ok(())
    }

    fn reads_batches(&self) -> bool {
        false
    }
}
