//! Convolution along time in two steps: each channel alone, then a product of all channels.

use super::windows::{Frame, convolve, convolve_channels};
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

/// Separable convolution along time: a depthwise convolution, then a product of its C M channels
/// with a kernel to U channels.
///
/// # Shapes
/// x (B, T, C), depthwise kernel (K, C, M), pointwise kernel (1, C M, U), b (U), y (B, T', U); T'
/// as for [`Conv1d`](crate::Conv1d).
///
/// # Source
/// keras/src/layers/convolutional/separable_conv1d.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, SeparableConv1d};
/// use ndarray::arr3;
/// let layer = SeparableConv1d::new(1, 2).depthwise_initializer("ones");
/// let layer = LayerRef::new(layer.pointwise_initializer("ones"));
/// let y = layer.apply(&arr3(&[[[1.0f32, 10.0], [2.0, 20.0], [3.0, 30.0]]]))?;
/// assert_eq!(y, Array::from(arr3(&[[[33.0f32], [55.0]]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeparableConv1d {
    /// Kernels for each channel, M.
    pub depth_multiplier: usize,
    /// Number of filters, U.
    pub filters: usize,
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
    /// Initializer of the depthwise kernel.
    pub depthwise_initializer: Initializer,
    /// Initializer of the pointwise kernel.
    pub pointwise_initializer: Initializer,
    /// Initializer of the bias, b.
    pub bias_initializer: Initializer,
    /// Regularizer of the depthwise kernel.
    pub depthwise_regularizer: Option<Regularizer>,
    /// Regularizer of the pointwise kernel.
    pub pointwise_regularizer: Option<Regularizer>,
    /// Regularizer of the bias, b.
    pub bias_regularizer: Option<Regularizer>,
    /// Regularizer of the output.
    pub activity_regularizer: Option<Regularizer>,
    /// Constraint on the depthwise kernel.
    pub depthwise_constraint: Option<Constraint>,
    /// Constraint on the pointwise kernel.
    pub pointwise_constraint: Option<Constraint>,
    /// Constraint on the bias, b.
    pub bias_constraint: Option<Constraint>,
}

impl Default for SeparableConv1d {
    fn default() -> Self {
        Self {
            depth_multiplier: 1,
            filters: 0,
            kernel_size: Extent(0),
            strides: Extent(1),
            padding: Padding::Valid,
            data_format: DataFormat::default(),
            dilation_rate: Extent(1),
            activation: Activation::Linear,
            use_bias: true,
            depthwise_initializer: GlorotUniform::default().into(),
            pointwise_initializer: GlorotUniform::default().into(),
            bias_initializer: Zeros {}.into(),
            depthwise_regularizer: None,
            pointwise_regularizer: None,
            bias_regularizer: None,
            activity_regularizer: None,
            depthwise_constraint: None,
            pointwise_constraint: None,
            bias_constraint: None,
        }
    }
}

impl SeparableConv1d {
    /// Returns a layer of `filters` filters over `kernel_size` timesteps, without padding.
    pub fn new(filters: usize, kernel_size: usize) -> Self {
        Self { filters, kernel_size: Extent(kernel_size), ..Self::default() }
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

setters!(SeparableConv1d {
    plain depth_multiplier: usize,
    into strides: Extent,
    plain padding: Padding,
    plain data_format: DataFormat,
    into dilation_rate: Extent,
    into activation: Activation,
    plain use_bias: bool,
    some_into activity_regularizer: Regularizer,
});

weight_setters!([SeparableConv1d] bias, depthwise, pointwise);

impl Layer for SeparableConv1d {
    settings!("SeparableConv1D");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let c = self.frame().check(call.input()?, true)?;
        let (m, u) = (self.depth_multiplier, self.filters);
        if m == 0 || u == 0 || self.padding == Padding::Causal {
            let received = format!("depth_multiplier={m}, filters={u}, padding={:?}", self.padding);
            return Err(Error::argument(
                "",
                "depth_multiplier and filters must be at least 1, and padding valid or same",
                received,
            ));
        }
        let depthwise = WeightSpec::new(
            "depthwise_kernel",
            &[self.kernel_size.0, c, m],
            &self.depthwise_initializer,
        );
        let pointwise =
            WeightSpec::new("pointwise_kernel", &[1, m * c, u], &self.pointwise_initializer);
        let mut vars = vec![
            depthwise
                .regularizer(&self.depthwise_regularizer)
                .constraint(&self.depthwise_constraint),
            pointwise
                .regularizer(&self.pointwise_regularizer)
                .constraint(&self.pointwise_constraint),
        ];
        if self.use_bias {
            let bias = WeightSpec::new("bias", &[u], &self.bias_initializer);
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
        let depthwise = w.var("depthwise_kernel");
        frame.expect_fit(x, depthwise.dim(1))?;
        let channels = convolve_channels(frame.windows(x), depthwise);
        let mut y = convolve(channels.expand_dims(2), w.var("pointwise_kernel"), 1);
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
        Sample::each([json!({"filters": 3, "kernel_size": [2]})])
    }
}
