//! The error type: every error says who, which rule, what was received, and the cure.

use cornu_ir::{ShapeError, Spec};

/// Result of cornu's functions, with [`Error`] as error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Error of cornu: says who complains, which rule was broken, and what was received.
///
/// The message also names the change that mends it. Programs match the variants, or ask for the
/// parts.
///
/// ```
/// use cornu::{Dense, Error, Input, Model, Predict};
/// let x = Input::named("series", [20, 1]);
/// let model = Model::new(&x, &Dense::new(2).call(&x)?)?;
/// let error = model.predict(&ndarray::Array2::<f32>::zeros((5, 20)), Predict::new()).unwrap_err();
/// assert!(matches!(error, Error::Shape { .. }));
/// assert_eq!(error.expected(), Some("rank 3, (None, 20, 1) = (batch, timesteps, features)"));
/// assert_eq!(error.received(), Some("rank 2, (5, 20)"));
/// assert!(error.cure().unwrap().contains("reshape"));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A layer was called on inputs that it does not take.
    #[error("{class} `{name}`: {rule}. Received: {received}")]
    Call {
        /// Keras's name of the layer's class.
        class: String,
        /// Name of the layer.
        name: String,
        /// The rule that was broken.
        rule: String,
        /// The value that was received.
        received: String,
    },
    /// A setting has an invalid value.
    #[error("{who}: {rule}. Received: {received}")]
    Argument {
        /// Owner of the setting.
        who: String,
        /// The rule that was broken.
        rule: String,
        /// The value that was received.
        received: String,
    },
    /// Data of a shape that the model does not take.
    #[error("{who}: expected {expected}. Received: {received}{}", after(cure))]
    Shape {
        /// The input, the target or the weight.
        who: String,
        /// The axis that differs, where it is one; 0 is the batch.
        axis: Option<usize>,
        /// What must hold.
        expected: String,
        /// What came.
        received: String,
        /// The change that mends it, where one is known.
        cure: Option<String>,
    },
    /// Data do not fit the model.
    #[error("{0}")]
    Data(String),
    /// A configuration cannot be read.
    #[error("{0}")]
    Config(String),
    /// A feature of Keras that cornu does not support.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// A model file is damaged or cannot be read.
    #[error(transparent)]
    File(#[from] crate::saving::FileError),
    /// Reading or writing failed.
    #[error("{what}: {source}")]
    Io {
        /// File or stream.
        what: String,
        /// Error of the operating system.
        source: std::io::Error,
    },
}

/// Prints the message, so that a `main` that returns an error tells it in words.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// A cure behind a message.
fn after(cure: &Option<String>) -> String {
    cure.as_ref().map_or(String::new(), |cure| format!("; {cure}"))
}

impl Error {
    /// Returns the class and the name of the layer that complains, where one does.
    pub fn layer(&self) -> Option<(&str, &str)> {
        match self {
            Error::Call { class, name, .. } => Some((class, name)),
            _ => None,
        }
    }

    /// Returns the axis that differs, where one does; 0 is the batch.
    pub fn axis(&self) -> Option<usize> {
        match self {
            Error::Shape { axis, .. } => *axis,
            _ => None,
        }
    }

    /// Returns what must hold.
    pub fn expected(&self) -> Option<&str> {
        match self {
            Error::Shape { expected: rule, .. }
            | Error::Call { rule, .. }
            | Error::Argument { rule, .. } => Some(rule),
            _ => None,
        }
    }

    /// Returns what came.
    pub fn received(&self) -> Option<&str> {
        match self {
            Error::Shape { received, .. }
            | Error::Call { received, .. }
            | Error::Argument { received, .. } => Some(received),
            _ => None,
        }
    }

    /// Returns the change that mends it, where the error knows one.
    pub fn cure(&self) -> Option<&str> {
        match self {
            Error::Shape { cure, .. } => cure.as_deref(),
            _ => None,
        }
    }

    /// Returns the error of an invalid setting: who complains, the rule, what was received.
    pub fn argument(
        who: impl Into<String>,
        rule: impl Into<String>,
        received: impl std::fmt::Display,
    ) -> Self {
        Error::Argument { who: who.into(), rule: rule.into(), received: received.to_string() }
    }

    /// Returns the error of a call with shapes that break `rule`. Class and name of the layer are
    /// added by [`Error::of_layer`].
    pub fn shapes(rule: impl Into<String>, received: &[Spec]) -> Self {
        let dims = |s: &Spec| cornu_ir::spec::dims_text(&s.dims);
        let received = match received {
            [one] => dims(one),
            many => format!("[{}]", many.iter().map(dims).collect::<Vec<_>>().join(", ")),
        };
        Error::Call { class: String::new(), name: String::new(), rule: rule.into(), received }
    }

    /// True for a feature of Keras that cornu does not support.
    pub fn is_unsupported(&self) -> bool {
        match self {
            Error::Unsupported(_) => true,
            Error::File(e) => matches!(e, crate::saving::FileError::Unsupported { .. }),
            _ => false,
        }
    }

    /// Returns the error with class and name of the layer that raised it.
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
