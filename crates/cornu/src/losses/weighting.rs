//! How masks and sample weights enter the values of a batch, and how those become one number.
//!
//! Source: keras/src/losses/loss.py, Keras 3.15.1.

use super::ranks::squeeze_or_expand;
use super::reduction::Reduction;
use super::settings::Values;
use crate::lowering::Cx;
use crate::{Error, Result};
use cornu_ir::Var;
use cornu_ir::builder::broadcast_dims;
use cornu_ir::spec::dims_text;

/// Samples of this graph and of the whole batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    here: usize,
    whole: usize,
}

impl Batch {
    /// Those of a graph with predictions.
    pub(crate) fn of<'g>(cx: &Cx<'g>, y_pred: Var<'g>) -> Self {
        let here = cx.samples_of(y_pred);
        Self { here, whole: cx.batch.unwrap_or(here) }
    }

    /// Whether the graph holds only a part of the batch.
    pub(crate) fn is_shard(self) -> bool {
        self.here != self.whole
    }

    /// Elements that a value has over the whole batch.
    fn count(self, v: Var<'_>) -> f64 {
        let own = v.count(&v.all_axes());
        if self.is_shard() { own / self.here as f64 * self.whole as f64 } else { own }
    }
}

/// `a / b`, and 0 where `b` is 0.
pub(crate) fn divide_no_nan<'g>(a: Var<'g>, b: Var<'g>) -> Var<'g> {
    let zero = b.eq(0.0);
    zero.select((a / zero.select(b.ones_like(), b)).zeros_like(), a / zero.select(b.ones_like(), b))
}

/// A product of values and weights whose axes 0 are both the batch.
fn times<'g>(who: &str, batch: Batch, v: Var<'g>, w: Var<'g>) -> Result<Var<'g>> {
    let (a, b) = (v.dims(), w.dims());
    let one_row =
        batch.whole == 1 && (a.iter().all(|d| *d == Some(1)) || b.iter().all(|d| *d == Some(1)));
    let aligned = a.len() == b.len() || a.is_empty() || b.is_empty() || one_row;
    if !aligned || broadcast_dims(&a, &b).is_none() {
        let rule = "weights (sample weights and masks) must have a number for each value, as \
            (batch, timesteps) for values (batch, timesteps), or 1 in place of an axis";
        return Err(Error::argument(
            who,
            rule,
            format!("values {}, weights {}", dims_text(&a), dims_text(&b)),
        ));
    }
    Ok(v * w)
}

/// A mask of timesteps for a loss that gives one number a sample.
fn no_timesteps(who: &str, value: Var<'_>, mask: Var<'_>) -> Error {
    Error::argument(
        who,
        "it gives one number a sample, so it takes no mask of timesteps, as Masking, \
         Embedding(mask_zero=True) or sequences of unequal length in one batch bring along; take \
         a model without masks, and batches of equal length (batches = \"equal-length\") or batch \
         size 1",
        format!("values {}, mask {}", dims_text(&value.dims()), dims_text(&mask.dims())),
    )
}

/// This shard's part of the reduced loss.
pub(crate) fn part<'g>(
    cx: &Cx<'g>,
    who: &str,
    reduction: Reduction,
    batch: Batch,
    values: Values<'g>,
    mask: Option<Var<'g>>,
    sample_weight: Option<Var<'g>>,
) -> Result<Var<'g>> {
    let mut value = values.value;
    let dtype = value.dtype();
    let is_mean = matches!(reduction, Reduction::SumOverBatchSize | Reduction::Mean);
    let mask = match (mask, values.mask) {
        (Some(a), Some(b)) if a.dims() == b.dims() => Some(a.and(b)),
        (Some(a), Some(b)) => {
            let received = format!("{} and {}", dims_text(&a.dims()), dims_text(&b.dims()));
            return Err(Error::argument(
                who,
                "the predictions' mask and the loss's own must have one shape",
                received,
            ));
        }
        (a, b) => a.or(b),
    };
    let mut weight = sample_weight.map(|w| w.cast(dtype));
    if let Some(mask) = mask {
        let mut kept = mask.cast(dtype);
        if is_mean {
            // What counts weighs total/valid, so that the mean over all is the mean over the valid.
            let valid = cx.cross_sum(kept.sum_all());
            kept = kept * divide_no_nan(valid.ones_like() * batch.count(mask), valid);
        }
        weight = Some(match weight {
            None => kept,
            Some(w) => {
                let (kept, w) = squeeze_or_expand(kept, w, true);
                times(who, batch, kept, w)?
            }
        });
    }
    if let Some(w) = weight {
        let (v, w) = squeeze_or_expand(value, w, true);
        value = times(who, batch, v, w).map_err(|e| match mask {
            Some(m) if v.rank() == 1 && m.rank() > 1 && sample_weight.is_none() => {
                no_timesteps(who, v, m)
            }
            _ => e,
        })?;
        weight = Some(w);
    }
    if value.rank() == 0 {
        // One number for the batch, the same on each shard.
        return Ok(if batch.is_shard() {
            value * (batch.here as f64 / batch.whole as f64)
        } else {
            value
        });
    }
    let sum = value.sum_all();
    Ok(match (reduction, weight) {
        (Reduction::Sum, _) => sum,
        (Reduction::None, _) if cx.training => {
            return Err(Error::argument(
                who,
                "training needs one number a batch; choose the reduction sum_over_batch_size",
                "reduction=None",
            ));
        }
        (Reduction::MeanWithSampleWeight, Some(w)) => divide_no_nan(sum, cx.cross_sum(w.sum_all())),
        _ => sum / batch.count(value).max(1.0),
    })
}
