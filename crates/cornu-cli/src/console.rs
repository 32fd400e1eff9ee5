//! What the command prints: results on standard output, words on standard error.
//!
//! A reader that goes away (`cornu … | head -1`) or a full disk behind the pipe never stops the
//! work: what cannot be written is remembered, and told once the work is done.

use crate::failure::Failure;
use anstyle::{AnsiColor, Style};
use serde_json::Value;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// The standard streams. Clones write to the same.
#[derive(Clone, Default)]
pub struct Console(Arc<Mutex<Option<io::Error>>>);

impl Console {
    /// Writes a result to standard output.
    pub fn result(&self, text: &str) {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_none() {
            let mut out = io::stdout().lock();
            *failed = out.write_all(text.as_bytes()).and_then(|()| out.flush()).err();
        }
    }

    /// Writes a result of one line.
    pub fn line(&self, text: &str) {
        self.result(&format!("{text}\n"));
    }

    /// Writes a value as one line of JSON.
    pub fn json(&self, v: &Value) {
        self.line(&cornu::saving::json::write(v));
    }

    /// Tells the user something on standard error.
    pub fn say(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{}", text.trim_end());
    }

    /// Tells the user something to look at, on standard error.
    pub fn note(&self, text: &str) {
        marked("note", AnsiColor::Cyan, text);
    }

    /// Whether all that was written arrived. A reader that went away has what it wants.
    pub fn finish(&self) -> Result<(), Failure> {
        let failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match failed.as_ref() {
            Some(e) if e.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::failed(format!("standard output cannot be written: {e}")))
            }
            _ => Ok(()),
        }
    }
}

/// Writes the message of a failure to standard error.
pub fn error(message: &str) {
    marked("error", AnsiColor::Red, message);
}

/// Writes a warning to standard error.
pub fn warning(message: &str) {
    marked("warning", AnsiColor::Yellow, message);
}

/// A word in colour, where standard error is a terminal, and what it is about.
fn marked(word: &str, colour: AnsiColor, text: &str) {
    let style = Style::new().bold().fg_color(Some(colour.into()));
    let _ = writeln!(anstream::stderr(), "{style}{word}{style:#}: {text}");
}
