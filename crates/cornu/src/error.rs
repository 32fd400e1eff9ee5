//! What can go wrong, said so that the reader knows who, which rule, what came, and what to change.

use cornu_ir::{ShapeError, Spec};

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong.
///
/// The text says who complains, what must hold, what came, and the change that mends it. Programs
/// match the variants, or ask for the parts.
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
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
