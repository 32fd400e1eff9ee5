//! Correlations of targets and predictions along an axis.
//!
//! Source: keras/src/metrics/correlation_metrics.py, Keras 3.15.1.

use super::metric_function::mean_metrics;
use crate::losses::{EPSILON, fit_targets};
use crate::{Error, Result};
use cornu_ir::Var;
use cornu_ir::builder::axis_of;

mean_metrics! {
    /// Mean of Pearson's correlation of targets and predictions along an axis.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, PearsonCorrelation};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(PearsonCorrelation::new());
    /// metric.update(&arr2(&[[1.0f32, 2.0, 3.0]]), &arr2(&[[2.0f32, 4.0, 6.0]]))?;
    /// assert!(matches!(metric.result(), MetricValue::Number(v) if (v - 1.0).abs() < 1e-4));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    PearsonCorrelation "pearson_correlation" Up {
        /// Axis of the correlation.
        axis: isize = -1,
    } |this, cx, t, p| {
        cx.keep_whole_along(&[this.axis], p.rank());
        let (t, p) = centred(&this.name, t, p, this.axis)?;
        let unit = |x: Var<'g>| x / x.square().mean(&[this.axis], true).sqrt();
        (unit(t) * unit(p)).mean(&[this.axis], false)
    };
    /// Mean of Lin's concordance correlation of targets and predictions along an axis. The
    /// covariance is Keras's: both are centred by the mean of the predictions.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{ConcordanceCorrelation, MetricValue};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(ConcordanceCorrelation::new());
    /// metric.update(&arr2(&[[1.0f32, 2.0, 3.0]]), &arr2(&[[1.0f32, 2.0, 3.0]]))?;
    /// assert!(matches!(metric.result(), MetricValue::Number(v) if (v - 1.0).abs() < 1e-4));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    ConcordanceCorrelation "concordance_correlation" Up {
        /// Axis of the correlation.
        axis: isize = -1,
    } |this, cx, t, p| {
        cx.keep_whole_along(&[this.axis], p.rank());
        let (dt, dp) = centred(&this.name, t, p, this.axis)?;
        let (t, p) = fit_targets(&this.name, t, p)?;
        let axis = &[this.axis];
        let (mt, mp) = (t.mean(axis, true), p.mean(axis, true));
        let covariance = (t - mp) * dp;
        let norm = dt.square().mean(axis, true) + dp.square().mean(axis, true) + (mt - mp).square();
        (covariance * 2.0 / (norm + EPSILON)).mean(axis, false)
    };
}

fn centred<'g>(who: &str, t: Var<'g>, p: Var<'g>, axis: isize) -> Result<(Var<'g>, Var<'g>)> {
    let (t, p) = fit_targets(who, t, p)?;
    if axis_of(axis, p.rank()) >= p.rank() {
        return Err(Error::argument(
            who,
            format!("`axis` must name an axis of {}", p.spec()),
            axis,
        ));
    }
    Ok((t - t.mean(&[axis], true), p - p.mean(&[axis], true)))
}
