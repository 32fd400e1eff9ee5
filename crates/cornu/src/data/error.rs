//! What is wrong with the data, in one sentence: who, rule, received.

use std::path::Path;

/// Result of functions of [`crate::data`].
pub type Result<T> = std::result::Result<T, DataError>;

/// Kind of a [`DataError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataErrorKind {
    /// The data or the request is wrong.
    Invalid,
    /// The file could not be read or written.
    Io,
    /// This build does not support the request.
    Unsupported,
}

/// Error of data, of the form `who: rule Received: what`.
///
/// ```
/// use cornu::data::{Array, Data, check_finite};
/// let x = Data::from(vec![1.0f32, f32::NAN]);
/// assert_eq!(
///     check_finite("x.npy", &x).unwrap_err().to_string(),
///     "x.npy: every value must be finite, at masked timesteps too, where any number will \
///      do; remove the sample or fill the gap. \
///      Received: NaN at sample 1."
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{who}: {rule} Received: {received}.")]
pub struct DataError {
    /// File, line, array or function that reports the error.
    pub who: String,
    /// The rule that was broken, and the cure.
    pub rule: String,
    /// The value that was received.
    pub received: String,
    /// Kind of the error.
    pub kind: DataErrorKind,
}

impl DataError {
    /// Returns the error of wrong data or a wrong request.
    pub fn invalid(
        who: impl Into<String>,
        rule: impl Into<String>,
        received: impl Into<String>,
    ) -> Self {
        Self {
            who: who.into(),
            rule: rule.into(),
            received: received.into(),
            kind: DataErrorKind::Invalid,
        }
    }

    /// Returns the error of a request that this build does not support.
    pub fn unsupported(
        who: impl Into<String>,
        rule: impl Into<String>,
        received: impl Into<String>,
    ) -> Self {
        Self { kind: DataErrorKind::Unsupported, ..Self::invalid(who, rule, received) }
    }

    /// Returns the error of the file system; `doing` is "read" or "written".
    pub fn io(path: &Path, doing: &str, error: &std::io::Error) -> Self {
        let rule = format!("the file must be there and allow to be {doing}.");
        Self {
            kind: DataErrorKind::Io,
            ..Self::invalid(path.display().to_string(), rule, error.to_string())
        }
    }

    /// Adds the file or argument in which the error occurred.
    pub fn within(mut self, place: &str) -> Self {
        self.who = format!("{place}: {}", self.who);
        self
    }
}

impl From<DataError> for crate::Error {
    fn from(error: DataError) -> Self {
        match error.kind {
            DataErrorKind::Unsupported => crate::Error::Unsupported(error.to_string()),
            DataErrorKind::Invalid | DataErrorKind::Io => crate::Error::Data(error.to_string()),
        }
    }
}
