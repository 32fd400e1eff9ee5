//! Means over samples, with masks and weights.
//!
//! Source: keras/src/metrics/reduction_metrics.py, Keras 3.15.1.

use super::settings::MetricValue;
use crate::losses::{Values, squeeze_or_expand};
use crate::{Error, Result};
use cornu_ir::Var;
use cornu_ir::builder::broadcast_dims;
use cornu_ir::spec::dims_text;

fn misfit(who: &str, value: Var<'_>, weight: Var<'_>) -> Error {
    let rule = "weights (sample weights and masks) must have a number for each sample, or for each \
        sample and timestep";
    Error::argument(
        who,
        rule,
        format!("values {}, weights {}", dims_text(&value.dims()), dims_text(&weight.dims())),
    )
}

/// Mask and weights as one.
fn join_mask<'g>(
    who: &str,
    weight: Option<Var<'g>>,
    mask: Option<Var<'g>>,
    like: Var<'g>,
) -> Result<Option<Var<'g>>> {
    let Some(mask) = mask else { return Ok(weight) };
    let kept = mask.cast(like.dtype());
    let Some(weight) = weight else { return Ok(Some(kept)) };
    let (kept, weight) = squeeze_or_expand(kept, weight, true);
    if kept.rank() != weight.rank() || broadcast_dims(&kept.dims(), &weight.dims()).is_none() {
        return Err(misfit(who, kept, weight));
    }
    Ok(Some(weight * kept))
}

/// A value and a weight for each sample, from values over more axes, of which the means are taken.
fn by_sample<'g>(
    who: &str,
    values: Values<'g>,
    weight: Option<Var<'g>>,
) -> Result<(Var<'g>, Option<Var<'g>>)> {
    let mut value = values.value;
    let axes = |from: usize, to: usize| (from as isize..to as isize).collect::<Vec<_>>();
    let mut weight = weight;
    if let Some(w) = weight {
        // The function's own mask enters only where there are weights, as in Keras.
        let w = join_mask(who, Some(w), values.mask, value)?.unwrap_or(w);
        let (v, w) = squeeze_or_expand(value, w, true);
        value = v;
        let rank = w.rank();
        if value.rank() > rank {
            value = value.mean(&axes(rank, value.rank()), false);
        }
        if value.rank() != rank
            || broadcast_dims(&w.dims(), &value.dims()).as_deref() != Some(&value.dims()[..])
        {
            return Err(misfit(who, value, w));
        }
        let w = w.broadcast_to(&value.dims());
        value = value * w;
        weight = Some(if rank > 1 { w.mean(&axes(1, rank), false) } else { w });
    }
    if value.rank() > 1 {
        value = value.mean(&axes(1, value.rank()), false);
    }
    Ok((value, weight))
}

/// Sums of a weighted mean: the values' and the weights'.
pub(super) fn weighted_mean<'g>(
    who: &str,
    values: Values<'g>,
    weight: Option<Var<'g>>,
) -> Result<Vec<Var<'g>>> {
    let (value, weight) = by_sample(who, values, weight)?;
    let count = weight.unwrap_or_else(|| value.ones_like()).sum_all();
    Ok(vec![value.sum_all(), count])
}

/// The same where a mask counts as a weight of 0.
pub(super) fn masked_mean<'g>(
    who: &str,
    values: Values<'g>,
    mask: Option<Var<'g>>,
    weight: Option<Var<'g>>,
) -> Result<Vec<Var<'g>>> {
    weighted_mean(who, values, join_mask(who, weight, mask, values.value)?)
}

/// The first total over the second; 0 where that is 0.
pub(super) fn ratio(totals: &[Vec<f64>]) -> MetricValue {
    MetricValue::Number(divide_no_nan(totals[0][0], totals[1][0]))
}

/// `a / b`, and 0 where `b` is 0.
pub(super) fn divide_no_nan(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}
