//! Losses and metrics written into the graph of a shard.

use super::Compiled;
use crate::layers::{Cx, Flow};
use crate::{Error, Result};
use cornu_ir::{DType, Var};

/// Losses of a shard.
#[derive(Clone, Debug)]
pub struct LossParts<'g> {
    /// This shard's part of the weighted sum, without the layers' penalties; `None` when the model has no loss.
    pub total: Option<Var<'g>>,
    /// This shard's part of each loss, without its weight, in the order of [`Compiled::losses`].
    pub each: Vec<Var<'g>>,
}

/// Says which output an error is about.
fn on_output(name: &str, e: Error) -> Error {
    match e {
        Error::Argument { who, rule, received } => Error::Argument { who: format!("{who} of output `{name}`"), rule, received },
        Error::Call { class, rule, received, .. } if class.is_empty() => Error::Argument { who: format!("output `{name}`"), rule, received },
        other => other,
    }
}

impl Compiled {
    /// Writes the losses. `sample_weights` holds one for each output (empty for none); masks are those of the outputs.
    pub fn loss_parts<'g>(
        &self,
        cx: &Cx<'g>,
        names: &[String],
        outputs: &[Flow<'g>],
        targets: &[Var<'g>],
        sample_weights: &[Option<Var<'g>>],
    ) -> Result<LossParts<'g>> {
        let mut each = vec![];
        let mut total: Option<Var<'g>> = None;
        let widest = if self.losses.iter().any(|l| outputs[l.output].value.dtype() == DType::F64) { DType::F64 } else { DType::F32 };
        for l in &self.losses {
            let weight = sample_weights.get(l.output).copied().flatten();
            let out = outputs[l.output];
            let part = l.loss.total(cx, targets[l.target], out.value, out.counted(), weight).map_err(|e| on_output(&names[l.output], e))?.cast(widest);
            let weighted = l.weight.map_or(part, |w| part * w);
            total = Some(total.map_or(weighted, |t| t + weighted));
            each.push(part);
        }
        Ok(LossParts { total, each })
    }

    /// Writes the metrics: partials of each, in the order of [`Compiled::metrics`], to be added up over shards and batches.
    ///
    /// `keep_masks` says whether the outputs' masks enter: they do in evaluation; in training Keras on JAX leaves them out.
    /// What is past the end of a sequence never enters.
    pub fn metric_partials<'g>(
        &self,
        cx: &Cx<'g>,
        names: &[String],
        outputs: &[Flow<'g>],
        targets: &[Var<'g>],
        sample_weights: &[Option<Var<'g>>],
        keep_masks: bool,
    ) -> Result<Vec<Vec<Var<'g>>>> {
        let partials = |m: &super::OutputMetric| {
            let weight = sample_weights.get(m.output).copied().flatten().filter(|_| m.weighted);
            let out = outputs[m.output];
            m.metric
                .partials(cx, targets[m.target], out.value, if keep_masks { out.counted() } else { out.ends }, weight)
                .map_err(|e| on_output(&names[m.output], e))
        };
        self.metrics.iter().map(partials).collect()
    }
}
