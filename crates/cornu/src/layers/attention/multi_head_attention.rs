//! Attention of several heads.

use super::projection::{Inputs, for_every_sample, mask_parts, project};
use super::single_head::{AttentionMask, Heads, switch};
use crate::config::setters;
use crate::constraints::Constraint;
use crate::initializers::{GlorotUniform, Initializer, Zeros};
use crate::layers::core::einsum_dense::{EinsumDense, one_or_many};
use crate::lowering::{
    Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, SampleInput, WeightTree, Weights,
    known_dim,
};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::builder::axis_of;
use cornu_ir::{Dim, Spec, Var};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

/// Multi-head attention: H heads over projections of query, key and value (Vaswani et al. 2017,
/// arXiv:1706.03762).
///
/// ```text
/// q, k, v = projections of query, key, value to H heads
/// y = projection of softmax(q kᵀ / √D) v
/// ```
///
/// # Shapes
/// query (B, T, F), value (B, S, …), key (B, S, …; by default the value); y (B, T, F) or (B, T,
/// `output_shape`), with `return_attention_scores` also the weights (B, H, T, S). Masked timesteps
/// of query, value and key are ignored; the query's mask is passed on.
///
/// # Source
/// keras/src/layers/attention/multi_head_attention.py, Keras 3.15.1.
///
/// ```
/// use cornu::{Input, MultiHeadAttention};
/// let (x, memory) = (Input::new([5, 8]), Input::new([7, 3]));
/// let layer = MultiHeadAttention::new(2, 4);
/// assert_eq!(layer.clone().call(x.with("value", [&x]))?.shape_text(), "(None, 5, 8)");
/// let y = layer.call(x.with("value", [&memory]))?; // query x
/// assert_eq!(y.shape_text(), "(None, 5, 8)");
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MultiHeadAttention {
    /// Number of heads, H.
    pub num_heads: usize,
    /// Features of each head's queries and keys, D.
    pub key_dim: usize,
    /// Features of each head's values; by default `key_dim`.
    pub value_dim: Option<usize>,
    /// Share of the attention weights dropped in training.
    pub dropout: f64,
    /// True if the projections have biases.
    pub use_bias: bool,
    /// True if outputs are multiplied by a gate computed from the query.
    pub use_gate: bool,
    /// Features of the output; by default those of the query.
    #[serde(deserialize_with = "optional_dims")]
    pub output_shape: Option<Vec<usize>>,
    /// Axes over which attention runs (axis 0 is the batch); by default all between batch and
    /// features.
    #[serde(deserialize_with = "optional_axes")]
    pub attention_axes: Option<Vec<isize>>,
    /// Size of the window: a query attends only to timesteps nearer than this.
    pub sliding_window: Option<usize>,
    /// Initializer of the kernels.
    pub kernel_initializer: Initializer,
    /// Initializer of the biases.
    pub bias_initializer: Initializer,
    /// Regularizer of the kernels.
    pub kernel_regularizer: Option<Regularizer>,
    /// Regularizer of the biases.
    pub bias_regularizer: Option<Regularizer>,
    /// Regularizer of the outputs of the projections.
    pub activity_regularizer: Option<Regularizer>,
    /// Constraint on the kernels.
    pub kernel_constraint: Option<Constraint>,
    /// Constraint on the biases.
    pub bias_constraint: Option<Constraint>,
    /// Keras's seed, kept for its files; without effect in cornu.
    pub seed: Option<Value>,
}

fn optional_dims<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<usize>>, D::Error> {
    let v = Option::<Value>::deserialize(d)?.filter(|v| !v.is_null());
    let dims = v.map(one_or_many).transpose().map_err(serde::de::Error::custom)?;
    let numbers = dims.map(|d| {
        d.into_iter()
            .collect::<Option<Vec<usize>>>()
            .ok_or_else(|| serde::de::Error::custom("output_shape must hold numbers"))
    });
    numbers.transpose().map(|d| d.filter(|d| !d.is_empty()))
}

fn optional_axes<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<isize>>, D::Error> {
    Ok(Option::<crate::constraints::Axes>::deserialize(d)?.map(|a| a.list()))
}

impl Default for MultiHeadAttention {
    fn default() -> Self {
        Self {
            num_heads: 0,
            key_dim: 0,
            value_dim: None,
            dropout: 0.0,
            use_bias: true,
            use_gate: false,
            output_shape: None,
            attention_axes: None,
            sliding_window: None,
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

fn letters(from: usize, n: usize) -> String {
    (from..from + n).map(|i| (b'a' + i as u8) as char).collect()
}

impl MultiHeadAttention {
    /// Returns a layer of `num_heads` heads of `key_dim` features.
    pub fn new(num_heads: usize, key_dim: usize) -> Self {
        Self { num_heads, key_dim, ..Self::default() }
    }

    /// Sets the features of each head's values.
    pub fn value_dim(mut self, value_dim: usize) -> Self {
        self.value_dim = Some(value_dim);
        self
    }

    /// Sets the share of attention weights dropped in training.
    pub fn dropout(mut self, rate: f64) -> Self {
        self.dropout = rate;
        self
    }

    /// The last `bound` of `rank` axes to `out` dims.
    fn projection(&self, rank: usize, bound: usize, out: &[usize]) -> EinsumDense {
        let free = rank - bound;
        let (kept, summed, made) =
            (letters(0, free), letters(free, bound), letters(rank, out.len()));
        let dims = std::iter::repeat_n(None, free - 1).chain(out.iter().map(|&d| Some(d)));
        EinsumDense {
            bias_axes: self.use_bias.then(|| made.clone()),
            kernel_initializer: self.kernel_initializer.clone(),
            bias_initializer: self.bias_initializer.clone(),
            kernel_regularizer: self.kernel_regularizer.clone(),
            bias_regularizer: self.bias_regularizer.clone(),
            activity_regularizer: self.activity_regularizer.clone(),
            kernel_constraint: self.kernel_constraint.clone(),
            bias_constraint: self.bias_constraint.clone(),
            ..EinsumDense::new::<Dim>(&format!("{kept}{summed},{summed}{made}->{kept}{made}"), dims)
        }
    }

    fn value_features(&self) -> usize {
        self.value_dim.filter(|&d| d > 0).unwrap_or(self.key_dim)
    }

    /// The projections in Keras's order of creation, under their names in files.
    fn projections(&self, x: &Inputs<Spec>) -> Result<Vec<(&'static str, EinsumDense)>> {
        let specs = [x.query.clone(), x.value.clone(), x.key().clone()];
        if self.num_heads == 0 || self.key_dim == 0 {
            return Err(Error::argument(
                "",
                "num_heads and key_dim must be at least 1",
                format!("{} and {}", self.num_heads, self.key_dim),
            ));
        }
        if specs.iter().any(|s| s.rank() < 3 || s.rank() > 12) {
            return Err(Error::shapes(
                "expected query, value and key of rank 3 or more (batch, timesteps, features)",
                &specs,
            ));
        }
        let middle = |s: &Spec| s.dims[1..s.rank() - 1].to_vec();
        let agree = |a: &[Dim], b: &[Dim]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_none() || b.is_none() || a == b)
        };
        if !agree(&middle(&specs[1]), &middle(&specs[2])) || specs[0].rank() != specs[1].rank() {
            return Err(Error::shapes(
                "query, value and key must have one rank, and value and key equal timesteps",
                &specs,
            ));
        }
        let (h, rank) = (self.num_heads, x.query.rank());
        let out = match &self.output_shape {
            Some(dims) => dims.clone(),
            None => vec![known_dim(&x.query, -1, "features")?],
        };
        let mut all = vec![
            ("query_dense", self.projection(rank, 1, &[h, self.key_dim])),
            ("key_dense", self.projection(rank, 1, &[h, self.key_dim])),
        ];
        if self.use_gate {
            let gate = self.projection(rank, 1, &[h, self.value_features()]);
            all.push((
                "_gate_dense",
                EinsumDense { activation: crate::activations::Activation::Sigmoid, ..gate },
            ));
        }
        all.push(("value_dense", self.projection(rank, 1, &[h, self.value_features()])));
        all.push(("output_dense", self.projection(rank + 1, 2, &out)));
        Ok(all)
    }

    /// Sums of products over the attended axes, for projections of `rank` axes: batch, …, heads,
    /// features.
    fn heads(&self, rank: usize) -> Result<Heads> {
        let axes: Vec<usize> = match &self.attention_axes {
            None => (1..rank - 2).collect(),
            Some(axes) => axes.iter().map(|&a| axis_of(a, rank - 1)).collect(),
        };
        if axes.is_empty() || axes.iter().any(|&a| a == 0 || a >= rank - 2) {
            return Err(Error::argument(
                "",
                "attention_axes must lie between batch and features",
                format!("{:?}", self.attention_axes),
            ));
        }
        let target: Vec<char> = letters(0, rank).chars().collect();
        let mut source = target.clone();
        for (i, c) in source.iter_mut().enumerate() {
            if axes.contains(&i) {
                *c = (b'a' + (rank + axes.iter().filter(|&&a| a < i).count()) as u8) as char;
            }
        }
        let together = (0..rank - 1).filter(|i| !axes.contains(i)).map(|i| target[i]);
        let product: String = together
            .chain(axes.iter().map(|&a| target[a]))
            .chain(axes.iter().map(|&a| source[a]))
            .collect();
        let (source, target): (String, String) = (source.iter().collect(), target.iter().collect());
        Ok(Heads {
            scale: 1.0 / (self.key_dim as f64).sqrt(),
            dropout: self.dropout,
            scores: format!("{source},{target}->{product}"),
            combine: format!("{product},{source}->{target}"),
            n_axes: axes.len(),
            fused: false,
        })
    }
}

setters!(MultiHeadAttention {
    plain use_bias: bool,
    plain use_gate: bool,
    some_into output_shape: Vec<usize>,
    some_into attention_axes: Vec<isize>,
    some sliding_window: usize,
    some_into activity_regularizer: Regularizer,
    some_into seed: Value,
});

weight_setters!([MultiHeadAttention] kernel, bias);

impl Layer for MultiHeadAttention {
    fn class(&self) -> &'static str {
        "MultiHeadAttention"
    }

    fn config(&self) -> Value {
        let mut config = crate::config::to_value(self).expect("plain settings serialize");
        config["value_dim"] = self.value_features().into();
        config
    }

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let x = Inputs::of(call)?;
        let mut children = Vec::new();
        for (name, layer) in self.projections(&x)? {
            let mut input = match name {
                "query_dense" | "_gate_dense" | "output_dense" => x.query.clone(),
                "key_dense" => x.key().clone(),
                _ => x.value.clone(),
            };
            if name == "output_dense" {
                let last = input.rank() - 1;
                input.dims.splice(last.., [Some(self.num_heads), Some(self.value_features())]);
            }
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
        let (declaring, cx) = (cx, &cx.inside());
        let x = Inputs::of(call)?;
        let specs = Inputs::of(&call.map(Flow::spec))?;
        let layers = self.projections(&specs)?;
        let give = |name: &str, v: Var<'g>| {
            let (name, layer) = layers.iter().find(|(n, _)| *n == name).expect("made above");
            project(cx, w, name, layer, v)
        };
        let scored = switch(call, 7, "return_attention_scores");
        let (t, s) = (x.query.value.dim(1), x.value.value.dim(1));
        // Keras reads the query's mask from the query alone.
        let mask =
            AttentionMask { query: x.query.mask, ..mask_parts(call, &x, self.sliding_window) }
                .join(cx, t, s);
        let gate = self.use_gate.then(|| give("_gate_dense", x.query.value)).transpose()?;
        let [q, k, v] = for_every_sample([
            give("query_dense", x.query.value)?,
            give("key_dense", x.key().value)?,
            give("value_dense", x.value.value)?,
        ]);
        let fused = self.dropout == 0.0 && !scored && q.rank() == 4;
        let heads = Heads { fused, ..self.heads(q.rank())? };
        let (mut y, weights) = heads.attend(cx, q, k, v, mask);
        if let Some(g) = gate {
            y = y * g;
        }
        let mut outs =
            vec![Flow::masked(give("output_dense", y)?, x.query.mask).ending(x.query.ends)];
        if scored {
            // Before data arrive, Keras gives the weights the query's axis 1 on both axes, whatever
            // the attention's axes are.
            let declared =
                declaring.declared(weights, &[weights.dim(0), Some(self.num_heads), t, t]);
            // They come out of a layer Softmax, which leaves its mask on them.
            let mask = mask.map(|m| heads.over_heads(m, weights.rank()));
            outs.push(Flow::masked(declared, mask));
        }
        Ok(outs)
    }

    fn takes_masks_off(&self) -> bool {
        true
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
        let on = |config| {
            Sample::new(config)
                .on([SampleInput::sequence(), SampleInput::sequence().keyword("value")])
        };
        vec![
            on(json!({"num_heads": 2, "key_dim": 3})),
            on(json!({"num_heads": 2, "key_dim": 3, "value_dim": 2, "output_shape": 5})),
        ]
    }
}
