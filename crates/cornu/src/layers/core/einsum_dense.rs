//! A dense layer whose product is an einsum equation.

use super::lora::{Lora, OF_KERNEL};
use crate::activations::Activation;
use crate::config::setters;
use crate::constraints::Constraint;
use crate::initializers::{GlorotUniform, Initializer, Zeros};
use crate::layers::activation::parametric::{activated, with_activation};
use crate::lowering::{Call, Cx, Flow, Layer, Sample, WeightSpec, WeightTree, Weights};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::composites::einsum;
use cornu_ir::{Dim, Spec};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

/// Dense layer whose product is an einsum equation: `y = activation(einsum(equation, x, W) + b)`.
///
/// # Shapes
/// As in the equation: with `abc,cd->abd` x (B, T, F), W (F, U), y (B, T, U); `...` stands for all
/// other axes. `output_shape` holds the dims of y without the batch and without those of `...`; b
/// has the dims of `bias_axes`.
///
/// # Source
/// keras/src/layers/core/einsum_dense.py, Keras 3.15.1. Differs: no quantized kernels.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{EinsumDense, LayerRef};
/// use ndarray::arr3;
/// let layer = EinsumDense::new("abc,cd->abd", [None, Some(1)]).kernel_initializer("ones");
/// let y = LayerRef::new(layer).apply(&arr3(&[[[1.0f32, 2.0], [3.0, 4.0]]]))?;
/// assert_eq!(y, Array::from(arr3(&[[[3.0f32], [7.0]]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EinsumDense {
    /// Dims of the output without the batch.
    #[serde(deserialize_with = "one_or_many")]
    pub output_shape: Vec<Dim>,
    /// Einsum equation of input and kernel, as `abc,cd->abd`.
    pub equation: String,
    /// Activation of the output.
    pub activation: Activation,
    /// Letters of the output along which a bias is added; `None` for no bias.
    pub bias_axes: Option<String>,
    /// Initializer of the kernel, W.
    pub kernel_initializer: Initializer,
    /// Initializer of the bias, b.
    pub bias_initializer: Initializer,
    /// Regularizer of the kernel, W.
    pub kernel_regularizer: Option<Regularizer>,
    /// Regularizer of the bias, b.
    pub bias_regularizer: Option<Regularizer>,
    /// Regularizer of the output.
    pub activity_regularizer: Option<Regularizer>,
    /// Constraint on the kernel, W.
    pub kernel_constraint: Option<Constraint>,
    /// Constraint on the bias, b.
    pub bias_constraint: Option<Constraint>,
    /// Setting kept for Keras's files; quantized kernels are not read.
    pub quantization_config: Option<Value>,
    /// LoRA: a product of two low-rank matrices, trained instead of W.
    #[serde(flatten)]
    pub lora: Lora,
}

/// A list of dims, or one.
pub(crate) fn one_or_many<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Dim>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Dims {
        One(usize),
        Many(Vec<Dim>),
    }
    Ok(match Dims::deserialize(d)? {
        Dims::One(n) => vec![Some(n)],
        Dims::Many(v) => v,
    })
}

impl Default for EinsumDense {
    fn default() -> Self {
        Self {
            output_shape: vec![],
            equation: String::new(),
            activation: Activation::Linear,
            bias_axes: None,
            kernel_initializer: GlorotUniform::default().into(),
            bias_initializer: Zeros {}.into(),
            kernel_regularizer: None,
            bias_regularizer: None,
            activity_regularizer: None,
            kernel_constraint: None,
            bias_constraint: None,
            quantization_config: None,
            lora: Lora::default(),
        }
    }
}

impl EinsumDense {
    /// Returns a layer of an equation and the dims of the output without the batch.
    pub fn new<D: Into<Dim>>(equation: &str, output_shape: impl IntoIterator<Item = D>) -> Self {
        Self {
            equation: equation.into(),
            output_shape: output_shape.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Adds a bias along these letters of the output.
    pub fn bias_axes(mut self, letters: &str) -> Self {
        self.bias_axes = Some(letters.into());
        self
    }

    fn analyze(&self, x: &Spec) -> Result<Analysis> {
        let wrong =
            |rule: String| Error::argument("", rule, format!("equation `{}`", self.equation));
        let sides = self
            .equation
            .split_once("->")
            .and_then(|(l, r)| l.split_once(',').map(|(a, w)| (a, w, r)));
        let (input, kernel, output) =
            sides.ok_or_else(|| wrong("the equation must have the form X,W->Y".into()))?;
        let left = input.starts_with("...") && output.starts_with("...");
        let right = input.ends_with("...") && output.ends_with("...") && input.len() > 4;
        let letters = |s: &str| -> Vec<char> {
            s.trim_start_matches("...").trim_end_matches("...").chars().collect()
        };
        let (x_letters, w_letters, y_letters) = (letters(input), letters(kernel), letters(output));
        let plain = |l: &[char]| !l.is_empty() && l.iter().all(char::is_ascii_alphabetic);
        if !plain(&x_letters)
            || !plain(&w_letters)
            || !plain(&y_letters)
            || kernel.contains('.')
            || (input.contains('.') || output.contains('.')) && !left && !right
        {
            return Err(wrong(
                "the equation must have the form X,W->Y, ...X,W->...Y or X...,W->Y...".into(),
            ));
        }
        let elided = x.rank().checked_sub(x_letters.len()).filter(|&e| e == 0 || left || right);
        let elided = elided.ok_or_else(|| {
            Error::shapes(
                format!("the input must have the axes of `{input}`"),
                std::slice::from_ref(x),
            )
        })?;
        let mut dims = vec![x.dims.first().copied().flatten()];
        if left {
            dims.extend(x.dims.get(1..elided).unwrap_or_default());
        }
        dims.extend(&self.output_shape);
        if right {
            dims.extend(&x.dims[x.rank() - elided..]);
        }
        let shift = if left { elided } else { 0 };
        let find =
            |letters: &[char], c: char| letters.iter().position(|d| *d == c).map(|i| i + shift);
        let y_dim = |c: char| find(&y_letters, c).map(|i| dims.get(i).copied().flatten());
        if dims.len() != y_letters.len() + elided {
            let received = format!("{} dims for `{output}`", self.output_shape.len());
            return Err(Error::argument(
                "",
                "output_shape must hold a dim for each letter of the output but the batch",
                received,
            ));
        }
        for &c in &x_letters {
            if let (Some(Some(y)), Some(i)) = (y_dim(c), find(&x_letters, c))
                && x.dims[i] != Some(y)
            {
                return Err(Error::shapes(
                    format!("axis {i} (`{c}`) must have {y}, as output_shape says"),
                    std::slice::from_ref(x),
                ));
            }
        }
        if let Some(c) = y_letters.iter().find(|c| !x_letters.contains(c) && !w_letters.contains(c))
        {
            return Err(wrong(format!("the output's `{c}` must stand in the input or the kernel")));
        }
        let number = |c: char, d: Dim| {
            d.ok_or_else(|| {
                wrong(format!("the dim of `{c}` must be a number, for weights are made for it"))
            })
        };
        let mut kernel = Vec::new();
        let (mut input_axes, mut output_axes) = (Vec::new(), Vec::new());
        for (i, &c) in w_letters.iter().enumerate() {
            match (y_dim(c), find(&x_letters, c)) {
                (Some(d), _) => {
                    kernel.push(number(c, d)?);
                    output_axes.push(i as isize);
                }
                (None, Some(at)) => {
                    kernel.push(number(c, x.dims[at])?);
                    input_axes.push(i as isize);
                }
                (None, None) => {
                    return Err(wrong(format!(
                        "the kernel's `{c}` must stand in the input or the output"
                    )));
                }
            }
        }
        let bias = match &self.bias_axes {
            None => None,
            Some(axes) => {
                if let Some(c) = axes.chars().find(|c| !y_letters.contains(c)) {
                    return Err(wrong(format!("bias_axes: `{c}` must be a letter of the output")));
                }
                let from = y_letters.iter().position(|c| axes.contains(*c)).unwrap_or(0);
                let dim = |&c: &char| {
                    if axes.contains(c) { number(c, y_dim(c).flatten()) } else { Ok(1) }
                };
                let mut shape = y_letters[from..].iter().map(dim).collect::<Result<Vec<_>>>()?;
                shape.extend(vec![1; if left { 0 } else { elided }]);
                Some(shape)
            }
        };
        // Keras declares the axes under `...` to the right of the batch in reverse.
        let mut declared = dims.clone();
        if let (true, Some(under)) = (left, declared.get_mut(1..elided)) {
            under.reverse();
        }
        Ok(Analysis { kernel, bias, output: dims, declared, input_axes, output_axes })
    }
}

struct Analysis {
    kernel: Vec<usize>,
    bias: Option<Vec<usize>>,
    output: Vec<Dim>,
    /// The output's dims as Keras declares them.
    declared: Vec<Dim>,
    input_axes: Vec<isize>,
    output_axes: Vec<isize>,
}

setters!(EinsumDense {
    into output_shape: Vec<Dim>,
    into equation: String,
    into activation: Activation,
    some_into activity_regularizer: Regularizer,
});

weight_setters!([EinsumDense] kernel, bias);

impl Layer for EinsumDense {
    settings!("EinsumDense");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let a = self.analyze(call.input()?)?;
        let initializer = self.kernel_initializer.with_fans(&a.input_axes, &a.output_axes);
        let initializer = initializer.unwrap_or_else(|| self.kernel_initializer.clone());
        let kernel = WeightSpec::new("kernel", &a.kernel, &initializer);
        let kernel =
            kernel.regularizer(&self.kernel_regularizer).constraint(&self.kernel_constraint);
        let adapted = self.lora.weights(
            kernel,
            OF_KERNEL,
            &self.kernel_regularizer,
            &self.kernel_constraint,
        )?;
        let mut vars = vec![adapted.kernel];
        if let Some(shape) = &a.bias {
            let bias = WeightSpec::new("bias", shape, &self.bias_initializer);
            vars.push(bias.regularizer(&self.bias_regularizer).constraint(&self.bias_constraint));
        }
        vars.extend(adapted.factors);
        let plain = Self { activation: Activation::Linear, ..self.clone() };
        with_activation(&plain, &self.activation, call, WeightTree::of(vars))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = cx.to_float(call.input()?.value);
        let Analysis { output: dims, declared, .. } = self.analyze(&x.spec())?;
        let mut y = einsum(&self.equation, &[x, self.lora.adapted(w, w.var("kernel"), OF_KERNEL)]);
        if let Some(b) = w.get("bias") {
            y = y + b;
        }
        // A dim that output_shape leaves open is the product's own.
        let own: Vec<Dim> = dims.iter().zip(y.dims()).map(|(want, own)| want.or(own)).collect();
        Ok(vec![
            cx.declared(activated(cx, w, &self.activation, y.reshape(&own))?, &declared).into(),
        ])
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }

    fn samples() -> Vec<Sample> {
        Sample::each([
            json!({"equation": "abc,cd->abd", "output_shape": [null, 5], "bias_axes": "d"}),
        ])
    }
}
