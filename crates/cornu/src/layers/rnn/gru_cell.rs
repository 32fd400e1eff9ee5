//! The cell of a GRU.

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

/// Cell of a gated recurrent unit, GRU (Cho et al. 2014).
///
/// ```text
/// z = recurrent_activation(x W_z + b_z + h₋ R_z + b'_z)
/// r = recurrent_activation(x W_r + b_r + h₋ R_r + b'_r)
/// g = activation(x W_h + b_h + r ∘ (h₋ R_h + b'_h))           reset_after
/// g = activation(x W_h + b_h + (r ∘ h₋) R_h)                  otherwise, without b'
/// h = z ∘ h₋ + (1 - z) ∘ g
/// ```
///
/// # Shapes
/// x (B, F), state h (B, U), W (F, 3U: z, r, h), R (U, 3U), b with b' (2, 3U) or b alone (3U); out
/// h (B, U), and again as the next state.
///
/// # Source
/// `GRUCell` of keras/src/layers/rnn/gru.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{GruCell, LayerRef};
/// use ndarray::arr2;
/// let cell = GruCell::new(1).kernel_initializer("zeros").recurrent_initializer("zeros");
/// let (x, h) = (arr2(&[[1.0f32]]), arr2(&[[6.0f32]]));
/// let outputs = LayerRef::new(cell).apply_all(&[x.into(), h.into()])?;
/// assert_eq!(outputs[0], Array::from(arr2(&[[3.0f32]]))); // z = ½, g = 0: h = 6 z
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GruCell {
    /// Number of units, U.
    pub units: usize,
    /// Activation of the candidate g.
    pub activation: Activation,
    /// Activation of the gates z and r.
    pub recurrent_activation: Activation,
    /// True if a bias b is added.
    pub use_bias: bool,
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
    /// True if r scales the recurrent product; false if it scales the state before the product.
    pub reset_after: bool,
    /// Keras's seed, kept for its files; without effect in cornu.
    pub seed: Option<Value>,
}

impl Default for GruCell {
    fn default() -> Self {
        Self {
            units: 0,
            activation: Activation::Tanh,
            recurrent_activation: Activation::Sigmoid,
            use_bias: true,
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
            reset_after: true,
            seed: None,
        }
    }
}

setters!(GruCell {
    into activation: Activation,
    into recurrent_activation: Activation,
    plain use_bias: bool,
    plain dropout: f64,
    plain recurrent_dropout: f64,
    plain reset_after: bool,
    some_into seed: Value,
});

weight_setters!([GruCell] kernel, recurrent, bias);

cell_settings!(GruCell);

impl Cell for GruCell {
    fn class(&self) -> &'static str {
        "GRUCell"
    }

    fn config(&self) -> Value {
        crate::config::to_value(self).expect("plain settings serialize")
    }

    fn weights(&self, x: &Spec) -> Result<WeightTree> {
        let (u, f) = units_and_features(self.units, x)?;
        let kernel = WeightSpec::new("kernel", &[f, 3 * u], &self.kernel_initializer);
        let recurrent =
            WeightSpec::new("recurrent_kernel", &[u, 3 * u], &self.recurrent_initializer);
        let mut vars = vec![
            kernel.regularizer(&self.kernel_regularizer).constraint(&self.kernel_constraint),
            recurrent
                .regularizer(&self.recurrent_regularizer)
                .constraint(&self.recurrent_constraint),
        ];
        if self.use_bias {
            let dims: &[usize] = if self.reset_after { &[2, 3 * u] } else { &[3 * u] };
            let bias = WeightSpec::new("bias", dims, &self.bias_initializer);
            vars.push(bias.regularizer(&self.bias_regularizer).constraint(&self.bias_constraint));
        }
        Ok(WeightTree::of(vars))
    }

    fn state_dims(&self, _: &Spec) -> Result<Vec<Vec<Dim>>> {
        Ok(vec![vec![Some(self.units)]])
    }

    fn step<'g>(
        &self,
        w: &Weights<'g>,
        dropped: &[Dropped<'g>],
        x: Var<'g>,
        states: &[Var<'g>],
    ) -> Result<(Var<'g>, Vec<Var<'g>>)> {
        let u = self.units;
        let (h, recurrent) = (states[0], w.var("recurrent_kernel"));
        let mut a = dropped[0].input_by_gates(x, w.var("kernel"), u, Var::matmul);
        let mut q = dropped[0].state_by_gates(h, recurrent, u, Var::matmul);
        match w.get("bias") {
            Some(b) if self.reset_after => (a, q) = (a + b.index(0, 0), q + b.index(0, 1)),
            Some(b) => a = a + b,
            None => {}
        }
        let part = |v: Var<'g>, k: usize| v.slice(-1, k * u, (k + 1) * u);
        let [z, r] = [0, 1].map(|k| self.recurrent_activation.of(part(a, k) + part(q, k)));
        let inner = if self.reset_after {
            r * part(q, 2)
        } else {
            (r * dropped[0].state_of_gate(h, 2)).matmul(part(recurrent, 2))
        };
        let g = self.activation.of(part(a, 2) + inner);
        let h = z * h + (1.0 - z) * g;
        Ok((h, vec![h]))
    }

    fn draw<'g>(&self, cx: &Cx<'g>, x: &Spec) -> Result<Vec<Dropped<'g>>> {
        let (input, state) = (
            (self.dropout, &x.dims[..]),
            (self.recurrent_dropout, &[x.dims[0], Some(self.units)][..]),
        );
        Ok(vec![if self.recurrent_dropout > 0.0 {
            Dropped::draw_by_gate(cx, 3, input, state)
        } else {
            Dropped::draw(cx, input, state)
        }])
    }

    fn whole(&self) -> Option<&dyn WholeCell> {
        self.activation.gate().and(self.recurrent_activation.gate())?;
        Some(self)
    }

    fn samples() -> Vec<Sample> {
        vec![
            Sample::new(json!({"units": 3}))
                .on([SampleInput::floats([4]), SampleInput::floats([3])]),
        ]
    }
}

impl WholeCell for GruCell {
    fn run<'g>(&self, w: &Weights<'g>, run: &WholeRun<'g>) -> (Var<'g>, Vec<Var<'g>>) {
        let gate = |a: &Activation| a.gate().expect("`whole` asked for it");
        let op = ops::Gru {
            units: self.units,
            activation: gate(&self.activation),
            recurrent_activation: gate(&self.recurrent_activation),
            reset_after: self.reset_after,
            use_bias: self.use_bias,
            recurrent_mask: run.recurrent_mask.is_some(),
        };
        let mut ins = vec![run.rows, run.kernel(w.var("kernel"), 3), w.var("recurrent_kernel")];
        ins.extend(w.get("bias"));
        ins.extend(&run.first);
        ins.extend(run.recurrent_mask);
        ins.push(run.batch_sizes);
        let outs = run.rows.builder().apply(op, &ins);
        (outs[0], vec![outs[2]])
    }
}
