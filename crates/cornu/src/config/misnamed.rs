//! A name that no class has, where an object was to be named.

use super::Configured;
use crate::Error;
use serde_json::Value;

/// The object of a name that no class of its family has. A builder method takes names without
/// failing; the call of the layer reports it.
#[derive(Debug)]
pub(crate) struct Misnamed {
    name: String,
    message: String,
}

impl Misnamed {
    /// The object of a name, and the error that looking it up gave.
    pub fn new(name: &str, error: &Error) -> Self {
        Self { name: name.into(), message: error.to_string() }
    }

    /// The error of using it.
    pub fn error(&self) -> Error {
        let message = self.message.strip_prefix("not supported: ").unwrap_or(&self.message);
        Error::argument("", message, format!("`{}`", self.name))
    }
}

impl Configured for Misnamed {
    fn class(&self) -> &'static str {
        "Misnamed"
    }

    fn config(&self) -> Value {
        self.name.clone().into()
    }
}
