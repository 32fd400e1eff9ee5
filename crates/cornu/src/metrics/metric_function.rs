//! The trait of metrics: a name, and a mean over samples or sums of your own.

use super::mean::{masked_mean, ratio};
use super::settings::{Direction, MetricValue};
use crate::config::Configured;
use crate::losses::Values;
use crate::lowering::Cx;
use crate::{Error, Result};
use cornu_ir::Var;

/// The formula of a metric.
///
/// A metric that is a mean over samples needs `values`. Any other one has sums of its own, which
/// are added up over batches: it needs `partials` and `result`. [`class!`](crate::class) says how
/// files name it.
///
/// ```
/// use cornu::MetricState;
/// use cornu::extend::{Cx, MetricFunction, Values, Var, serde};
///
/// /// The share of targets that are at most the prediction.
/// #[derive(Debug, serde::Serialize, serde::Deserialize)]
/// struct Coverage {}
/// cornu::class!(Coverage = "forecast>Coverage");
///
/// impl MetricFunction for Coverage {
///     fn values<'g>(
///         &self,
///         _: &Cx<'g>,
///         y_true: Var<'g>,
///         y_pred: Var<'g>,
///     ) -> cornu::Result<Values<'g>> {
///         Ok(y_true.le(y_pred).cast(y_pred.dtype()).into())
///     }
/// }
///
/// let mut coverage = MetricState::new(Coverage {});
/// let (y_true, y_pred) = (ndarray::arr1(&[1.0f32, 2.0, 3.0, 4.0]), ndarray::arr1(&[3.0f32; 4]));
/// coverage.update(&y_true, &y_pred)?;
/// assert_eq!(coverage.result().number(), 0.75);
/// # Ok::<(), cornu::Error>(())
/// ```
pub trait MetricFunction: Configured {
    /// Returns the name of the metric, the key in logs; by default its class.
    fn name(&self) -> &str {
        self.class()
    }

    /// Returns the numbers whose mean is the metric: one for each sample (or each timestep), from
    /// targets and predictions of one float type.
    ///
    /// # Errors
    /// Shapes that the metric does not take; a metric that implements `partials` instead.
    fn values<'g>(&self, _: &Cx<'g>, _y_true: Var<'g>, _y_pred: Var<'g>) -> Result<Values<'g>> {
        let rule = "a metric implements `values`, or `partials` and `result`";
        Err(Error::argument(self.name(), rule, "neither"))
    }

    /// Returns sums over a part of a batch. They are added up over the parts and the batches.
    ///
    /// # Errors
    /// As [`MetricFunction::values`].
    fn partials<'g>(
        &self,
        cx: &Cx<'g>,
        y_true: Var<'g>,
        y_pred: Var<'g>,
        mask: Option<Var<'g>>,
        weight: Option<Var<'g>>,
    ) -> Result<Vec<Var<'g>>> {
        masked_mean(self.name(), self.values(cx, y_true, y_pred)?, mask, weight)
    }

    /// Returns the metric of the sums of all batches: by default the first over the second.
    fn result(&self, totals: &[Vec<f64>]) -> MetricValue {
        ratio(totals)
    }

    /// Returns which way the metric gets better, where that is known: callbacks of mode `auto` ask.
    fn direction(&self) -> Option<Direction> {
        None
    }
}

/// Makes metrics that are means of a number a sample: `Type "name" Direction {settings} |self,
/// cx, y_true, y_pred| values`.
macro_rules! mean_metrics {
    ($(
        $(#[$meta:meta])* $Type:ident $name:literal $Direction:ident {
            $($(#[$field_meta:meta])* $field:ident: $T:ty = $default:expr),* $(,)?
        }
        |$this:ident, $cx:ident, $t:ident, $p:ident| $values:expr;
    )*) => {$(
        $crate::metrics::settings! {
            $(#[$meta])* $Type $name "float32" {
                $($(#[$field_meta])* $field: $T = $default),*
            }
        }

        impl $crate::metrics::MetricFunction for $Type {
            fn name(&self) -> &str {
                &self.name
            }
            fn values<'g>(
                &self,
                $cx: &$crate::lowering::Cx<'g>,
                $t: cornu_ir::Var<'g>,
                $p: cornu_ir::Var<'g>,
            ) -> $crate::Result<$crate::losses::Values<'g>> {
                let $this = self;
                Ok($values.into())
            }
            fn direction(&self) -> Option<$crate::metrics::Direction> {
                Some($crate::metrics::Direction::$Direction)
            }
        }
    )*};
}
pub(crate) use mean_metrics;
