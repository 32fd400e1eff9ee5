//! Losses and metrics written into the graph of a shard.

use super::Compiled;
use crate::lowering::{Cx, Flow, both};
use crate::{Error, Result};
use cornu_ir::spec::product;
use cornu_ir::{DType, Var};

/// Losses of one shard of a batch.
#[derive(Clone, Debug)]
pub struct LossParts<'g> {
    /// This shard's part of the weighted sum, without the layers' penalties; `None` if the model
    /// has no loss.
    pub total: Option<Var<'g>>,
    /// This shard's part of each loss, without its weight, in the order of [`Compiled::losses`].
    pub each: Vec<Var<'g>>,
}

/// Says which output an error is about.
fn on_output(name: &str, e: Error) -> Error {
    match e {
        Error::Argument { who, rule, received } => {
            Error::Argument { who: format!("{who} of output `{name}`"), rule, received }
        }
        Error::Call { class, rule, received, .. } if class.is_empty() => {
            Error::Argument { who: format!("output `{name}`"), rule, received }
        }
        other => other,
    }
}

/// An output with what belongs to it, in one form.
struct Judged<'g> {
    y_true: Var<'g>,
    y_pred: Flow<'g>,
    weight: Option<Var<'g>>,
}

/// Puts an output, its targets and its sample weights in packed rows (1, N, …), or, where one of
/// them is not by timestep or rectangles are needed, in rectangles (B, T, …).
fn in_one_form<'g>(
    cx: &Cx<'g>,
    out: Flow<'g>,
    target: Flow<'g>,
    weight: Option<Flow<'g>>,
    needs_rectangles: bool,
) -> Judged<'g> {
    let packing = cx.packing.filter(|_| !needs_rectangles && out.packed && target.packed);
    // A weight a sample, (B, 1), holds at each of its timesteps.
    let spread = |w: Flow<'g>| match packing {
        Some(p) if !w.packed && w.value.rank() == 2 && w.value.dim(1) == Some(1) => {
            Flow { packed: true, ..p.spread(w.value).squeeze(-1).into() }
        }
        _ => w,
    };
    let weight = weight.map(spread);
    if packing.is_some() && weight.is_none_or(|w| w.packed) {
        return Judged { y_true: target.value, y_pred: out, weight: weight.map(|w| w.value) };
    }
    Judged {
        y_true: cx.padded(target).value,
        y_pred: cx.padded(out),
        weight: weight.map(|w| cx.padded(w).value),
    }
}

/// A judged output by timestep as rows (N, …), of which each counts as a sample does, as much as
/// its weight says.
fn by_rows<'g>(cx: &Cx<'g>, j: Judged<'g>, keep_mask: bool) -> (Judged<'g>, Option<Var<'g>>) {
    if j.y_pred.value.rank() < 3 {
        let mask = if keep_mask { j.y_pred.counted() } else { j.y_pred.ends };
        return (j, mask);
    }
    let mask = j.y_pred.mask.filter(|_| keep_mask);
    let steps = |v: Var<'g>| v.dims().get(..2).map(<[_]>::to_vec);
    let Some(ends) = j.y_pred.ends.filter(|e| steps(j.y_true) == Some(e.dims())) else {
        let mask = both(mask, j.y_pred.ends);
        return (j, mask);
    };
    let n = product(&ends.dims());
    let rows = |v: Var<'g>| v.reshape(&[&[n], &v.dims()[2..]].concat());
    let own = rows(ends).cast(cx.float());
    let of_steps = |w: Var<'g>| match w.rank() {
        1 => w.expand_dims(1).broadcast_to(&ends.dims()),
        _ if steps(w) == Some(ends.dims()) => w,
        _ => w.broadcast_to(&ends.dims()),
    };
    let weight = j.weight.map_or(own, |w| own * rows(of_steps(w)).cast(cx.float()));
    let y_pred = Flow::new(rows(j.y_pred.value));
    (Judged { y_true: rows(j.y_true), y_pred, weight: Some(weight) }, mask.map(rows))
}

impl Compiled {
    /// Writes the losses into the graph. `sample_weights` holds one for each output (empty for
    /// none); masks are those of the outputs.
    pub fn loss_parts<'g>(
        &self,
        cx: &Cx<'g>,
        names: &[String],
        outputs: &[Flow<'g>],
        targets: &[Flow<'g>],
        sample_weights: &[Option<Flow<'g>>],
    ) -> Result<LossParts<'g>> {
        let mut each = vec![];
        let mut total: Option<Var<'g>> = None;
        let widest = if self.losses.iter().any(|l| outputs[l.output].value.dtype() == DType::F64) {
            DType::F64
        } else {
            DType::F32
        };
        for l in &self.losses {
            let weight = sample_weights.get(l.output).copied().flatten();
            let j = in_one_form(
                cx,
                outputs[l.output],
                targets[l.target],
                weight,
                !l.loss.is_by_timestep(outputs[l.output].value.rank()),
            );
            let cx = &if j.y_pred.packed {
                cx.with_samples(cx.packing.and_then(|p| p.batch()))
            } else {
                cx.clone()
            };
            let part = l
                .loss
                .total(cx, j.y_true, j.y_pred.value, j.y_pred.counted(), j.weight)
                .map_err(|e| on_output(&names[l.output], e))?
                .cast(widest);
            let weighted = l.weight.map_or(part, |w| part * w);
            total = Some(total.map_or(weighted, |t| t + weighted));
            each.push(part);
        }
        Ok(LossParts { total, each })
    }

    /// Writes the metrics: partials of each, in the order of [`Compiled::metrics`], to be added up
    /// over shards and batches.
    ///
    /// `keep_masks` is true to use the masks of the outputs: in evaluation they are used; in
    /// training Keras on JAX ignores them. Padding of sequences of unequal length is never used;
    /// each of their timesteps counts as a sample.
    pub fn metric_partials<'g>(
        &self,
        cx: &Cx<'g>,
        names: &[String],
        outputs: &[Flow<'g>],
        targets: &[Flow<'g>],
        sample_weights: &[Option<Flow<'g>>],
        keep_masks: bool,
    ) -> Result<Vec<Vec<Var<'g>>>> {
        let partials = |m: &super::OutputMetric| {
            let weight = sample_weights.get(m.output).copied().flatten().filter(|_| m.weighted);
            let (j, mask) = by_rows(
                cx,
                in_one_form(
                    cx,
                    outputs[m.output],
                    targets[m.target],
                    weight,
                    outputs[m.output].value.rank() < 3,
                ),
                keep_masks,
            );
            m.metric
                .partials(cx, j.y_true, j.y_pred.value, mask, j.weight)
                .map_err(|e| on_output(&names[m.output], e))
        };
        self.metrics.iter().map(partials).collect()
    }
}
