//! Means of correlations of targets and predictions along an axis.
//!
//! Source: keras/src/metrics/correlation_metrics.py, Keras 3.15.1.

use super::mean::mean_metrics;
use crate::losses::{EPSILON, fit_targets};
use crate::{Error, Result};
use cornu_ir::Var;
use cornu_ir::builder::axis_of;

mean_metrics! {
    /// Mean of Pearson's correlation along an axis.
    PearsonCorrelation "pearson_correlation" Up {
        /// The axis.
        axis: isize = -1,
    } |this, cx, t, p| {
        cx.keep_whole_along(&[this.axis], p.rank());
        let (t, p) = centred(&this.name, t, p, this.axis)?;
        let unit = |x: Var<'g>| x / x.square().mean(&[this.axis], true).sqrt();
        (unit(t) * unit(p)).mean(&[this.axis], false)
    };
    /// Mean of Lin's concordance correlation along an axis, with the covariance as Keras takes it:
    /// both centred by the predictions' mean.
    ConcordanceCorrelation "concordance_correlation" Up {
        /// The axis.
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
