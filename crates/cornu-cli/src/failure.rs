//! How a command fails: one message and an exit code.

/// A failure: 1 failed, 2 wrong usage, 3 understood but not supported.
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

impl Failure {
    /// It failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into() }
    }
}
