//! The cell of an LSTM.

use super::cell_layer::units_and_features;
use super::settings::cell_settings;
use crate::Result;
use crate::activations::Activation;
use crate::config::setters;
use crate::constraints::Constraint;
use crate::initializers::{GlorotUniform, Initializer, Orthogonal, Zeros};
use crate::lowering::{
    Cell, Cx, Dropped, Sample, SampleInput, WeightSpec, WeightTree, Weights, WholeCell, WholeRun,
};
use crate::regularizers::Regularizer;
use cornu_ir::{Dim, Spec, Var, ops};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Cell of a long short-term memory, LSTM (Hochreiter and Schmidhuber 1997).
///
/// ```text
/// z = x W + h₋ R + b          (4U: i, f, c, o)
/// i, f, o = recurrent_activation(z);  c̃ = activation(z)
/// c = f ∘ c₋ + i ∘ c̃;         h = o ∘ activation(c)
/// ```
///
/// # Shapes
/// x (B, F), states h and c (B, U), W (F, 4U), R (U, 4U), b (4U); outputs h (B, U), and the next h
/// and c.
///
/// # Source
/// `LSTMCell` of keras/src/layers/rnn/lstm.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, LstmCell};
/// use ndarray::arr2;
/// let cell = LstmCell::new(1).activation("linear").unit_forget_bias(false);
/// let cell = cell.kernel_initializer("zeros").recurrent_initializer("zeros");
/// let [x, h, c] = [1.0f32, 1.0, 8.0].map(|v| Array::from(arr2(&[[v]])));
/// let outputs = LayerRef::new(cell).apply_all(&[x, h, c])?; // output, h, c
/// assert_eq!(outputs[2], Array::from(arr2(&[[4.0f32]]))); // f = ½: c = 8 f
/// assert_eq!(outputs[0], Array::from(arr2(&[[2.0f32]]))); // o = ½: h = 4 o
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LstmCell {
    /// Number of units, U.
    pub units: usize,
    /// Activation of the candidate c̃ and of the output.
    pub activation: Activation,
    /// Activation of the gates i, f, o.
    pub recurrent_activation: Activation,
    /// True if a bias b is added.
    pub use_bias: bool,
    /// True if the forget gate's part of b starts at 1 (Jozefowicz et al. 2015).
    pub unit_forget_bias: bool,
    /// Initializer of the kernel, W.
    pub kernel_initializer: Initializer,
    /// Initializer of the recurrent kernel, R.
    pub recurrent_initializer: Initializer,
    /// Initializer of the bias, b.
    pub bias_initializer: Initializer,
    /// Regularizer of the kernel, W.
    pub kernel_regularizer: Option<Regularizer>,
    /// Regularizer of the recurrent kernel, R.
    pub recurrent_regularizer: Option<Regularizer>,
    /// Regularizer of the bias, b.
    pub bias_regularizer: Option<Regularizer>,
    /// Constraint on the kernel, W.
    pub kernel_constraint: Option<Constraint>,
    /// Constraint on the recurrent kernel, R.
    pub recurrent_constraint: Option<Constraint>,
    /// Constraint on the bias, b.
    pub bias_constraint: Option<Constraint>,
    /// Share of inputs dropped in training: one mask for all timesteps; with recurrent dropout
    /// another for each gate.
    pub dropout: f64,
    /// Share of the state dropped in training: one mask for all timesteps, another for each gate.
    pub recurrent_dropout: f64,
    /// Keras's seed, kept for its files; without effect in cornu.
    pub seed: Option<Value>,
}

impl Default for LstmCell {
    fn default() -> Self {
        Self {
            units: 0,
            activation: Activation::Tanh,
            recurrent_activation: Activation::Sigmoid,
            use_bias: true,
            unit_forget_bias: true,
            kernel_initializer: GlorotUniform::default().into(),
            recurrent_initializer: Orthogonal::default().into(),
            bias_initializer: Zeros {}.into(),
            kernel_regularizer: None,
            recurrent_regularizer: None,
            bias_regularizer: None,
            kernel_constraint: None,
            recurrent_constraint: None,
            bias_constraint: None,
            dropout: 0.0,
            recurrent_dropout: 0.0,
            seed: None,
        }
    }
}

setters!(LstmCell {
    into activation: Activation,
    into recurrent_activation: Activation,
    plain use_bias: bool,
    plain unit_forget_bias: bool,
    plain dropout: f64,
    plain recurrent_dropout: f64,
    some_into seed: Value,
});

weight_setters!([LstmCell] kernel, recurrent, bias);

cell_settings!(LstmCell);

impl Cell for LstmCell {
    fn class(&self) -> &'static str {
        "LSTMCell"
    }

    fn config(&self) -> Value {
        crate::config::to_value(self).expect("plain settings serialize")
    }

    fn weights(&self, x: &Spec) -> Result<WeightTree> {
        let (u, f) = units_and_features(self.units, x)?;
        let kernel = WeightSpec::new("kernel", &[f, 4 * u], &self.kernel_initializer);
        let recurrent =
            WeightSpec::new("recurrent_kernel", &[u, 4 * u], &self.recurrent_initializer);
        let mut vars = vec![
            kernel.regularizer(&self.kernel_regularizer).constraint(&self.kernel_constraint),
            recurrent
                .regularizer(&self.recurrent_regularizer)
                .constraint(&self.recurrent_constraint),
        ];
        if self.use_bias {
            let mut bias = WeightSpec::new("bias", &[4 * u], &self.bias_initializer);
            bias.ones = self.unit_forget_bias.then_some((u, 2 * u));
            vars.push(bias.regularizer(&self.bias_regularizer).constraint(&self.bias_constraint));
        }
        Ok(WeightTree::of(vars))
    }

    fn state_dims(&self, _: &Spec) -> Result<Vec<Vec<Dim>>> {
        Ok(vec![vec![Some(self.units)]; 2])
    }

    fn step<'g>(
        &self,
        w: &Weights<'g>,
        dropped: &[Dropped<'g>],
        x: Var<'g>,
        states: &[Var<'g>],
    ) -> Result<(Var<'g>, Vec<Var<'g>>)> {
        let u = self.units;
        let (h, c) = (states[0], states[1]);
        let from_input = dropped[0].input_by_gates(x, w.var("kernel"), u, Var::matmul);
        let mut z =
            from_input + dropped[0].state_by_gates(h, w.var("recurrent_kernel"), u, Var::matmul);
        if let Some(b) = w.get("bias") {
            z = z + b;
        }
        let part = |k: usize| z.slice(-1, k * u, (k + 1) * u);
        let [i, f, o] = [0, 1, 3].map(|k| self.recurrent_activation.of(part(k)));
        let c = f * c + i * self.activation.of(part(2));
        let h = o * self.activation.of(c);
        Ok((h, vec![h, c]))
    }

    fn draw<'g>(&self, cx: &Cx<'g>, x: &Spec) -> Result<Vec<Dropped<'g>>> {
        let (input, state) = (
            (self.dropout, &x.dims[..]),
            (self.recurrent_dropout, &[x.dims[0], Some(self.units)][..]),
        );
        Ok(vec![if self.recurrent_dropout > 0.0 {
            Dropped::draw_by_gate(cx, 4, input, state)
        } else {
            Dropped::draw(cx, input, state)
        }])
    }

    fn whole(&self) -> Option<&dyn WholeCell> {
        self.activation.gate().and(self.recurrent_activation.gate())?;
        Some(self)
    }

    fn samples() -> Vec<Sample> {
        vec![Sample::new(json!({"units": 3})).on([
            SampleInput::floats([4]),
            SampleInput::floats([3]),
            SampleInput::floats([3]),
        ])]
    }
}

impl WholeCell for LstmCell {
    fn run<'g>(&self, w: &Weights<'g>, run: &WholeRun<'g>) -> (Var<'g>, Vec<Var<'g>>) {
        let gate = |a: &Activation| a.gate().expect("`whole` asked for it");
        let op = ops::Lstm {
            units: self.units,
            activation: gate(&self.activation),
            recurrent_activation: gate(&self.recurrent_activation),
            use_bias: self.use_bias,
            recurrent_mask: run.recurrent_mask.is_some(),
            int8: run.int8,
        };
        let mut ins = vec![run.rows, run.kernel(w.var("kernel"), 4), w.var("recurrent_kernel")];
        ins.extend(w.get("bias"));
        ins.extend(&run.first);
        ins.extend(run.recurrent_mask);
        ins.push(run.batch_sizes);
        let outs = run.rows.builder().apply(op, &ins);
        (outs[0], outs[3..5].to_vec())
    }
}
