//! Attention without projections: dot-product and additive.

use crate::config::setters;
use crate::initializers::{GlorotUniform, Ones};
use crate::layers::activation::softmax::masked_softmax;
use crate::lowering::{
    Arg, Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, SampleInput, WeightSpec, WeightTree,
    Weights, both, known_dim,
};
use crate::{Error, Result};
use cornu_ir::{DType, Dim, Spec, Var, composites::softmax, ops::Iota};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Dot-product attention (Luong et al. 2015, arXiv:1508.04025): `softmax(scores) v`, with scores
/// `scale · q kᵀ` (`score_mode` dot) or `weight · Σ tanh(scale · (q + k))` (concat).
///
/// # Shapes
/// Inputs [query (B, T, F), value (B, S, V)] or [query, value, key (B, S, F)]; y (B, T, V), and
/// with `return_attention_scores` the weights (B, T, S). Masked values are ignored; outputs of
/// masked queries are 0, and the query's mask is passed on.
///
/// # Source
/// keras/src/layers/attention/attention.py, Keras 3.15.1.
///
/// ```
/// let [q, v] = [ndarray::arr3(&[[[0.0f32]]]).into(), ndarray::arr3(&[[[2.0f32], [4.0]]]).into()];
/// let y = cornu::LayerRef::new(cornu::Attention::new()).apply_all(&[q, v])?;
/// assert_eq!(y[0], ndarray::arr3(&[[[3.0f32]]]).into()); // Equal scores: mean of the values.
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attention {
    /// True if the scores are multiplied by a learned number.
    pub use_scale: bool,
    /// How scores are computed: `dot` or `concat`.
    pub score_mode: String,
    /// Share of the attention weights dropped in training.
    pub dropout: f64,
    /// Keras's seed, kept for its files; without effect in cornu.
    pub seed: Option<Value>,
}

/// Additive attention (Bahdanau et al. 2014, arXiv:1409.0473): `softmax(Σ scale · tanh(q + k)) v`.
///
/// # Shapes
/// As [`Attention`]; scale (F).
///
/// # Source
/// keras/src/layers/attention/additive_attention.py, Keras 3.15.1.
///
/// ```
/// let [q, v] = [ndarray::arr3(&[[[0.0f32]]]).into(), ndarray::arr3(&[[[5.0f32]]]).into()];
/// let y = cornu::LayerRef::new(cornu::AdditiveAttention::new()).apply_all(&[q, v])?;
/// assert_eq!(y[0], ndarray::arr3(&[[[5.0f32]]]).into()); // One value gets all the weight.
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdditiveAttention {
    /// True to multiply each feature of `tanh(q + k)` by a learned weight.
    pub use_scale: bool,
    /// Share of the attention weights dropped in training.
    pub dropout: f64,
    /// Keras's seed, kept for its files; without effect in cornu.
    pub seed: Option<Value>,
}

impl Default for Attention {
    fn default() -> Self {
        Self { use_scale: false, score_mode: "dot".into(), dropout: 0.0, seed: None }
    }
}

impl Default for AdditiveAttention {
    fn default() -> Self {
        Self { use_scale: true, dropout: 0.0, seed: None }
    }
}

impl Attention {
    /// Returns dot-product attention without a learned factor.
    pub fn new() -> Self {
        Self::default()
    }
}

impl AdditiveAttention {
    /// Returns additive attention with a learned number for each feature.
    pub fn new() -> Self {
        Self::default()
    }
}

/// A switch of a call, by position or name.
pub(super) fn switch<V>(call: &Call<V>, position: usize, name: &str) -> bool {
    matches!(call.arg(position, name), Some(Arg::Json(Value::Bool(true))))
}

/// bool (1, T, S): true where the step of the query is not before that of the key.
pub(super) fn causal_mask<'g>(cx: &Cx<'g>, t: Dim, s: Dim) -> Var<'g> {
    let step =
        |axis| cx.builder.apply1(Iota { dtype: DType::I32, dims: vec![Some(1), t, s], axis }, &[]);
    step(1).ge(step(2))
}

fn expect_inputs(specs: &[&Spec]) -> Result<()> {
    let all = || specs.iter().map(|s| (*s).clone()).collect::<Vec<_>>();
    if !(2..=3).contains(&specs.len()) || specs.iter().any(|s| s.rank() < 2) {
        return Err(Error::shapes(
            "expected [query, value] or [query, value, key] of (batch, timesteps, features)",
            &all(),
        ));
    }
    let (q, v, k) = (specs[0], specs[1], specs[specs.len() - 1]);
    let differ = |a: Dim, b: Dim| matches!((a, b), (Some(a), Some(b)) if a != b);
    if differ(q.dims[q.rank() - 1], k.dims[k.rank() - 1])
        || differ(v.dims[v.rank() - 2], k.dims[k.rank() - 2])
    {
        return Err(Error::shapes(
            "query and key must have equal features (last axis), key and value equal timesteps",
            &all(),
        ));
    }
    Ok(())
}

/// Masks of the inputs: the keyword argument, or what they carry.
fn masks<'g>(call: &Call<Flow<'g>>) -> Vec<Option<Var<'g>>> {
    let masks: Vec<_> = match call.arg(1, "mask") {
        Some(Arg::List(items)) => {
            items.iter().map(|a| if let Arg::Value(v) = a { Some(v.value) } else { None }).collect()
        }
        // A list of nulls: no masks, whatever the inputs carry.
        Some(Arg::Json(Value::Array(items))) => vec![None; items.len()],
        _ => call.inputs().iter().map(|f| f.mask).collect(),
    };
    let ends = call.inputs().into_iter().map(|f| f.ends).chain(std::iter::repeat(None));
    let n = masks.len().max(call.inputs().len());
    masks
        .into_iter()
        .chain(std::iter::repeat(None))
        .zip(ends)
        .map(|(m, e)| both(m, e))
        .take(n)
        .collect()
}

/// From scores (B, T, S) to the output, and the weights where asked for.
fn attend<'g>(
    cx: &Cx<'g>,
    call: &Call<Flow<'g>>,
    dropout: f64,
    score: impl Fn(Var<'g>, Var<'g>) -> Var<'g>,
) -> Result<Vec<Flow<'g>>> {
    let values: Vec<Var<'g>> = call.inputs().iter().map(|f| cx.to_float(f.value)).collect();
    let specs: Vec<Spec> = values.iter().map(Var::spec).collect();
    expect_inputs(&specs.iter().collect::<Vec<_>>())?;
    let masks: Vec<Option<Var<'g>>> =
        masks(call).into_iter().map(|m| m.map(|m| m.cast(DType::Bool))).collect();
    let (q, v, k) = (values[0], values[1], values[values.len() - 1]);
    let mut scores = score(q, k);
    let causal = switch(call, 4, "use_causal_mask");
    let mut seen = masks
        .get(1)
        .copied()
        .flatten()
        .map(|m| if m.rank() == 2 || causal { m.expand_dims(-2) } else { m });
    if causal {
        let causal = causal_mask(cx, q.dim(-2), k.dim(-2));
        seen = Some(seen.map_or(causal, |m| m.and(causal)));
    }
    if let Some(m) = seen {
        scores = m.select(scores, scores - 1e9);
    }
    let weights = softmax(scores, &[-1]);
    let kept = if cx.training && dropout > 0.0 {
        weights * cx.dropout_mask(dropout, &weights.dims())
    } else {
        weights
    };
    let mut y = kept.matmul(v);
    if let Some(m) = masks.first().copied().flatten() {
        y = m.expand_dims(-1).select(y, 0.0);
    }
    let carried = call
        .inputs()
        .first()
        .and_then(|f| f.mask)
        .filter(|_| masks.first().is_some_and(Option::is_some));
    let ends = call.inputs().first().and_then(|f| f.ends);
    let mut outs = vec![
        Flow::masked(y, if ends.is_some() { carried } else { masks.first().copied().flatten() })
            .ending(ends),
    ];
    if switch(call, 3, "return_attention_scores") {
        outs.push(Flow::new(kept).ending(ends));
    }
    Ok(outs)
}

setters!(Attention {
    plain use_scale: bool,
    into score_mode: String,
    plain dropout: f64,
    some_into seed: Value,
});

impl Layer for Attention {
    settings!("Attention");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        expect_inputs(&call.inputs())?;
        if !["dot", "concat"].contains(&self.score_mode.as_str()) {
            return Err(Error::argument("", "score_mode must be dot or concat", &self.score_mode));
        }
        let mut vars = Vec::new();
        if self.use_scale {
            vars.push(WeightSpec::new("scale", &[], &Ones {}.into()));
        }
        if self.score_mode == "concat" {
            vars.push(WeightSpec::new("concat_score_weight", &[], &Ones {}.into()));
        }
        Ok(WeightTree::of(vars))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        attend(cx, call, self.dropout, |q, k| {
            let scaled = |x: Var<'g>| w.get("scale").map_or(x, |s| x * s);
            match w.get("concat_score_weight") {
                None => scaled(q.matmul_with(k, false, true)),
                Some(weight) => {
                    scaled(q.expand_dims(-2) + k.expand_dims(-3)).tanh().sum(&[-1], false) * weight
                }
            }
        })
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Padded
    }

    fn tells_ends(&self) -> bool {
        true
    }

    fn samples() -> Vec<Sample> {
        vec![
            Sample::new(json!({})).on([SampleInput::sequence(), SampleInput::sequence()]),
            Sample::new(json!({"use_scale": true}))
                .on([SampleInput::sequence(), SampleInput::sequence()]),
        ]
    }
}

setters!(AdditiveAttention {
    plain use_scale: bool,
    plain dropout: f64,
    some_into seed: Value,
});

impl Layer for AdditiveAttention {
    settings!("AdditiveAttention");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let specs = call.inputs();
        expect_inputs(&specs)?;
        if !self.use_scale {
            return Ok(WeightTree::none());
        }
        let f = known_dim(specs[0], -1, "features")?;
        Ok(WeightTree::of(vec![WeightSpec::new("scale", &[f], &GlorotUniform::default().into())]))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        attend(cx, call, self.dropout, |q, k| {
            let sum = (q.expand_dims(-2) + k.expand_dims(-3)).tanh();
            w.get("scale").map_or(sum, |s| sum * s).sum(&[-1], false)
        })
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Padded
    }

    fn tells_ends(&self) -> bool {
        true
    }

    fn samples() -> Vec<Sample> {
        vec![Sample::new(json!({})).on([SampleInput::sequence(), SampleInput::sequence()])]
    }
}

/// How the heads of a layer attend.
pub(super) struct Heads {
    /// Factor on the queries.
    pub scale: f64,
    pub dropout: f64,
    /// Sum of products from keys and queries to scores.
    pub scores: String,
    /// Sum of products from weights and values to outputs.
    pub combine: String,
    /// How many of the last axes of the scores are the keys'.
    pub n_axes: usize,
    /// Rows without any key: uniform weights where true, as fused attention gives, else none.
    pub fused: bool,
}

impl Heads {
    /// The mask with axes of 1 before those of queries and keys, up to the rank of the scores.
    pub fn over_heads<'g>(&self, mask: Var<'g>, rank: usize) -> Var<'g> {
        (mask.rank()..rank)
            .fold(mask, |m, _| m.expand_dims(m.rank() as isize - 2 * self.n_axes as isize))
    }

    /// Outputs and weights for projected q, k, v; the mask has at most the axes of the scores.
    pub fn attend<'g>(
        &self,
        cx: &Cx<'g>,
        q: Var<'g>,
        k: Var<'g>,
        v: Var<'g>,
        mask: Option<Var<'g>>,
    ) -> (Var<'g>, Var<'g>) {
        let scores = cornu_ir::composites::einsum(&self.scores, &[k, q * self.scale]);
        let mask = mask.map(|m| self.over_heads(m, scores.rank()));
        let axes: Vec<isize> = (1..=self.n_axes as isize).map(|i| -i).collect();
        let weights = match mask {
            Some(m) if self.fused => softmax(m.select(scores, -0.7 * f64::from(f32::MAX)), &axes),
            mask => masked_softmax(scores, &axes, mask),
        };
        let kept = if cx.training && self.dropout > 0.0 {
            weights * cx.dropout_mask(self.dropout, &weights.dims())
        } else {
            weights
        };
        (cornu_ir::composites::einsum(&self.combine, &[kept, v]), weights)
    }
}

/// Parts of the attention mask: of query (B, T), value and key (B, S), of the call (B, T, S);
/// whether later timesteps are hidden; the window in timesteps.
pub(super) struct AttentionMask<'g> {
    pub query: Option<Var<'g>>,
    pub value: Option<Var<'g>>,
    pub key: Option<Var<'g>>,
    pub given: Option<Var<'g>>,
    pub causal: bool,
    pub window: Option<usize>,
}

impl<'g> AttentionMask<'g> {
    /// bool (B, T, S) or with axes of 1; `t` and `s` are the timesteps of query and value.
    pub fn join(self, cx: &Cx<'g>, t: Dim, s: Dim) -> Option<Var<'g>> {
        let bool_of = |m: Option<Var<'g>>| m.map(|m| m.cast(DType::Bool));
        let window = self.window.map(|w| {
            let step = |axis| {
                cx.builder.apply1(Iota { dtype: DType::I32, dims: vec![Some(1), t, s], axis }, &[])
            };
            let distance = step(1) - step(2);
            distance.lt(w as f64).and(distance.gt(-(w as f64)))
        });
        let parts = [
            bool_of(self.query).map(|m| m.expand_dims(-1)),
            bool_of(self.value).map(|m| m.expand_dims(-2)),
            bool_of(self.key).map(|m| m.expand_dims(-2)),
            self.causal.then(|| causal_mask(cx, t, s)),
            window,
        ];
        let own = parts.into_iter().flatten().reduce(|a, b| a.and(b));
        match (bool_of(self.given), own) {
            (Some(a), Some(b)) => Some(a.and(b)),
            (a, b) => a.or(b),
        }
    }
}
