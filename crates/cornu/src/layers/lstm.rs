//! Long short-term memory.

use super::recurrent::{Packed, Walk, expect_sequence, mask_of, sequence_and_states};
use super::{Call, Cx, Flow, Layer, MaskRule, WeightSpec, WeightTree, Weights, known_dim};
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::{GlorotUniform, Initializer, Orthogonal, Zeros};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::{Spec, ops};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A layer of long short-term memory cells (Hochreiter and Schmidhuber 1997).
///
/// ```text
/// z = x W + h₋ R + b          (4U: i, f, c, o)
/// i, f, o = recurrent_activation(z);  c̃ = activation(z)
/// c = f ∘ c₋ + i ∘ c̃;         h = o ∘ activation(c)
/// ```
///
/// # Shapes
/// x (B, T, F), W (F, 4U), R (U, 4U), b (4U); out (B, U), or (B, T, U) with `return_sequences`; with `return_state` also h and c (B, U).
///
/// # Source
/// keras/src/layers/rnn/lstm.py, Keras 3.15.1. Differs: `unroll` and `use_cudnn` change nothing here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lstm {
    /// Every timestep's output, not only the last.
    pub return_sequences: bool,
    /// The states beside the output.
    pub return_state: bool,
    /// From the last timestep to the first.
    pub go_backwards: bool,
    /// The state of each row goes on to the next batch.
    pub stateful: bool,
    /// Accepted; the result is the same.
    pub unroll: bool,
    /// 0 at masked timesteps, instead of the output before.
    pub zero_output_for_mask: bool,
    /// U.
    pub units: usize,
    /// Of c̃ and of the output.
    pub activation: Activation,
    /// Of the gates.
    pub recurrent_activation: Activation,
    /// Whether there is b.
    pub use_bias: bool,
    /// How W starts.
    pub kernel_initializer: Initializer,
    /// How R starts.
    pub recurrent_initializer: Initializer,
    /// How b starts.
    pub bias_initializer: Initializer,
    /// The forget gate's part of b starts at 1 (Jozefowicz et al. 2015).
    pub unit_forget_bias: bool,
    /// Penalty on W.
    pub kernel_regularizer: Option<Regularizer>,
    /// Penalty on R.
    pub recurrent_regularizer: Option<Regularizer>,
    /// Penalty on b.
    pub bias_regularizer: Option<Regularizer>,
    /// Penalty on the output.
    pub activity_regularizer: Option<Regularizer>,
    /// Projection of W.
    pub kernel_constraint: Option<Constraint>,
    /// Projection of R.
    pub recurrent_constraint: Option<Constraint>,
    /// Projection of b.
    pub bias_constraint: Option<Constraint>,
    /// Share of inputs dropped in training, the same at every timestep.
    pub dropout: f64,
    /// Share of the state dropped in training, the same at every timestep.
    pub recurrent_dropout: f64,
    /// Keras's seed, kept.
    pub seed: Option<Value>,
}

impl Default for Lstm {
    fn default() -> Self {
        Self {
            return_sequences: false,
            return_state: false,
            go_backwards: false,
            stateful: false,
            unroll: false,
            zero_output_for_mask: false,
            units: 0,
            activation: Activation::Tanh,
            recurrent_activation: Activation::Sigmoid,
            use_bias: true,
            kernel_initializer: GlorotUniform::default().into(),
            recurrent_initializer: Orthogonal::default().into(),
            bias_initializer: Zeros {}.into(),
            unit_forget_bias: true,
            kernel_regularizer: None,
            recurrent_regularizer: None,
            bias_regularizer: None,
            activity_regularizer: None,
            kernel_constraint: None,
            recurrent_constraint: None,
            bias_constraint: None,
            dropout: 0.0,
            recurrent_dropout: 0.0,
            seed: None,
        }
    }
}

impl Lstm {
    /// A layer of U units with Keras's defaults.
    pub fn new(units: usize) -> Self {
        Self { units, ..Self::default() }
    }

    /// Every timestep's output, not only the last.
    pub fn return_sequences(mut self, on: bool) -> Self {
        self.return_sequences = on;
        self
    }

    /// The states beside the output.
    pub fn return_state(mut self, on: bool) -> Self {
        self.return_state = on;
        self
    }

    /// From the last timestep to the first.
    pub fn go_backwards(mut self, on: bool) -> Self {
        self.go_backwards = on;
        self
    }

    /// Share of inputs dropped in training.
    pub fn dropout(mut self, rate: f64) -> Self {
        self.dropout = rate;
        self
    }

    /// Share of the state dropped in training.
    pub fn recurrent_dropout(mut self, rate: f64) -> Self {
        self.recurrent_dropout = rate;
        self
    }

    fn walk(&self) -> Walk {
        Walk {
            return_sequences: self.return_sequences,
            return_state: self.return_state,
            go_backwards: self.go_backwards,
            zero_output_for_mask: self.zero_output_for_mask,
        }
    }
}

impl Layer for Lstm {
    fn class(&self) -> &'static str {
        "LSTM"
    }

    fn config(&self) -> Value {
        serde_json::to_value(self).expect("plain settings serialize")
    }

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let (x, _) = sequence_and_states(call)?;
        expect_sequence(&x)?;
        if self.units == 0 {
            return Err(Error::argument("", "units must be at least 1", self.units));
        }
        let (f, u) = (known_dim(&x, -1, "features")?, self.units);
        let kernel = WeightSpec::new("kernel", &[f, 4 * u], &self.kernel_initializer);
        let recurrent = WeightSpec::new("recurrent_kernel", &[u, 4 * u], &self.recurrent_initializer);
        let mut vars = vec![
            kernel.regularizer(&self.kernel_regularizer).constraint(&self.kernel_constraint),
            recurrent.regularizer(&self.recurrent_regularizer).constraint(&self.recurrent_constraint),
        ];
        if self.use_bias {
            let mut bias = WeightSpec::new("bias", &[4 * u], &self.bias_initializer);
            bias.ones = self.unit_forget_bias.then_some((u, 2 * u));
            vars.push(bias.regularizer(&self.bias_regularizer).constraint(&self.bias_constraint));
        }
        Ok(WeightTree::inside([("cell", WeightTree::of(vars))]))
    }

    fn lower<'g>(&self, cx: &Cx<'g>, w: &Weights<'g>, call: &Call<Flow<'g>>) -> Result<Vec<Flow<'g>>> {
        let (x, states) = sequence_and_states(call)?;
        let mask = mask_of(call);
        let mut x = cx.to_float(x.value);
        expect_sequence(&x.spec())?;
        let (b, u) = (x.dim(0), Some(self.units));
        let w_cell = w.child("cell");
        if cx.training && self.dropout > 0.0 {
            x = x * cx.dropout_mask(self.dropout, &[b, Some(1), x.dim(2)]);
        }
        let given: Vec<_> = match (&states[..], self.stateful) {
            ([], true) => (0..2).map(|i| Some(cx.state(w, i, &[b, u]))).collect(),
            ([], false) => vec![None, None],
            ([h, c], _) => vec![Some(cx.to_float(h.value)), Some(cx.to_float(c.value))],
            (other, _) => return Err(Error::argument("", "initial_state must be two values, h and c", format!("{} values", other.len()))),
        };
        let packed = Packed::new(x, mask, self.walk());
        let zeros = cx.builder.full(cx.float(), &[b, u], 0.0);
        let first = |s: Option<cornu_ir::Var<'g>>| s.map_or(zeros, |s| packed.sort(s));
        let recurrent_mask = (cx.training && self.recurrent_dropout > 0.0).then(|| packed.sort(cx.dropout_mask(self.recurrent_dropout, &[b, u])));
        let (Some(activation), Some(recurrent_activation)) = (self.activation.gate(), self.recurrent_activation.gate()) else {
            return Err(Error::Unsupported(format!("LSTM with activations {} and {}", self.activation.name(), self.recurrent_activation.name())));
        };
        let op = ops::Lstm { units: self.units, activation, recurrent_activation, use_bias: self.use_bias, recurrent_mask: recurrent_mask.is_some() };
        let mut ins = vec![packed.rows, w_cell.var("kernel"), w_cell.var("recurrent_kernel")];
        ins.extend(w_cell.get("bias"));
        ins.extend([first(given[0]), first(given[1])]);
        ins.extend(recurrent_mask);
        ins.push(packed.batch_sizes);
        let outs = cx.builder.apply(op, &ins);
        if self.stateful {
            (0..2).for_each(|i| cx.set_state(w, i, packed.unsort(outs[3 + i])));
        }
        Ok(packed.finish(outs[0], &outs[3..5], given[0], mask))
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }
}
