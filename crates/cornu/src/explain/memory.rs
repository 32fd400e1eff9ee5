//! What a training step keeps in memory.

use crate::data::{Data, IntoData};
use crate::lowering::Cx;
use crate::model::{lower_model, takes_text};
use crate::summary::Counts;
use crate::training::ModelRef;
use crate::{Model, Result};
use cornu_ir::plan::value_bytes;
use cornu_ir::{Builder, Op, Spec};
use serde::Serialize;

/// Estimated memory of a training step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Memory {
    /// Bytes of the weights.
    pub weights_bytes: usize,
    /// Bytes of the gradients of trainable weights.
    pub gradients_bytes: usize,
    /// Bytes of the optimizer's variables; `None` if the model is not compiled.
    pub optimizer_bytes: Option<usize>,
    /// Bytes of one batch of inputs; `None` if dims are open.
    pub batch_bytes: Option<usize>,
    /// Bytes of the activations that the gradient needs; `None` if dims are open.
    pub activations_bytes: Option<usize>,
    /// Sum of all known bytes.
    pub total_bytes: usize,
    /// Shapes of the batch.
    pub batch_shapes: Option<Vec<Vec<usize>>>,
}

impl Memory {
    /// For batches of these shapes, or of the model's own where it leaves nothing open but the
    /// batch.
    pub(super) fn of(
        model: ModelRef<'_>,
        counts: &Counts,
        batch_size: usize,
        shapes: Option<&[Vec<usize>]>,
        data: &[Data],
    ) -> Result<Self> {
        let compiled = model.compiled();
        let model = model.model();
        let own = || {
            let with_batch = |s: &Spec| {
                std::iter::once(Some(batch_size))
                    .chain(s.dims.iter().skip(1).copied())
                    .collect::<Option<Vec<usize>>>()
            };
            model.inputs().iter().map(|(_, i)| with_batch(&i.spec())).collect::<Option<Vec<_>>>()
        };
        let batch_shapes = shapes.map(<[_]>::to_vec).or_else(own);
        let specs = batch_shapes.as_ref().map(|s| fed_specs(model, s, data)).transpose()?.flatten();
        let run = specs.map(|s| forward_bytes(model, &s)).transpose()?;
        let weights_bytes = (counts.trainable_bytes + counts.fixed_bytes) as usize;
        let gradients_bytes = counts.trainable_bytes as usize;
        let optimizer_bytes = compiled.map(|c| {
            let bytes = |s: Spec| s.n_elements().unwrap_or(0) * s.dtype.size_bytes();
            c.state().iter().map(|v| bytes(v.spec())).sum()
        });
        let (batch_bytes, activations_bytes) = run.unzip();
        let known = [
            Some(weights_bytes),
            Some(gradients_bytes),
            optimizer_bytes,
            batch_bytes,
            activations_bytes,
        ];
        let total_bytes = known.into_iter().flatten().sum();
        Ok(Self {
            weights_bytes,
            gradients_bytes,
            optimizer_bytes,
            batch_bytes,
            activations_bytes,
            total_bytes,
            batch_shapes,
        })
    }
}

/// What the graph takes for a batch of these shapes: the entries of numbers, and what layers encode
/// of text; without data nobody knows how long that is.
fn fed_specs(model: &Model, shapes: &[Vec<usize>], data: &[Data]) -> Result<Option<Vec<Spec>>> {
    let entries = model.inputs();
    let numbers = entries
        .iter()
        .zip(shapes)
        .filter(|((_, i), _)| !takes_text(i))
        .map(|((_, i), s)| Spec::known(i.spec().dtype, s));
    if model.reads()?.is_empty() {
        return Ok(Some(numbers.collect()));
    }
    let batch = shapes.first().and_then(|s| s.first().copied()).unwrap_or(1);
    Ok(if data.is_empty() {
        None
    } else {
        Some(model.feed_inputs(data.into_data()?)?.iter().map(|f| f.spec(batch)).collect())
    })
}

/// Bytes of a batch of inputs, and of all values that the forward pass of training makes from it.
fn forward_bytes(model: &Model, specs: &[Spec]) -> Result<(usize, usize)> {
    let b = Builder::new();
    let cx = Cx::new(&b, true, specs.first().and_then(|s| s.dims[0]));
    let lowered = lower_model(&cx, model.as_layer(), model.tree(), specs, None)?;
    lowered.outputs.iter().for_each(|o| b.output("output", o.value));
    drop(lowered);
    drop(cx);
    let graph = cornu_ir::passes::run(b.finish()?);
    let is_value = |op: &Op| !matches!(op, Op::Constant(_) | Op::Reshape(_) | Op::StopGradient(_));
    let made = graph
        .nodes
        .iter()
        .filter(|n| is_value(&n.op))
        .flat_map(|n| &n.outs)
        .map(|v| value_bytes(&graph, *v))
        .sum();
    let fed = specs.iter().map(|s| s.n_elements().unwrap_or(0) * s.dtype.size_bytes()).sum();
    Ok((fed, made))
}
