//! The one error of this module: which file, what rule it breaks, what was found, how to mend it.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Error of reading or writing a model file.
///
/// The text is `who: rule. Received: what. cure`, where `who` is the file and the path in it, as
/// `model.keras: model.weights.h5: layers/dense/vars/0`.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file breaks a rule of its format, or one of the limits kept for safety.
    #[error("{place}: {rule}. Received: {received}. {cure}")]
    Refused {
        /// File and place in it.
        place: String,
        /// Rule of the format.
        rule: String,
        /// What the file has instead.
        received: String,
        /// The cure.
        cure: String,
    },
    /// The file is understood, and holds something that is not supported.
    #[error("{place}: {what} is not supported. {cure}")]
    Unsupported {
        /// File and place in it.
        place: String,
        /// What is not supported.
        what: String,
        /// The way around it.
        cure: String,
    },
    /// The operating system refused.
    #[error("{place}: cannot {action}: {source}")]
    Io {
        /// The file.
        place: String,
        /// `read`, `write`, …
        action: String,
        /// The system's reason.
        source: io::Error,
    },
}

impl FileError {
    /// Returns the error of a broken rule; [`FileError::within`] adds the file.
    pub fn refused(
        rule: impl Into<String>,
        received: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        FileError::Refused {
            place: String::new(),
            rule: rule.into(),
            received: received.into(),
            cure: cure.into(),
        }
    }

    /// Returns the error of a feature that is not supported.
    pub fn unsupported(what: impl Into<String>, cure: impl Into<String>) -> Self {
        FileError::Unsupported { place: String::new(), what: what.into(), cure: cure.into() }
    }

    /// Returns the operating system's error of an action.
    pub fn io(action: impl Into<String>, source: io::Error) -> Self {
        FileError::Io { place: String::new(), action: action.into(), source }
    }

    /// Adds the file or part of it in which the error occurred.
    pub fn within(mut self, outer: impl AsRef<str>) -> Self {
        let (FileError::Refused { place, .. }
        | FileError::Unsupported { place, .. }
        | FileError::Io { place, .. }) = &mut self;
        *place = if place.is_empty() {
            outer.as_ref().to_owned()
        } else {
            format!("{}: {place}", outer.as_ref())
        };
        self
    }

    /// True if the file is sound but holds something that is not supported.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, FileError::Unsupported { .. })
    }
}

/// Runs a reader that is not ours, so that a panic inside it is an error of the file.
pub(crate) fn guarded<T>(reader: impl FnOnce() -> Result<T, FileError>) -> Result<T, FileError> {
    match catch_unwind(AssertUnwindSafe(reader)) {
        Ok(result) => result,
        Err(panic) => Err(FileError::refused(
            "the file must be sound",
            format!("bytes that stopped the reader ({})", panic_text(&*panic)),
            "Save the model again, or copy the file again from its source.",
        )),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_nest_from_the_outside() {
        let error = FileError::refused("a rule", "a thing", "Mend it.")
            .within("vars/0")
            .within("model.keras");
        assert_eq!(error.to_string(), "model.keras: vars/0: a rule. Received: a thing. Mend it.");
    }

    #[test]
    fn a_panic_is_an_error() {
        let error = guarded::<()>(|| panic!("index 7")).unwrap_err();
        assert!(error.to_string().contains("index 7"));
    }
}
