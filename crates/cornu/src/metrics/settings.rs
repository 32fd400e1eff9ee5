//! What every metric has: a name, sums over a shard, and what the totals say.

use crate::Result;
use crate::config::Configured;
use crate::lowering::Cx;
use cornu_ir::Var;

/// Result of a metric.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricValue {
    /// One number.
    Number(f64),
    /// One number for each class or threshold.
    List(Vec<f64>),
}

impl MetricValue {
    /// Returns a list, or a number if there is only one element.
    pub fn list(values: Vec<f64>) -> Self {
        match values[..] {
            [one] => Self::Number(one),
            _ => Self::List(values),
        }
    }
}

/// Direction in which a metric improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Larger values are better.
    Up,
    /// Smaller values are better.
    Down,
}

/// Trait of metrics: sums over a batch, and a result computed from their totals. Targets and
/// weights have the type of the predictions.
pub trait MetricFunction: Configured {
    /// Returns the name of the metric, its key in logs.
    fn name(&self) -> &str;

    /// Returns the sums over this shard of the batch.
    fn partials<'g>(
        &self,
        cx: &Cx<'g>,
        y_true: Var<'g>,
        y_pred: Var<'g>,
        mask: Option<Var<'g>>,
        weight: Option<Var<'g>>,
    ) -> Result<Vec<Var<'g>>>;

    /// Returns the metric of the totals of these sums.
    fn result(&self, totals: &[Vec<f64>]) -> MetricValue;

    /// Returns the direction in which the metric improves; `None` if Keras does not say.
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
            /// Name of the metric, its key in logs.
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
            /// Returns the metric with Keras's defaults.
            pub fn new() -> Self {
                Self::default()
            }

            /// Sets the name of the metric, its key in logs.
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
