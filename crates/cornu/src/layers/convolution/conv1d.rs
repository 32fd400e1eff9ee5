//! Convolution along time.

use super::windows::{Frame, convolve};
use crate::activations::Activation;
use crate::config::setters;
use crate::constraints::Constraint;
use crate::initializers::{GlorotUniform, Initializer, Zeros};
use crate::layers::activation::parametric::{activated, with_activation};
use crate::layers::core::lora::{Lora, OF_KERNEL};
use crate::layers::geometry::{DataFormat, Extent, Padding};
use crate::lowering::{
    Call, Cx, Flow, Layer, RaggedForm, Sample, WeightSpec, WeightTree, Weights, ends_of,
};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Convolution along time: `y[t] = activation(Σₖ x[t · stride + k · dilation] W[k] + b)`.
///
/// # Shapes
/// x (B, T, C), W (K, C / groups, U), b (U), y (B, T', U): T' is ⌊(T − span) / stride⌋ + 1 with
/// padding `valid`, else ⌈T / stride⌉, where span = (K − 1) dilation + 1; with `channels_first` x
/// (B, C, T), y (B, U, T').
///
/// # Source
/// keras/src/layers/convolutional/conv1d.py and base_conv.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, Conv1d};
/// use ndarray::arr3;
/// let layer = LayerRef::new(Conv1d::new(1, 2).kernel_initializer("ones"));
/// let y = layer.apply(&arr3(&[[[1.0f32], [2.0], [3.0]]]))?;
/// assert_eq!(y, Array::from(arr3(&[[[3.0f32], [5.0]]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conv1d {
    /// Number of filters, U.
    pub filters: usize,
    /// Timesteps in the kernel, K.
    pub kernel_size: Extent,
    /// Timesteps from the start of one window to the next.
    pub strides: Extent,
    /// Padding at both ends of the data.
    pub padding: Padding,
    /// Order of the axes: channels last or channels first.
    pub data_format: DataFormat,
    /// Timesteps from one element of a window to the next.
    pub dilation_rate: Extent,
    /// Number of groups of channels, each convolved alone.
    pub groups: usize,
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
    pub activity_regularizer: Option<Regularizer>,
    /// Constraint on the kernel, W.
    pub kernel_constraint: Option<Constraint>,
    /// Constraint on the bias, b.
    pub bias_constraint: Option<Constraint>,
    /// LoRA: a product of two low-rank matrices, trained instead of W.
    #[serde(flatten)]
    pub lora: Lora,
}

impl Default for Conv1d {
    fn default() -> Self {
        Self {
            filters: 0,
            kernel_size: Extent(0),
            strides: Extent(1),
            padding: Padding::Valid,
            data_format: DataFormat::default(),
            dilation_rate: Extent(1),
            groups: 1,
            activation: Activation::Linear,
            use_bias: true,
            kernel_initializer: GlorotUniform::default().into(),
            bias_initializer: Zeros {}.into(),
            kernel_regularizer: None,
            bias_regularizer: None,
            activity_regularizer: None,
            kernel_constraint: None,
            bias_constraint: None,
            lora: Lora::default(),
        }
    }
}

impl Conv1d {
    /// Returns a layer of `filters` filters over `kernel_size` timesteps, without padding.
    pub fn new(filters: usize, kernel_size: usize) -> Self {
        Self { filters, kernel_size: Extent(kernel_size), ..Self::default() }
    }

    /// Sets the timesteps from the start of one window to the next.
    pub fn strides(mut self, strides: usize) -> Self {
        self.strides = Extent(strides);
        self
    }

    /// Sets the padding at both ends of the data.
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// Sets the timesteps from one element of a window to the next.
    pub fn dilation_rate(mut self, rate: usize) -> Self {
        self.dilation_rate = Extent(rate);
        self
    }

    fn frame(&self) -> Frame {
        Frame {
            length: self.kernel_size.0,
            stride: self.strides.0,
            dilation: self.dilation_rate.0,
            padding: self.padding,
            data_format: self.data_format,
        }
    }
}

setters!(Conv1d {
    plain data_format: DataFormat,
    plain groups: usize,
    into activation: Activation,
    plain use_bias: bool,
    some_into activity_regularizer: Regularizer,
});

weight_setters!([Conv1d] kernel, bias);

impl Layer for Conv1d {
    settings!("Conv1D");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let x = call.input()?;
        let c = self.frame().check(x, false)?;
        let (u, g) = (self.filters, self.groups);
        if u == 0 || g == 0 || u % g != 0 {
            return Err(Error::argument(
                "",
                "filters must be at least 1 and a multiple of groups",
                format!("filters={u}, groups={g}"),
            ));
        }
        if c % g != 0 {
            return Err(Error::shapes(
                format!("the channels must be a multiple of groups={g}"),
                std::slice::from_ref(x),
            ));
        }
        let kernel =
            WeightSpec::new("kernel", &[self.kernel_size.0, c / g, u], &self.kernel_initializer);
        let kernel =
            kernel.regularizer(&self.kernel_regularizer).constraint(&self.kernel_constraint);
        let adapted = self.lora.weights(
            kernel,
            OF_KERNEL,
            &self.kernel_regularizer,
            &self.kernel_constraint,
        )?;
        let mut vars = vec![adapted.kernel];
        if self.use_bias {
            let bias = WeightSpec::new("bias", &[u], &self.bias_initializer);
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
        let frame = self.frame();
        let x = cx.to_float(call.input()?.value);
        frame.check(&x.spec(), false)?;
        let ends = ends_of(call);
        let x = frame.own(self.data_format.exchange(x), ends);
        let kernel = self.lora.adapted(w, w.var("kernel"), OF_KERNEL);
        frame.expect_fit(x, kernel.dim(1).map(|c| c * self.groups))?;
        let mut y = convolve(frame.windows(x), kernel, self.groups);
        if let Some(b) = w.get("bias") {
            y = y + b;
        }
        Ok(vec![
            Flow::new(activated(cx, w, &self.activation, self.data_format.exchange(y))?)
                .ending(frame.ends(ends)),
        ])
    }

    fn ragged_form(&self) -> RaggedForm {
        self.frame().ragged_form().with_activation(&self.activation)
    }

    fn tells_ends(&self) -> bool {
        true
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }

    fn samples() -> Vec<Sample> {
        Sample::each([
            json!({"filters": 3, "kernel_size": [3]}),
            json!({"filters": 3, "kernel_size": [2], "strides": [2], "padding": "causal"}),
            json!({"filters": 3, "kernel_size": [4], "padding": "same", "activation": "relu"}),
            json!({"filters": 3, "kernel_size": [2], "dilation_rate": [2]}),
            json!({"filters": 4, "kernel_size": [2], "groups": 2}),
            json!({"filters": 3, "kernel_size": [3], "strides": [2], "padding": "same"}),
        ])
    }
}
