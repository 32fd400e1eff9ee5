//! What can go wrong, said so that the reader knows who, which rule, what came, and what to change.

use cornu_ir::{ShapeError, Spec};

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A layer was called on values it does not take.
    #[error("{class} `{name}`: {rule}. Received: {received}")]
    Call {
        /// Class of the layer, in Keras's word.
        class: String,
        /// Its name.
        name: String,
        /// What must hold.
        rule: String,
        /// What came.
        received: String,
    },
    /// A setting that has no meaning.
    #[error("{who}: {rule}. Received: {received}")]
    Argument {
        /// Whose setting.
        who: String,
        /// What must hold.
        rule: String,
        /// What came.
        received: String,
    },
    /// Data that do not fit the model.
    #[error("{0}")]
    Data(String),
    /// A configuration that cannot be read.
    #[error("{0}")]
    Config(String),
    /// Understood, but not something cornu does.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// A model file.
    #[error(transparent)]
    File(#[from] crate::saving::FileError),
    /// Reading or writing failed.
    #[error("{what}: {source}")]
    Io {
        /// Which file or stream.
        what: String,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// A setting of `who` that breaks `rule`.
    pub fn argument(
        who: impl Into<String>,
        rule: impl Into<String>,
        received: impl std::fmt::Display,
    ) -> Self {
        Error::Argument { who: who.into(), rule: rule.into(), received: received.to_string() }
    }

    /// A call with shapes that break `rule`. The layer's class and name are added where the layer
    /// is known.
    pub fn shapes(rule: impl Into<String>, received: &[Spec]) -> Self {
        let dims = |s: &Spec| cornu_ir::spec::dims_text(&s.dims);
        let received = match received {
            [one] => dims(one),
            many => format!("[{}]", many.iter().map(dims).collect::<Vec<_>>().join(", ")),
        };
        Error::Call { class: String::new(), name: String::new(), rule: rule.into(), received }
    }

    /// Whether cornu understood what was asked, and does not do it.
    pub fn is_unsupported(&self) -> bool {
        match self {
            Error::Unsupported(_) => true,
            Error::File(e) => matches!(e, crate::saving::FileError::Unsupported { .. }),
            _ => false,
        }
    }

    /// The same error, raised by this layer.
    pub fn of_layer(self, layer_class: &str, layer_name: &str) -> Self {
        match self {
            Error::Call { class, rule, received, .. } if class.is_empty() => {
                Error::Call { class: layer_class.into(), name: layer_name.into(), rule, received }
            }
            Error::Argument { who, rule, received } if who.is_empty() => {
                Error::Argument { who: format!("{layer_class} `{layer_name}`"), rule, received }
            }
            other => other,
        }
    }
}

impl From<ShapeError> for Error {
    fn from(e: ShapeError) -> Self {
        Error::Call {
            class: String::new(),
            name: String::new(),
            rule: format!("{}: {}", e.op, e.rule),
            received: e.received,
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(e: serde_json::Error) -> Self {
        Error::Config(e.to_string())
    }
}
