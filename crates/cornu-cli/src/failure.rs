//! How a command fails: one message and an exit code.

/// A failure with its exit code: 1 failed, 2 wrong usage, 3 understood but not supported, 130 and
/// 143 interrupted by Ctrl-C and SIGTERM.
#[derive(Debug)]
pub struct Failure {
    /// Exit code.
    pub code: u8,
    /// One clear message.
    pub message: String,
}

impl Failure {
    /// The call itself makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into() }
    }

    /// It failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into() }
    }

    /// The same failure, its message begun with a place.
    pub fn within(self, place: &str) -> Self {
        Self { message: format!("{place}: {}", self.message), ..self }
    }
}

impl From<cornu::Error> for Failure {
    fn from(e: cornu::Error) -> Self {
        let code = if e.is_unsupported() { 3 } else { 1 };
        Self { code, message: e.to_string() }
    }
}

impl From<cornu::data::DataError> for Failure {
    fn from(e: cornu::data::DataError) -> Self {
        cornu::Error::from(e).into()
    }
}

impl From<serde_json::Error> for Failure {
    fn from(e: serde_json::Error) -> Self {
        Self::failed(e.to_string())
    }
}
