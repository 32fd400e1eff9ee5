//! A fully connected layer.

use super::lora::{Lora, OF_KERNEL};
use crate::activations::Activation;
use crate::config::setters;
use crate::constraints::Constraint;
use crate::initializers::{GlorotUniform, Initializer, Ones, Zeros};
use crate::lowering::{
    Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, WeightSpec, WeightTree, Weights,
    expect_rank, known_dim,
};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Fully connected layer on the last axis: `y = activation(x W + b)`.
///
/// # Shapes
/// x (B, …, F), W (F, U), b (U), y (B, …, U).
///
/// # Source
/// keras/src/layers/core/dense.py, Keras 3.15.1. Differs: quantized kernels have 8 bits only.
///
/// ```
/// use cornu::{Dense, Input, Model};
/// let x = Input::new([4]);
/// let y = Dense::new(3).call(&x)?;
/// assert_eq!(y.shape_text(), "(None, 3)");
/// assert_eq!(Model::new(&x, &y)?.count_params(), 15);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dense {
    /// Number of outputs, U.
    pub units: usize,
    /// Activation of the output.
    pub activation: Activation,
    /// True if a bias b is added.
    pub use_bias: bool,
    /// Initializer of the kernel, W.
    pub kernel_initializer: Initializer,
    /// Initializer of the bias, b.
    pub bias_initializer: Initializer,
    /// Regularizer of the kernel, W.
    pub kernel_regularizer: Option<Regularizer>,
    /// Regularizer of the bias, b.
    pub bias_regularizer: Option<Regularizer>,
    /// Regularizer of the output.
    #[serde(skip_serializing)]
    pub activity_regularizer: Option<Regularizer>,
    /// Constraint on the kernel, W.
    pub kernel_constraint: Option<Constraint>,
    /// Constraint on the bias, b.
    pub bias_constraint: Option<Constraint>,
    /// Setting kept for Keras's files; without effect in cornu.
    pub quantization_config: Option<Value>,
    /// LoRA: a product of two low-rank matrices, trained instead of W.
    #[serde(flatten)]
    pub lora: Lora,
    /// True if W is stored as 8-bit whole numbers with a scale (U); rows of x are rounded to 8 bits
    /// too. Set by the dtype policy `int8_from_float32`.
    #[serde(skip_serializing)]
    pub int8: bool,
}

impl Default for Dense {
    fn default() -> Self {
        Self {
            units: 0,
            activation: Activation::Linear,
            use_bias: true,
            kernel_initializer: GlorotUniform::default().into(),
            bias_initializer: Zeros {}.into(),
            kernel_regularizer: None,
            bias_regularizer: None,
            activity_regularizer: None,
            kernel_constraint: None,
            bias_constraint: None,
            quantization_config: None,
            lora: Lora::default(),
            int8: false,
        }
    }
}

impl Dense {
    /// Returns a layer of `units` outputs, linear, with bias.
    pub fn new(units: usize) -> Self {
        Self { units, ..Self::default() }
    }

    /// Sets the rank of LoRA: W is frozen, and the product of two low-rank matrices is trained.
    pub fn lora_rank(mut self, rank: usize) -> Self {
        self.lora = Lora::of_rank(rank);
        self
    }
}

setters!(Dense {
    into activation: Activation,
    plain use_bias: bool,
    some_into activity_regularizer: Regularizer,
});

weight_setters!([Dense] kernel, bias);

impl Layer for Dense {
    fn class(&self) -> &'static str {
        "Dense"
    }

    fn config(&self) -> Value {
        crate::config::to_value(self).expect("plain settings serialize")
    }

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let x = call.input()?;
        if self.units == 0 {
            return Err(Error::argument("", "units must be at least 1", self.units));
        }
        expect_rank(x, 2..=usize::MAX, "(batch, …, features)")?;
        let f = known_dim(x, -1, "features")?;
        let kernel = WeightSpec::new("kernel", &[f, self.units], &self.kernel_initializer);
        let kernel =
            kernel.regularizer(&self.kernel_regularizer).constraint(&self.kernel_constraint);
        let kernel = if self.int8 { kernel.int8() } else { kernel };
        let adapted = self.lora.plain().weights(
            kernel,
            OF_KERNEL,
            &self.kernel_regularizer,
            &self.kernel_constraint,
        )?;
        let mut vars = vec![adapted.kernel];
        if self.use_bias {
            let bias = WeightSpec::new("bias", &[self.units], &self.bias_initializer);
            vars.push(bias.regularizer(&self.bias_regularizer).constraint(&self.bias_constraint));
        }
        if self.int8 {
            vars.push(WeightSpec::new("kernel_scale", &[self.units], &Ones {}.into()).fixed());
        }
        vars.extend(adapted.factors);
        Ok(WeightTree::of(vars))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = cx.to_float(call.input()?.value);
        expect_rank(&x.spec(), 2..=usize::MAX, "(batch, …, features)")?;
        let kernel = self.lora.plain().adapted(w, w.var("kernel"), OF_KERNEL);
        if let (Some(f), want) = (x.dim(-1), kernel.dim(0))
            && Some(f) != want
        {
            return Err(Error::shapes(
                format!(
                    "expected {} features on the last axis, for which its weights were made",
                    want.unwrap_or(0)
                ),
                &[x.spec()],
            ));
        }
        let mut y = match w.get("kernel_scale") {
            None => x.matmul(kernel),
            Some(scale) => {
                let row_scale = 127.0 / (x.abs().max(&[-1], true) + 1e-7);
                (x * row_scale).round().clip(-127.0, 127.0).matmul(kernel) / (scale * row_scale)
            }
        };
        if let Some(b) = w.get("bias") {
            y = y + b;
        }
        // Keras declares the units, also with `glu`, which halves them.
        Ok(vec![cx.declared(self.activation.of(y), &y.dims()).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::ByTimestep(3).with_activation(&self.activation)
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }

    fn samples() -> Vec<Sample> {
        Sample::each([
            json!({"units": 3, "activation": "tanh"}),
            json!({"units": 3, "activation": "softmax"}),
            json!({"units": 3, "use_bias": false}),
        ])
    }
}
