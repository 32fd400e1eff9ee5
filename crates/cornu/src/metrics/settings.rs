//! What a metric says, which way it gets better, and the settings of built-in metrics.

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

    /// Returns the number, or the first one of a list.
    ///
    /// ```
    /// use cornu::metrics::MetricValue;
    /// assert_eq!(MetricValue::Number(0.75).number(), 0.75);
    /// assert_eq!(MetricValue::List(vec![0.5, 1.0]).number(), 0.5);
    /// ```
    pub fn number(&self) -> f64 {
        match self {
            Self::Number(x) => *x,
            Self::List(items) => items.first().copied().unwrap_or(f64::NAN),
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
