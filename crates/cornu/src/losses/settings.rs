//! What every loss has: a name, a reduction, and a function of targets and predictions.

use super::reduction::Reduction;
use crate::Result;
use crate::layers::Cx;
use cornu_ir::Var;

/// Keras's `epsilon()`.
pub(crate) const EPSILON: f64 = 1e-7;

/// Values before the reduction.
#[derive(Clone, Copy, Debug)]
pub struct Values<'g> {
    /// A number a sample, or a sample and timestep; of rank 0 where the loss is one number for the
    /// batch.
    pub value: Var<'g>,
    /// bool, of the dims of `value`: which of them count. `None` when all do.
    pub mask: Option<Var<'g>>,
}

impl<'g> From<Var<'g>> for Values<'g> {
    fn from(value: Var<'g>) -> Self {
        Self { value, mask: None }
    }
}

/// Name and reduction of a loss.
pub trait Settings {
    /// Keras's name.
    fn name(&self) -> &str;
    /// How the values of a batch become one.
    fn reduction(&self) -> Reduction;
}

/// The formula of a loss.
pub trait LossFunction: Settings {
    /// Values of targets and predictions of one float type, their ranks already matched where one
    /// of them ends in 1.
    fn values<'g>(&self, cx: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>>;

    /// Whether values meet along an axis of predictions of this rank before the reduction, but for
    /// the last axis where it is `rank − 1` anyway: along axis 0 the whole batch is needed in one
    /// graph, along axis 1 whole sequences.
    fn joins(&self, axis: usize, rank: usize) -> bool {
        let _ = (axis, rank);
        false
    }

    /// Whether targets are ids of classes.
    fn takes_class_ids(&self) -> bool {
        false
    }
}

/// Makes the struct of a loss: Keras's config keys with their defaults, `name` and `reduction`
/// among them.
macro_rules! settings {
    ($(#[$meta:meta])* $Type:ident $name:literal {
        $($(#[$field_meta:meta])* $field:ident: $T:ty = $default:expr),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $Type {
            /// Keras's name.
            pub name: String,
            /// How the values of a batch become one.
            pub reduction: $crate::losses::Reduction,
            $($(#[$field_meta])* pub $field: $T,)*
        }

        impl Default for $Type {
            fn default() -> Self {
                Self { name: $name.into(), reduction: Default::default(), $($field: $default),* }
            }
        }

        impl $crate::losses::Settings for $Type {
            fn name(&self) -> &str {
                &self.name
            }
            fn reduction(&self) -> $crate::losses::Reduction {
                self.reduction
            }
        }
    };
}
pub(crate) use settings;
