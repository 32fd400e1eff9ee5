//! The cell of a simple recurrent layer.

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

/// Cell of a simple recurrent layer (Elman 1990): `h = activation(x W + h₋ R + b)`.
///
/// # Shapes
/// x (B, F), state h (B, U), W (F, U), R (U, U), b (U); out h (B, U), and again as the next state.
///
/// # Source
/// `SimpleRNNCell` of keras/src/layers/rnn/simple_rnn.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, SimpleRnnCell};
/// use ndarray::arr2;
/// let cell = SimpleRnnCell::new(1).activation("linear");
/// let cell = cell.kernel_initializer("ones").recurrent_initializer("ones");
/// let (x, h) = (arr2(&[[2.0f32]]), arr2(&[[1.0f32]]));
/// let outputs = LayerRef::new(cell).apply_all(&[x.into(), h.into()])?;
/// assert_eq!(outputs[0], Array::from(arr2(&[[3.0f32]]))); // h = x + h₋
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SimpleRnnCell {
    /// Number of units, U.
    pub units: usize,
    /// Activation of the output.
    pub activation: Activation,
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
    /// Share of inputs dropped in training: one mask for all timesteps.
    pub dropout: f64,
    /// Share of the state dropped in training: one mask for all timesteps.
    pub recurrent_dropout: f64,
    /// Keras's seed, kept for its files; without effect in cornu.
    pub seed: Option<Value>,
}

impl Default for SimpleRnnCell {
    fn default() -> Self {
        Self {
            units: 0,
            activation: Activation::Tanh,
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
            seed: None,
        }
    }
}

setters!(SimpleRnnCell {
    into activation: Activation,
    plain use_bias: bool,
    plain dropout: f64,
    plain recurrent_dropout: f64,
    some_into seed: Value,
});

weight_setters!([SimpleRnnCell] kernel, recurrent, bias);

cell_settings!(SimpleRnnCell);

impl Cell for SimpleRnnCell {
    fn class(&self) -> &'static str {
        "SimpleRNNCell"
    }

    fn config(&self) -> Value {
        crate::config::to_value(self).expect("plain settings serialize")
    }

    fn weights(&self, x: &Spec) -> Result<WeightTree> {
        let (u, f) = units_and_features(self.units, x)?;
        let kernel = WeightSpec::new("kernel", &[f, u], &self.kernel_initializer);
        let recurrent = WeightSpec::new("recurrent_kernel", &[u, u], &self.recurrent_initializer);
        let mut vars = vec![
            kernel.regularizer(&self.kernel_regularizer).constraint(&self.kernel_constraint),
            recurrent
                .regularizer(&self.recurrent_regularizer)
                .constraint(&self.recurrent_constraint),
        ];
        if self.use_bias {
            let bias = WeightSpec::new("bias", &[u], &self.bias_initializer);
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
        let mut z = dropped[0].input(x).matmul(w.var("kernel"));
        if let Some(b) = w.get("bias") {
            z = z + b;
        }
        let h =
            self.activation.of(z + dropped[0].state(states[0]).matmul(w.var("recurrent_kernel")));
        Ok((h, vec![h]))
    }

    fn draw<'g>(&self, cx: &Cx<'g>, x: &Spec) -> Result<Vec<Dropped<'g>>> {
        Ok(vec![Dropped::draw(
            cx,
            (self.dropout, &x.dims),
            (self.recurrent_dropout, &[x.dims[0], Some(self.units)]),
        )])
    }

    fn whole(&self) -> Option<&dyn WholeCell> {
        self.activation.gate()?;
        Some(self)
    }

    fn samples() -> Vec<Sample> {
        vec![
            Sample::new(json!({"units": 3}))
                .on([SampleInput::floats([4]), SampleInput::floats([3])]),
        ]
    }
}

impl WholeCell for SimpleRnnCell {
    fn run<'g>(&self, w: &Weights<'g>, run: &WholeRun<'g>) -> (Var<'g>, Vec<Var<'g>>) {
        let activation = self.activation.gate().expect("`whole` asked for it");
        let op = ops::SimpleRnn {
            units: self.units,
            activation,
            use_bias: self.use_bias,
            recurrent_mask: run.recurrent_mask.is_some(),
        };
        let mut ins = vec![run.rows, w.var("kernel"), w.var("recurrent_kernel")];
        ins.extend(w.get("bias"));
        ins.extend(&run.first);
        ins.extend(run.recurrent_mask);
        ins.push(run.batch_sizes);
        let outs = run.rows.builder().apply(op, &ins);
        (outs[0], vec![outs[1]])
    }
}
