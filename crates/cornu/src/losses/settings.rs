//! The trait of losses: a name, a reduction, and a function of targets and predictions.

use super::reduction::Reduction;
use crate::Result;
use crate::config::Configured;
use crate::lowering::Cx;
use cornu_ir::Var;

/// Keras's `epsilon()`.
pub(crate) const EPSILON: f64 = 1e-7;

/// Values of a loss before the reduction.
#[derive(Clone, Copy, Debug)]
pub struct Values<'g> {
    /// One number for each sample or timestep; of rank 0 if the loss is one number for the batch.
    pub value: Var<'g>,
    /// Mask (bool, with the dims of `value`) of the values that count; `None` if all do.
    pub mask: Option<Var<'g>>,
}

impl<'g> From<Var<'g>> for Values<'g> {
    fn from(value: Var<'g>) -> Self {
        Self { value, mask: None }
    }
}

/// Trait of losses. A loss of your own implements `values`; [`class!`](crate::class) gives the name
/// that files hold.
///
/// ```
/// use cornu::extend::{Cx, LossFunction, Values, Var, serde};
/// use cornu::losses::Loss;
///
/// /// `max(q e, (q - 1) e)` of the error `e = y_true - y_pred`, the mean over the last axis.
/// #[derive(Debug, serde::Serialize, serde::Deserialize)]
/// struct Quantile {
///     q: f64,
/// }
/// cornu::class!(Quantile = "forecast>Quantile");
///
/// impl LossFunction for Quantile {
///     fn values<'g>(
///         &self,
///         _: &Cx<'g>,
///         y_true: Var<'g>,
///         y_pred: Var<'g>,
///     ) -> cornu::Result<Values<'g>> {
///         let e = y_true - y_pred;
///         Ok((e * self.q).maximum(e * (self.q - 1.0)).mean(&[-1], false).into())
///     }
/// }
///
/// let loss = Loss::from(Quantile { q: 0.9 });
/// assert_eq!(loss.name(), "Quantile");
/// let y_true = ndarray::array![[1.0f32], [0.0]];
/// let y_pred = ndarray::array![[0.0f32], [1.0]];
/// assert!((loss.value(&y_true, &y_pred)? - 0.5).abs() < 1e-7);
/// # Ok::<(), cornu::Error>(())
/// ```
pub trait LossFunction: Configured {
    /// Returns the name of the loss, by default its class.
    fn name(&self) -> &str {
        self.class()
    }

    /// Returns the reduction of the values of a batch, by default their mean.
    fn reduction(&self) -> Reduction {
        Reduction::default()
    }

    /// Returns the loss of each sample or timestep. Targets and predictions have the same float
    /// type, and the same rank if one of them ends in an axis of 1.
    ///
    /// # Errors
    /// Shapes that the loss does not take.
    fn values<'g>(&self, cx: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>>;

    /// True if a value depends on other elements along an axis of predictions of this rank, the
    /// last axis excepted. Along axis 0 the whole batch is needed in one graph, along axis 1 whole
    /// sequences.
    fn joins(&self, axis: usize, rank: usize) -> bool {
        let _ = (axis, rank);
        false
    }

    /// True if targets are ids of classes.
    fn takes_class_ids(&self) -> bool {
        false
    }
}

/// The name and the reduction of a built-in loss.
macro_rules! named {
    () => {
        fn name(&self) -> &str {
            &self.name
        }

        fn reduction(&self) -> $crate::losses::Reduction {
            self.reduction
        }
    };
}
pub(crate) use named;

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
            /// Name of the loss.
            pub name: String,
            /// Reduction of the values of a batch.
            pub reduction: $crate::losses::Reduction,
            $($(#[$field_meta])* pub $field: $T,)*
        }

        impl Default for $Type {
            fn default() -> Self {
                Self { name: $name.into(), reduction: Default::default(), $($field: $default),* }
            }
        }

        impl $Type {
            /// Returns the loss with Keras's defaults.
            pub fn new() -> Self {
                Self::default()
            }

            /// Sets the name of the loss.
            pub fn name(mut self, name: impl Into<String>) -> Self {
                self.name = name.into();
                self
            }

            /// Sets the reduction of the values of a batch.
            pub fn reduction(mut self, reduction: $crate::losses::Reduction) -> Self {
                self.reduction = reduction;
                self
            }

            $(
                #[doc = concat!("Sets `", stringify!($field), "`; see the field of this name.")]
                pub fn $field(mut self, $field: $T) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}
pub(crate) use settings;
