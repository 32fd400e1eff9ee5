//! The cell of a convolutional LSTM.

use crate::activations::Activation;
use crate::config::setters;
use crate::constraints::Constraint;
use crate::initializers::{GlorotUniform, Initializer, Orthogonal, Zeros};
use crate::layers::convolution::windows::{Frame, convolve};
use crate::layers::geometry::{DataFormat, Extent, Padding};
use crate::lowering::{
    Cell, Cx, Dropped, Sample, SampleInput, WeightSpec, WeightTree, Weights, known_dim,
};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::{Dim, Spec, Var};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Cell of a convolutional LSTM on rows of S positions (Shi et al. 2015, arXiv:1506.04214):
/// [`LstmCell`](crate::LstmCell) with convolutions in place of products.
///
/// # Shapes
/// x (B, S, C), states h and c (B, S', U), W (K, C, 4U), R (K, U, 4U), b (4U); out h (B, S', U),
/// and the next h and c. S' is as in [`Conv1d`](crate::Conv1d). With `channels_first` the last two
/// axes of x, h and c are exchanged.
///
/// # Source
/// `ConvLSTMCell` of keras/src/layers/rnn/conv_lstm.py for one axis, Keras 3.15.1.
///
/// ```
/// use cornu::{ConvLstmCell, Input, Rnn};
/// let x = Input::new([5, 8, 1]); // T, S, C
/// assert_eq!(Rnn::new(ConvLstmCell::new(4, 3)).call(&x)?.shape_text(), "(None, 6, 4)");
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConvLstmCell {
    /// Number of filters, U.
    pub filters: usize,
    /// Positions in the kernel, K.
    pub kernel_size: Extent,
    /// Positions from the start of one window of x to the next.
    pub strides: Extent,
    /// Padding of x; h is padded so that it keeps its length.
    pub padding: Padding,
    /// Order of the axes: channels last or channels first.
    pub data_format: DataFormat,
    /// Positions from one element of a window of x to the next.
    pub dilation_rate: Extent,
    /// Activation of the candidate c̃ and of the output.
    pub activation: Activation,
    /// Activation of the gates i, f, o.
    pub recurrent_activation: Activation,
    /// True if a bias b is added.
    pub use_bias: bool,
    /// Initializer of the kernel, W.
    pub kernel_initializer: Initializer,
    /// Initializer of the recurrent kernel, R.
    pub recurrent_initializer: Initializer,
    /// Initializer of the bias, b.
    pub bias_initializer: Initializer,
    /// True if the forget gate's part of b starts at 1.
    pub unit_forget_bias: bool,
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
    /// Share of inputs dropped in training: one mask for all timesteps, another for each gate.
    pub dropout: f64,
    /// Share of the state dropped in training: one mask for all timesteps, another for each gate.
    pub recurrent_dropout: f64,
    /// Keras's seed, kept for its files; without effect in cornu.
    pub seed: Option<Value>,
}

impl Default for ConvLstmCell {
    fn default() -> Self {
        Self {
            filters: 0,
            kernel_size: Extent(0),
            strides: Extent(1),
            padding: Padding::Valid,
            data_format: DataFormat::default(),
            dilation_rate: Extent(1),
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
            kernel_constraint: None,
            recurrent_constraint: None,
            bias_constraint: None,
            dropout: 0.0,
            recurrent_dropout: 0.0,
            seed: None,
        }
    }
}

impl ConvLstmCell {
    /// Returns a cell of `filters` filters over `kernel_size` positions, with Keras's defaults.
    pub fn new(filters: usize, kernel_size: usize) -> Self {
        Self { filters, kernel_size: Extent(kernel_size), ..Self::default() }
    }

    /// The windows of x.
    fn frame(&self) -> Frame {
        Frame {
            length: self.kernel_size.0,
            stride: self.strides.0,
            dilation: self.dilation_rate.0,
            padding: self.padding,
            data_format: self.data_format,
        }
    }

    /// C and S of a step; fails on settings or shapes that have no meaning.
    fn check(&self, x: &Spec) -> Result<(usize, usize)> {
        if self.filters == 0 {
            return Err(Error::argument("", "filters must be at least 1", self.filters));
        }
        if self.padding == Padding::Causal {
            return Err(Error::argument("", "padding must be valid or same", "causal"));
        }
        let frame = self.frame();
        let channels = frame.check(x, false)?;
        let places = known_dim(x, self.data_format.time_axis(), "places")?;
        if self.padding == Padding::Valid && places < frame.span() {
            return Err(Error::shapes(
                format!(
                    "the kernel spans {} places and must fit; use a smaller kernel_size or padding \
                        same",
                    frame.span()
                ),
                std::slice::from_ref(x),
            ));
        }
        Ok((channels, places))
    }
}

setters!(ConvLstmCell {
    into strides: Extent,
    plain padding: Padding,
    plain data_format: DataFormat,
    into dilation_rate: Extent,
    into activation: Activation,
    into recurrent_activation: Activation,
    plain use_bias: bool,
    plain unit_forget_bias: bool,
    plain dropout: f64,
    plain recurrent_dropout: f64,
    some_into seed: Value,
});

weight_setters!([ConvLstmCell] kernel, recurrent, bias);

impl Cell for ConvLstmCell {
    fn class(&self) -> &'static str {
        "ConvLSTMCell"
    }

    fn config(&self) -> Value {
        crate::config::to_value(self).expect("plain settings serialize")
    }

    fn weights(&self, x: &Spec) -> Result<WeightTree> {
        let (c, _) = self.check(x)?;
        let (k, u) = (self.kernel_size.0, self.filters);
        let kernel = WeightSpec::new("kernel", &[k, c, 4 * u], &self.kernel_initializer);
        let recurrent =
            WeightSpec::new("recurrent_kernel", &[k, u, 4 * u], &self.recurrent_initializer);
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

    fn state_dims(&self, x: &Spec) -> Result<Vec<Vec<Dim>>> {
        let (_, places) = self.check(x)?;
        let stride = self.strides.0;
        let out = match self.padding {
            Padding::Valid => (places - self.frame().span()) / stride + 1,
            _ => places.div_ceil(stride),
        };
        let mut dims = vec![Some(out), Some(self.filters)];
        if self.data_format == DataFormat::ChannelsFirst {
            dims.reverse();
        }
        Ok(vec![dims; 2])
    }

    fn step_rank(&self) -> usize {
        3
    }

    fn step<'g>(
        &self,
        w: &Weights<'g>,
        dropped: &[Dropped<'g>],
        x: Var<'g>,
        states: &[Var<'g>],
    ) -> Result<(Var<'g>, Vec<Var<'g>>)> {
        let places_first = |v: Var<'g>| self.data_format.exchange(v);
        let (kernel, c, u) = (w.var("kernel"), places_first(states[1]), self.filters);
        self.frame().expect_fit(places_first(x), kernel.dim(1))?;
        let own = Frame { stride: 1, dilation: 1, padding: Padding::Same, ..self.frame() };
        let product = |frame: Frame| {
            move |v: Var<'g>, w: Var<'g>| {
                convolve(frame.windows(self.data_format.exchange(v)), w, 1)
            }
        };
        let mut z = dropped[0].input_by_gates(x, kernel, u, product(self.frame()));
        if let Some(b) = w.get("bias") {
            z = z + b;
        }
        z = z + dropped[0].state_by_gates(states[0], w.var("recurrent_kernel"), u, product(own));
        let part = |k: usize| z.slice(-1, k * u, (k + 1) * u);
        let [i, f, o] = [0, 1, 3].map(|k| self.recurrent_activation.of(part(k)));
        let c = f * c + i * self.activation.of(part(2));
        let [h, c] = [o * self.activation.of(c), c].map(places_first);
        Ok((h, vec![h, c]))
    }

    fn draw<'g>(&self, cx: &Cx<'g>, x: &Spec) -> Result<Vec<Dropped<'g>>> {
        let state = [&x.dims[..1], &self.state_dims(x)?[0]].concat();
        Ok(vec![Dropped::draw_by_gate(
            cx,
            4,
            (self.dropout, &x.dims),
            (self.recurrent_dropout, &state),
        )])
    }

    fn samples() -> Vec<Sample> {
        vec![Sample::new(json!({"filters": 2, "kernel_size": 2, "padding": "same"})).on([
            SampleInput::floats([5, 3]),
            SampleInput::floats([5, 2]),
            SampleInput::floats([5, 2]),
        ])]
    }
}
