//! Convolution along time of each channel alone.

use super::windows::{Frame, convolve_channels};
use crate::activations::Activation;
use crate::config::setters;
use crate::constraints::Constraint;
use crate::initializers::{GlorotUniform, Initializer, Zeros};
use crate::layers::activation::parametric::{activated, with_activation};
use crate::layers::geometry::{DataFormat, Extent, Padding};
use crate::lowering::{
    Call, Cx, Flow, Layer, RaggedForm, Sample, WeightSpec, WeightTree, Weights, ends_of,
};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Depthwise convolution along time: each channel is convolved alone, with M kernels.
///
/// # Shapes
/// x (B, T, C), W (K, C, M), b (C M), y (B, T', C M); T' as for [`Conv1d`](crate::Conv1d).
///
/// # Source
/// keras/src/layers/convolutional/depthwise_conv1d.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, DepthwiseConv1d};
/// use ndarray::arr3;
/// let layer = LayerRef::new(DepthwiseConv1d::new(2).depthwise_initializer("ones"));
/// let y = layer.apply(&arr3(&[[[1.0f32, 10.0], [2.0, 20.0], [3.0, 30.0]]]))?;
/// assert_eq!(y, Array::from(arr3(&[[[3.0f32, 30.0], [5.0, 50.0]]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DepthwiseConv1d {
    /// Kernels for each channel, M.
    pub depth_multiplier: usize,
    /// Timesteps in the kernel, K.
    pub kernel_size: Extent,
    /// Timesteps from the start of one window to the next.
    pub strides: Extent,
    /// Padding at both ends: `valid` (none) or `same`.
    pub padding: Padding,
    /// Order of the axes: channels last or channels first.
    pub data_format: DataFormat,
    /// Timesteps from one element of a window to the next.
    pub dilation_rate: Extent,
    /// Activation of the output.
    pub activation: Activation,
    /// True if a bias b is added.
    pub use_bias: bool,
    /// Initializer of the kernel, W.
    pub depthwise_initializer: Initializer,
    /// Initializer of the bias, b.
    pub bias_initializer: Initializer,
    /// Regularizer of the kernel, W.
    pub depthwise_regularizer: Option<Regularizer>,
    /// Regularizer of the bias, b.
    pub bias_regularizer: Option<Regularizer>,
    /// Regularizer of the output.
    pub activity_regularizer: Option<Regularizer>,
    /// Constraint on the kernel, W.
    pub depthwise_constraint: Option<Constraint>,
    /// Constraint on the bias, b.
    pub bias_constraint: Option<Constraint>,
}

impl Default for DepthwiseConv1d {
    fn default() -> Self {
        Self {
            depth_multiplier: 1,
            kernel_size: Extent(0),
            strides: Extent(1),
            padding: Padding::Valid,
            data_format: DataFormat::default(),
            dilation_rate: Extent(1),
            activation: Activation::Linear,
            use_bias: true,
            depthwise_initializer: GlorotUniform::default().into(),
            bias_initializer: Zeros {}.into(),
            depthwise_regularizer: None,
            bias_regularizer: None,
            activity_regularizer: None,
            depthwise_constraint: None,
            bias_constraint: None,
        }
    }
}

impl DepthwiseConv1d {
    /// Returns a layer of kernels over `kernel_size` timesteps, without padding.
    pub fn new(kernel_size: usize) -> Self {
        Self { kernel_size: Extent(kernel_size), ..Self::default() }
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

setters!(DepthwiseConv1d {
    plain depth_multiplier: usize,
    into strides: Extent,
    plain padding: Padding,
    plain data_format: DataFormat,
    into dilation_rate: Extent,
    into activation: Activation,
    plain use_bias: bool,
    some_into activity_regularizer: Regularizer,
});

weight_setters!([DepthwiseConv1d] bias, depthwise);

impl Layer for DepthwiseConv1d {
    settings!("DepthwiseConv1D");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let c = self.frame().check(call.input()?, true)?;
        let m = self.depth_multiplier;
        if m == 0 || self.padding == Padding::Causal {
            let received = format!("depth_multiplier={m}, padding={:?}", self.padding);
            return Err(Error::argument(
                "",
                "depth_multiplier must be at least 1, and padding valid or same",
                received,
            ));
        }
        let kernel =
            WeightSpec::new("kernel", &[self.kernel_size.0, c, m], &self.depthwise_initializer);
        let mut vars = vec![
            kernel.regularizer(&self.depthwise_regularizer).constraint(&self.depthwise_constraint),
        ];
        if self.use_bias {
            let bias = WeightSpec::new("bias", &[c * m], &self.bias_initializer);
            vars.push(bias.regularizer(&self.bias_regularizer).constraint(&self.bias_constraint));
        }
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
        frame.check(&x.spec(), true)?;
        let ends = ends_of(call);
        let x = frame.own(self.data_format.exchange(x), ends);
        let kernel = w.var("kernel");
        frame.expect_fit(x, kernel.dim(1))?;
        let mut y = convolve_channels(frame.windows(x), kernel);
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
            json!({"kernel_size": [3], "padding": "same"}),
            json!({"kernel_size": [2], "depth_multiplier": 2}),
        ])
    }
}
