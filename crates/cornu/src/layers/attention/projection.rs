//! Query, key and value of attention with several heads, their masks and projections.

use super::single_head::{AttentionMask, switch};
use crate::layers::core::einsum_dense::EinsumDense;
use crate::lowering::{Call, Cx, Flow, Layer, Weights, both};
use crate::{Error, Result};
use cornu_ir::Var;

/// What a call of heads brings.
pub(super) struct Inputs<V> {
    pub(super) query: V,
    pub(super) value: V,
    /// The key, where one was given.
    pub(super) key: Option<V>,
}

impl<V: Clone> Inputs<V> {
    pub(super) fn of(call: &Call<V>) -> Result<Self> {
        let one = |position, name| {
            call.arg(position, name).and_then(|a| a.flatten().first().map(|v| (*v).clone()))
        };
        let need = |v: Option<V>, name: &str| {
            v.ok_or_else(|| {
                Error::argument(
                    "",
                    format!("it must be called on a query and a value; {name} is missing"),
                    "none",
                )
            })
        };
        Ok(Self {
            query: need(one(0, "query"), "the query")?,
            value: need(one(1, "value"), "the value")?,
            key: one(2, "key"),
        })
    }

    pub(super) fn key(&self) -> &V {
        self.key.as_ref().unwrap_or(&self.value)
    }
}

/// Masks of a call as Keras fills them in: those given, else those that value and key carry.
pub(super) fn mask_parts<'g>(
    call: &Call<Flow<'g>>,
    x: &Inputs<Flow<'g>>,
    window: Option<usize>,
) -> AttentionMask<'g> {
    let given = |position, name| {
        call.arg(position, name).and_then(|a| a.flatten().first().map(|f| f.value))
    };
    AttentionMask {
        query: given(3, "query_mask").or(x.query.mask),
        value: both(given(4, "value_mask").or(x.value.mask), x.value.ends),
        key: given(5, "key_mask").or(x.key.and_then(|k| k.mask)),
        given: given(6, "attention_mask"),
        causal: switch(call, 9, "use_causal_mask"),
        window,
    }
}

/// A projection's operations, with the penalty on what it gives.
pub(super) fn project<'g>(
    cx: &Cx<'g>,
    w: &Weights<'g>,
    name: &str,
    layer: &EinsumDense,
    x: Var<'g>,
) -> Result<Var<'g>> {
    let y = layer.lower(cx, w.child(name), &Call::one(x.into()))?[0].value;
    if let Some(r) = &layer.activity_regularizer {
        cx.add_loss(r.of(y) / cx.batch.unwrap_or(1) as f64);
    }
    Ok(y)
}

/// Query, key and value with as many rows: one row holds for every sample.
pub(super) fn for_every_sample(all: [Var<'_>; 3]) -> [Var<'_>; 3] {
    let batch = all.iter().map(|v| v.dim(0)).find(|&n| n != Some(1)).flatten();
    all.map(|v| match (v.dim(0), batch) {
        (Some(1), Some(_)) => v.broadcast_to(&[&[batch], &v.dims()[1..]].concat()),
        _ => v,
    })
}
