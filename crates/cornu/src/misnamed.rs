//! Names that no initializer, regularizer or constraint has. A builder method takes a name without
//! failing; the call of the layer reports it.

use crate::config::Configured;
use crate::constraints::{Constrain, Constraint};
use crate::initializers::{Draw, Initialize, Initializer};
use crate::regularizers::{Regularize, Regularizer};
use crate::{Error, Result};
use cornu_ir::{ShapeError, Var};
use serde_json::Value;

/// The object of a name that no class of its family has.
#[derive(Debug)]
struct Misnamed {
    name: String,
    /// What looking the name up gave.
    message: String,
}

impl Misnamed {
    fn new(name: &str, error: &Error) -> Self {
        Self { name: name.into(), message: error.to_string() }
    }

    /// The error of using it.
    fn error(&self) -> Error {
        let message = self.message.strip_prefix("not supported: ").unwrap_or(&self.message);
        Error::argument("", message, format!("`{}`", self.name))
    }

    /// Fails the graph that a value stands in.
    fn fail(&self, v: Var<'_>) {
        let (op, received) = ("setting".into(), format!("`{}`", self.name));
        v.builder().fail(ShapeError { op, rule: self.message.clone(), received });
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

impl Initialize for Misnamed {
    fn values(&self, _: &[usize], _: &mut Draw) -> Result<Vec<f64>> {
        Err(self.error())
    }

    fn check(&self) -> Result<()> {
        Err(self.error())
    }
}

impl Regularize for Misnamed {
    fn of<'g>(&self, x: Var<'g>) -> Var<'g> {
        self.fail(x);
        x.builder().scalar(x.dtype(), 0.0)
    }

    fn check(&self) -> Result<()> {
        Err(self.error())
    }
}

impl Constrain for Misnamed {
    fn of<'g>(&self, w: Var<'g>) -> Var<'g> {
        self.fail(w);
        w
    }

    fn check(&self) -> Result<()> {
        Err(self.error())
    }
}

macro_rules! by_name {
    ($($Family:ident)*) => {$(
        impl From<&str> for $Family {
            /// Returns the object of a name; for an unknown name the call of the layer fails.
            fn from(name: &str) -> Self {
                Self::by_name(name).unwrap_or_else(|e| Self::new(Misnamed::new(name, &e)))
            }
        }
    )*};
}

by_name! { Initializer Regularizer Constraint }
