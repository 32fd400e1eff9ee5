//! Attention whose query heads share keys and values in groups.

use super::projection::{Inputs, for_every_sample, mask_parts, project};
use super::single_head::{Heads, switch};
use crate::activations::Activation;
use crate::config::setters;
use crate::constraints::Constraint;
use crate::initializers::{GlorotUniform, Initializer, Zeros};
use crate::layers::core::einsum_dense::EinsumDense;
use crate::lowering::{
    Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, SampleInput, WeightTree, Weights,
    known_dim,
};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::{Dim, Spec, Var};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Grouped-query attention: groups of query heads share one head of keys and values (Ainslie et al.
/// 2023, arXiv:2305.13245).
///
/// # Shapes
/// query (B, T, F), value (B, S, F), key (B, S, F; by default the value); y (B, T, F), with
/// `return_attention_scores` also the weights (B, H, T, S). Masked timesteps of query, value and
/// key are ignored; the query's mask is passed on.
///
/// # Source
/// keras/src/layers/attention/grouped_query_attention.py, Keras 3.15.1.
///
/// ```
/// use cornu::{GroupQueryAttention, Input};
/// let x = Input::new([5, 8]);
/// let layer = GroupQueryAttention::new(4, 6, 2); // 6 query heads share 2 heads of keys and values
/// let y = layer.call(x.with("value", [&x]))?; // self-attention
/// assert_eq!(y.shape_text(), "(None, 5, 8)");
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupQueryAttention {
    /// Features of each head, D.
    pub head_dim: usize,
    /// Number of query heads, H.
    pub num_query_heads: usize,
    /// Number of heads of keys and values; H must be a multiple of it.
    pub num_key_value_heads: usize,
    /// True if the projections have biases.
    pub use_bias: bool,
    /// True if outputs are multiplied by a gate computed from the query.
    pub use_gate: bool,
    /// Size of the window: a query attends only to timesteps nearer than this.
    pub sliding_window: Option<usize>,
    /// Share of the attention weights dropped in training.
    pub dropout: f64,
    /// Initializer of the kernels.
    pub kernel_initializer: Initializer,
    /// Initializer of the biases.
    pub bias_initializer: Initializer,
    /// Regularizer of the kernels.
    pub kernel_regularizer: Option<Regularizer>,
    /// Regularizer of the biases.
    pub bias_regularizer: Option<Regularizer>,
    /// Regularizer of the outputs of the projections and of the layer.
    pub activity_regularizer: Option<Regularizer>,
    /// Constraint on the kernels.
    pub kernel_constraint: Option<Constraint>,
    /// Constraint on the biases.
    pub bias_constraint: Option<Constraint>,
    /// Keras's seed, kept for its files; without effect in cornu.
    pub seed: Option<Value>,
}

impl Default for GroupQueryAttention {
    fn default() -> Self {
        Self {
            head_dim: 0,
            num_query_heads: 0,
            num_key_value_heads: 0,
            use_bias: true,
            use_gate: false,
            sliding_window: None,
            dropout: 0.0,
            kernel_initializer: GlorotUniform::default().into(),
            bias_initializer: Zeros {}.into(),
            kernel_regularizer: None,
            bias_regularizer: None,
            activity_regularizer: None,
            kernel_constraint: None,
            bias_constraint: None,
            seed: None,
        }
    }
}

impl GroupQueryAttention {
    /// Returns a layer of `num_query_heads` heads of `head_dim` features that share
    /// `num_key_value_heads` heads of keys and values.
    pub fn new(head_dim: usize, num_query_heads: usize, num_key_value_heads: usize) -> Self {
        Self { head_dim, num_query_heads, num_key_value_heads, ..Self::default() }
    }

    fn projection(&self, equation: &str, output_shape: Vec<Dim>, bias_axes: &str) -> EinsumDense {
        EinsumDense {
            bias_axes: self.use_bias.then(|| bias_axes.to_string()),
            kernel_initializer: self.kernel_initializer.clone(),
            bias_initializer: self.bias_initializer.clone(),
            kernel_regularizer: self.kernel_regularizer.clone(),
            bias_regularizer: self.bias_regularizer.clone(),
            activity_regularizer: self.activity_regularizer.clone(),
            kernel_constraint: self.kernel_constraint.clone(),
            bias_constraint: self.bias_constraint.clone(),
            ..EinsumDense::new::<Dim>(equation, output_shape)
        }
    }

    /// The projections in Keras's order of creation, under their names in files.
    fn projections(&self, x: &Inputs<Spec>) -> Result<Vec<(&'static str, EinsumDense)>> {
        let specs = [x.query.clone(), x.value.clone(), x.key().clone()];
        let (h, shared, d) = (self.num_query_heads, self.num_key_value_heads, self.head_dim);
        if h == 0 || shared == 0 || d == 0 || h % shared != 0 {
            let received =
                format!("head_dim={d}, num_query_heads={h}, num_key_value_heads={shared}");
            return Err(Error::argument(
                "",
                "head_dim and heads must be at least 1, and num_query_heads a multiple of \
                    num_key_value_heads",
                received,
            ));
        }
        let differ = |a: Dim, b: Dim| matches!((a, b), (Some(a), Some(b)) if a != b);
        if specs.iter().any(|s| s.rank() != 3)
            || differ(specs[0].dims[2], specs[1].dims[2])
            || differ(specs[1].dims[1], specs[2].dims[1])
        {
            let rule = "expected (batch, timesteps, features) with equal features of query and \
                value and equal timesteps of value and key";
            return Err(Error::shapes(rule, &specs));
        }
        let f = known_dim(&x.query, -1, "features")?;
        let (own, of_group) = (vec![None, Some(h), Some(d)], vec![None, Some(shared), Some(d)]);
        let mut all = vec![
            ("_query_dense", self.projection("bqm,muh->bquh", own.clone(), "uh")),
            ("_key_dense", self.projection("bkm,mvh->bkvh", of_group.clone(), "vh")),
        ];
        if self.use_gate {
            all.push((
                "_gate_dense",
                EinsumDense {
                    activation: Activation::Sigmoid,
                    ..self.projection("bqm,muh->bquh", own, "uh")
                },
            ));
        }
        all.push(("_value_dense", self.projection("bkm,mvh->bkvh", of_group, "vh")));
        all.push(("_output_dense", self.projection("bquh,uhm->bqm", vec![None, Some(f)], "m")));
        Ok(all)
    }

    /// Each head of keys or values for all queries of its group: (B, S, shared, D) to (B, S, H, D).
    fn repeat<'g>(&self, x: Var<'g>) -> Var<'g> {
        let n = self.num_query_heads / self.num_key_value_heads;
        let (b, s, g, d) = (x.dim(0), x.dim(1), x.dim(2), x.dim(3));
        x.expand_dims(3).broadcast_to(&[b, s, g, Some(n), d]).reshape(&[
            b,
            s,
            Some(self.num_query_heads),
            d,
        ])
    }
}

setters!(GroupQueryAttention {
    plain use_bias: bool,
    plain use_gate: bool,
    some sliding_window: usize,
    plain dropout: f64,
    some_into activity_regularizer: Regularizer,
    some_into seed: Value,
});

weight_setters!([GroupQueryAttention] kernel, bias);

impl Layer for GroupQueryAttention {
    settings!("GroupQueryAttention");

    fn own_class(&self) -> &'static str {
        "GroupedQueryAttention"
    }

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let x = Inputs::of(call)?;
        let mut children = Vec::new();
        for (name, layer) in self.projections(&x)? {
            let input = match name {
                "_query_dense" | "_gate_dense" => x.query.clone(),
                "_key_dense" => x.key().clone(),
                "_value_dense" => x.value.clone(),
                _ => Spec::new(
                    x.query.dtype,
                    vec![
                        x.query.dims[0],
                        x.query.dims[1],
                        Some(self.num_query_heads),
                        Some(self.head_dim),
                    ],
                ),
            };
            children.push((name, layer.weights(&Call::one(input))?));
        }
        Ok(WeightTree::inside(children))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let cx = &cx.inside();
        let x = Inputs::of(call)?;
        let layers = self.projections(&Inputs::of(&call.map(Flow::spec))?)?;
        let give = |name: &str, v: Var<'g>| {
            let (name, layer) = layers.iter().find(|(n, _)| *n == name).expect("made above");
            project(cx, w, name, layer, v)
        };
        let scored = switch(call, 7, "return_attention_scores");
        let mask = mask_parts(call, &x, self.sliding_window).join(
            cx,
            x.query.value.dim(1),
            x.value.value.dim(1),
        );
        let gate = self.use_gate.then(|| give("_gate_dense", x.query.value)).transpose()?;
        let [q, k, v] = for_every_sample([
            give("_query_dense", x.query.value)?,
            give("_key_dense", x.key().value)?,
            give("_value_dense", x.value.value)?,
        ]);
        let heads = Heads {
            scale: 1.0 / (self.head_dim as f64).sqrt(),
            dropout: self.dropout,
            scores: "bkuh,bquh->buqk".into(),
            combine: "buqk,bkuh->bquh".into(),
            n_axes: 1,
            fused: self.dropout == 0.0 && !scored,
        };
        let (mut y, weights) = heads.attend(cx, q, self.repeat(k), self.repeat(v), mask);
        if let Some(g) = gate {
            y = y * g;
        }
        let mut outs =
            vec![Flow::masked(give("_output_dense", y)?, x.query.mask).ending(x.query.ends)];
        if scored {
            // They come out of a layer Softmax, which leaves its mask on them.
            let mask = mask.map(|m| heads.over_heads(m, weights.rank()));
            outs.push(Flow::masked(weights, mask));
        }
        Ok(outs)
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

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }

    fn samples() -> Vec<Sample> {
        vec![
            Sample::new(json!({"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}))
                .on([SampleInput::sequence(), SampleInput::sequence().keyword("value")]),
        ]
    }
}
