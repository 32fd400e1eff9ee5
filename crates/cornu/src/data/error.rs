//! What is wrong with the data, in one sentence: who, rule, received.

use std::path::Path;

/// The result of everything in [`crate::data`].
pub type Result<T> = std::result::Result<T, DataError>;

/// How a caller should treat a [`DataError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataErrorKind {
    /// The data or the request is wrong.
    Invalid,
    /// The file could not be read or written.
    Io,
    /// The request is understood, but this build cannot do it.
    Unsupported,
}

/// An error of the form `who: rule Received: what`.
///
/// ```
/// use cornu::data::{Array, Data, check_finite};
/// let x = Data::from(vec![1.0f32, f32::NAN]);
/// assert_eq!(
///     check_finite("x.npy", &x).unwrap_err().to_string(),
///     "x.npy: every value must be finite; remove the sample, fill the gap or mask it. \
///      Received: NaN at sample 1."
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{who}: {rule} Received: {received}.")]
pub struct DataError {
    /// The file, line, array or function that complains.
    pub who: String,
    /// What must hold, and the change that mends it.
    pub rule: String,
    /// What came instead.
    pub received: String,
    /// How to treat it.
    pub kind: DataErrorKind,
}

impl DataError {
    /// A mistake in the data or the request.
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

    /// Something this build cannot do.
    pub fn unsupported(
        who: impl Into<String>,
        rule: impl Into<String>,
        received: impl Into<String>,
    ) -> Self {
        Self { kind: DataErrorKind::Unsupported, ..Self::invalid(who, rule, received) }
    }

    /// A failure of the file system; `doing` is "read" or "written".
    pub fn io(path: &Path, doing: &str, error: &std::io::Error) -> Self {
        let rule = format!("the file must be there and allow to be {doing}.");
        Self {
            kind: DataErrorKind::Io,
            ..Self::invalid(path.display().to_string(), rule, error.to_string())
        }
    }

    /// The same error, named after the file or argument in which it arose.
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
