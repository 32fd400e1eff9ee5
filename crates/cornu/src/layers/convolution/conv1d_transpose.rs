//! Transposed convolution along time.

use super::windows::{Frame, convolve};
use crate::activations::Activation;
use crate::config::setters;
use crate::constraints::Constraint;
use crate::initializers::{GlorotUniform, Initializer, Zeros};
use crate::layers::activation::parametric::{activated, with_activation};
use crate::layers::geometry::{DataFormat, Extent, Padding};
use crate::lowering::{Call, Cx, Flow, Layer, Sample, WeightSpec, WeightTree, Weights};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::Spec;
use cornu_ir::ops::Pad;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Transposed convolution along time: adds each timestep, times the kernel, to K outputs.
///
/// # Shapes
/// x (B, T, C), W (K, U, C), b (U), y (B, T', U): T' is (T − 1) strides + max(span, strides) with
/// padding `valid`, T strides with `same`, where span = (K − 1) dilation + 1; an `output_padding` p
/// makes it (T − 1) strides + span + p, or (T − 1) strides + span mod 2 + p.
///
/// # Source
/// keras/src/layers/convolutional/conv1d_transpose.py, Keras 3.15.1, with the padding of its JAX
/// backend.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, Conv1dTranspose};
/// use ndarray::arr3;
/// let layer = LayerRef::new(Conv1dTranspose::new(1, 2).kernel_initializer("ones"));
/// let y = layer.apply(&arr3(&[[[1.0f32], [2.0]]]))?;
/// assert_eq!(y, Array::from(arr3(&[[[1.0f32], [3.0], [2.0]]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conv1dTranspose {
    /// Number of filters, U.
    pub filters: usize,
    /// Timesteps in the kernel, K.
    pub kernel_size: Extent,
    /// Output timesteps from one input timestep to the next.
    pub strides: Extent,
    /// Padding at both ends: `valid` (none) or `same`.
    pub padding: Padding,
    /// Timesteps added at the end of the output.
    pub output_padding: Option<Extent>,
    /// Order of the axes: channels last or channels first.
    pub data_format: DataFormat,
    /// Timesteps from one element of the kernel to the next.
    pub dilation_rate: Extent,
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
}

impl Default for Conv1dTranspose {
    fn default() -> Self {
        Self {
            filters: 0,
            kernel_size: Extent(0),
            strides: Extent(1),
            padding: Padding::Valid,
            output_padding: None,
            data_format: DataFormat::default(),
            dilation_rate: Extent(1),
            activation: Activation::Linear,
            use_bias: true,
            kernel_initializer: GlorotUniform::default().into(),
            bias_initializer: Zeros {}.into(),
            kernel_regularizer: None,
            bias_regularizer: None,
            activity_regularizer: None,
            kernel_constraint: None,
            bias_constraint: None,
        }
    }
}

impl Conv1dTranspose {
    /// Returns a layer of `filters` filters over `kernel_size` timesteps.
    pub fn new(filters: usize, kernel_size: usize) -> Self {
        Self { filters, kernel_size: Extent(kernel_size), ..Self::default() }
    }

    /// Sets the output timesteps from one input timestep to the next.
    pub fn strides(mut self, strides: usize) -> Self {
        self.strides = Extent(strides);
        self
    }

    /// The kernel's windows over the timesteps laid out.
    fn frame(&self) -> Frame {
        Frame {
            length: self.kernel_size.0,
            stride: 1,
            dilation: self.dilation_rate.0,
            padding: Padding::Valid,
            data_format: self.data_format,
        }
    }

    fn check(&self, x: &Spec) -> Result<usize> {
        let c = Frame { stride: self.strides.0, ..self.frame() }.check(x, false)?;
        let too_much = self.output_padding.is_some_and(|p| p.0 >= self.strides.0);
        if self.filters == 0 || self.padding == Padding::Causal || too_much {
            let received = format!(
                "filters={}, padding={:?}, output_padding={:?}",
                self.filters,
                self.padding,
                self.output_padding.map(|p| p.0)
            );
            return Err(Error::argument(
                "",
                "filters must be at least 1, padding valid or same, and output_padding below \
                    strides",
                received,
            ));
        }
        Ok(c)
    }

    /// Zeros before and after the timesteps laid out.
    fn around(&self) -> (usize, usize) {
        let (span, stride) = (self.frame().span(), self.strides.0);
        if self.padding == Padding::Valid {
            let more = self.output_padding.map_or(span.max(stride) - span, |p| p.0);
            return (span - 1, span - 1 + more);
        }
        let total = self.output_padding.map_or(stride + span - 2, |p| span + span % 2 + p.0 - 2);
        let low = total.div_ceil(2).min(span - 1);
        (low, total - low)
    }
}

setters!(Conv1dTranspose {
    plain padding: Padding,
    some_into output_padding: Extent,
    plain data_format: DataFormat,
    into dilation_rate: Extent,
    into activation: Activation,
    plain use_bias: bool,
    some_into activity_regularizer: Regularizer,
});

weight_setters!([Conv1dTranspose] kernel, bias);

impl Layer for Conv1dTranspose {
    settings!("Conv1DTranspose");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let c = self.check(call.input()?)?;
        let kernel = WeightSpec::new(
            "kernel",
            &[self.kernel_size.0, self.filters, c],
            &self.kernel_initializer,
        );
        let mut vars =
            vec![kernel.regularizer(&self.kernel_regularizer).constraint(&self.kernel_constraint)];
        if self.use_bias {
            let bias = WeightSpec::new("bias", &[self.filters], &self.bias_initializer);
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
        let x = cx.to_float(call.input()?.value);
        self.check(&x.spec())?;
        let x = self.data_format.exchange(x);
        let (low, high) = self.around();
        let laid_out = cx
            .builder
            .apply1(Pad { axis: 1, low, high, interior: self.strides.0 - 1, value: 0.0 }, &[x]);
        let kernel = w.var("kernel").reverse(0).swap_axes(1, 2);
        self.frame().expect_fit(laid_out, kernel.dim(1))?;
        let mut y = convolve(self.frame().windows_inside(laid_out), kernel, 1);
        if let Some(b) = w.get("bias") {
            y = y + b;
        }
        Ok(vec![activated(cx, w, &self.activation, self.data_format.exchange(y))?.into()])
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }

    fn samples() -> Vec<Sample> {
        Sample::each([
            json!({"filters": 2, "kernel_size": [2]}),
            json!({"filters": 2, "kernel_size": [3], "strides": [2], "padding": "same"}),
        ])
    }
}
