//! Standard input as a data file, and data files on standard output.

use crate::console::Console;
use crate::failure::Failure;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The form of data on a standard stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table with names of its columns.
    Csv,
    /// A JSON object a line.
    Jsonl,
}

impl Format {
    fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }
}

/// Files that stand for the standard streams while a command runs.
pub struct Streams {
    folder: TempDir,
    format: Format,
}

/// Whether a path names a standard stream.
pub fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

impl Streams {
    /// The streams of a command with these paths, in a form; csv unless given.
    ///
    /// # Errors
    /// A form where no path is a stream; there is no room for temporary files.
    pub fn new<'p>(
        format: Option<Format>,
        mut paths: impl Iterator<Item = &'p PathBuf>,
    ) -> Result<Self, Failure> {
        if format.is_some() && !paths.any(|p| is_stream(p)) {
            return Err(Failure::usage(
                "--format: it is for standard input and output (`-`); files have the form that \
                 their endings say",
            ));
        }
        let format = format.unwrap_or(Format::Csv);
        let folder = tempfile::tempdir()
            .map_err(|e| Failure::failed(format!("folder for temporary files: {e}")))?;
        Ok(Self { folder, format })
    }

    /// The paths with standard input as a file, read to its end.
    ///
    /// # Errors
    /// Standard input is named twice, or cannot be read.
    pub fn inputs(&self, paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
        if paths.iter().filter(|p| is_stream(p)).count() > 1 {
            return Err(Failure::usage("--input -: standard input can be read once"));
        }
        let file = |p: &PathBuf| -> Result<PathBuf, Failure> {
            if !is_stream(p) {
                return Ok(p.clone());
            }
            let path = self.folder.path().join(format!("stdin.{}", self.format.extension()));
            std::fs::File::create(&path)
                .and_then(|mut f| io::copy(&mut io::stdin().lock(), &mut f))
                .map_err(|e| Failure::failed(format!("standard input: {e}")))?;
            Ok(path)
        };
        paths.iter().map(file).collect()
    }

    /// The file that stands for standard output.
    pub fn output(&self) -> PathBuf {
        self.folder.path().join(format!("stdout.{}", self.format.extension()))
    }

    /// Writes the file that stands for standard output there.
    ///
    /// # Errors
    /// It was not written.
    pub fn deliver(&self, console: &Console) -> Result<(), Failure> {
        let text = std::fs::read_to_string(self.output())
            .map_err(|e| Failure::failed(format!("standard output: {e}")))?;
        console.result(&text);
        Ok(())
    }

    /// A failure that calls the streams by their names.
    pub fn named(&self, f: Failure) -> Failure {
        let shown = |p: PathBuf| p.display().to_string();
        let input = shown(self.folder.path().join(format!("stdin.{}", self.format.extension())));
        let message = f.message.replace(&input, "standard input");
        Failure { message: message.replace(&shown(self.output()), "standard output"), ..f }
    }
}
