//! What every metric has: a name, sums over a shard, and what the totals say.

use crate::Result;
use crate::config::Configured;
use crate::lowering::Cx;
use cornu_ir::Var;

/// What a metric says.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricValue {
    /// One number.
    Number(f64),
    /// A number a class or threshold.
    List(Vec<f64>),
}

impl MetricValue {
    /// A list, which is a number when it has one element.
    pub fn list(values: Vec<f64>) -> Self {
        match values[..] {
            [one] => Self::Number(one),
            _ => Self::List(values),
        }
    }
}

/// Which way a metric gets better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// More is better.
    Up,
    /// Less is better.
    Down,
}

/// The formula of a metric. Targets and weights have the type of the predictions.
pub trait MetricFunction: Configured {
    /// Keras's name.
    fn name(&self) -> &str;

    /// Sums over this shard.
    fn partials<'g>(
        &self,
        cx: &Cx<'g>,
        y_true: Var<'g>,
        y_pred: Var<'g>,
        mask: Option<Var<'g>>,
        weight: Option<Var<'g>>,
    ) -> Result<Vec<Var<'g>>>;

    /// The metric of their totals.
    fn result(&self, totals: &[Vec<f64>]) -> MetricValue;

    /// Which way it gets better, where Keras says so.
    fn direction(&self) -> Option<Direction>;
}

/// Makes the struct of a metric: Keras's config keys with their defaults, `name` and `dtype` among
/// them.
macro_rules! settings {
    ($(#[$meta:meta])* $Type:ident $name:literal $dtype:literal {
        $($(#[$field_meta:meta])* $field:ident: $T:ty = $default:expr),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $Type {
            /// Keras's name, the key in logs.
            pub name: String,
            /// Keras's type of the sums.
            pub dtype: serde_json::Value,
            $($(#[$field_meta])* pub $field: $T,)*
        }

        impl Default for $Type {
            fn default() -> Self {
                Self { name: $name.into(), dtype: $dtype.into(), $($field: $default),* }
            }
        }

        impl $Type {
            /// Keras's defaults.
            pub fn new() -> Self {
                Self::default()
            }

            /// Sets the name, the key in logs.
            pub fn name(mut self, name: impl Into<String>) -> Self {
                self.name = name.into();
                self
            }

            /// Sets Keras's type of the sums.
            pub fn dtype(mut self, dtype: impl Into<serde_json::Value>) -> Self {
                self.dtype = dtype.into();
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
