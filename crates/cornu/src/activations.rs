//! Activation functions by Keras's names.
//!
//! Source: keras/src/activations/activations.py and keras/src/backend/jax/nn.py, Keras 3.15.1.

use crate::config::did_you_mean;
use crate::constraints::Axes;
use crate::saving::json;
use crate::{Error, Result};
use cornu_ir::composites::{log_softmax, softmax};
use cornu_ir::ops::Activation as Gate;
use cornu_ir::{ShapeError, Var};
use serde_json::Value;

macro_rules! activations {
    ($($F:ident $name:literal $(| $alias:literal)* |$x:ident| $body:expr;)*) => {
        /// Activation function of `keras.activations` with default arguments, or an activation
        /// layer.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)]
        pub enum Activation {
            $($F,)*
            /// An activation layer without weights.
            Layer(Box<LayerActivation>),
            /// An unknown name, which the call of the layer reports.
            Misnamed(String),
        }

        impl Activation {
            /// All activation functions with a name.
            pub const ALL: &'static [Activation] = &[$(Activation::$F),*];

            /// Returns Keras's name; for a layer its class.
            pub fn name(&self) -> &str {
                match self {
                    $(Activation::$F => $name,)*
                    Activation::Layer(layer) => layer.class(),
                    Activation::Misnamed(name) => name,
                }
            }

            /// Returns the activation of a name or alias.
            pub fn by_name(name: &str) -> Option<Activation> {
                match name { $($name $(| $alias)* => Some(Activation::$F),)* _ => None }
            }

            /// Applies the activation to a value of a graph.
            ///
            /// ```
            /// use cornu::activations::Activation;
            /// use cornu_ir::{Builder, DType, Spec, Tensor, interpret::interpret};
            /// let b = Builder::new();
            /// let x = b.input("x", Spec::known(DType::F64, &[3]));
            /// b.output("y", Activation::HardSigmoid.of(x));
            /// let x = Tensor::new(&[3], vec![-4.0f64, 0.0, 1.5]);
            /// let y = interpret(&b.finish().unwrap(), &[x]);
            /// assert_eq!(y[0].to_f64(), vec![0.0, 0.5, 0.75]);
            /// ```
            pub fn of<'g>(&self, x: Var<'g>) -> Var<'g> {
                match self {
                    $(Activation::$F => {
                        let $x = x;
                        $body
                    })*
                    Activation::Layer(layer) => layer.function.of(x),
                    Activation::Misnamed(name) => {
                        let rule = format!("there is no activation `{name}`{}", hint(name));
                        x.builder().fail(ShapeError {
                            op: "activation".into(), rule, received: format!("`{name}`"),
                        });
                        x
                    }
                }
            }
        }
    };
}

activations! {
    Linear "linear" |x| x;
    Relu "relu" |x| x.relu();
    LeakyRelu "leaky_relu" |x| leaky_relu(x, 0.2);
    Relu6 "relu6" |x| x.relu().minimum(6.0);
    Softmax "softmax" |x| softmax(x, &[-1]);
    Elu "elu" |x| elu(x, 1.0);
    Selu "selu" |x| elu(x, 1.673_263_242_354_377_2) * 1.050_700_987_355_480_5;
    Celu "celu" |x| elu(x, 1.0);
    Softplus "softplus" |x| x.softplus();
    Softsign "softsign" |x| x / (x.abs() + 1.0);
    Squareplus "squareplus" |x| (x + (x * x + 4.0).sqrt()) * 0.5;
    SoftShrink "soft_shrink" |x| x.gt(0.5).select(x - 0.5, x.lt(-0.5).select(x + 0.5, 0.0));
    HardShrink "hard_shrink" |x| x.abs().gt(0.5).select(x, 0.0);
    TanhShrink "tanh_shrink" |x| x - x.tanh();
    SparsePlus "sparse_plus" |x| {
        x.le(-1.0).select(x.zeros_like(), x.ge(1.0).select(x, (x + 1.0).square() * 0.25))
    };
    SparseSigmoid "sparse_sigmoid" |x| ((x + 1.0) * 0.5).clip(0.0, 1.0);
    Silu "silu" | "swish" |x| x * x.sigmoid();
    Gelu "gelu" |x| gelu(x, false);
    Glu "glu" |x| glu(x, -1);
    Tanh "tanh" |x| x.tanh();
    Sigmoid "sigmoid" |x| x.sigmoid();
    Exponential "exponential" |x| x.exp();
    HardSigmoid "hard_sigmoid" |x| hard_sigmoid(x);
    HardSigmoidKeras2 "hard_sigmoid_keras2" |x| (x * 0.2 + 0.5).clip(0.0, 1.0);
    HardSilu "hard_silu" | "hard_swish" |x| x * hard_sigmoid(x);
    HardTanh "hard_tanh" |x| x.clip(-1.0, 1.0);
    Mish "mish" |x| x * x.softplus().tanh();
    LogSoftmax "log_softmax" |x| log_softmax(x, &[-1]);
    LogSigmoid "log_sigmoid" |x| -((-x).softplus());
    Sparsemax "sparsemax" |x| sparsemax(x);
}

/// Leaky rectifier: `x` above 0, else `slope · x`.
pub fn leaky_relu<'g>(x: Var<'g>, slope: f64) -> Var<'g> {
    x.ge(0.0).select(x, x * slope)
}

/// Exponential linear unit: `x` above 0, else `alpha · (exp(x) − 1)`.
pub fn elu<'g>(x: Var<'g>, alpha: f64) -> Var<'g> {
    // The branch not taken must stay finite, for its gradient is multiplied by 0.
    x.gt(0.0).select(x, x.minimum(0.0).expm1() * alpha)
}

/// Rectifier of `keras.activations.relu` with its settings.
pub fn relu<'g>(
    x: Var<'g>,
    negative_slope: f64,
    max_value: Option<f64>,
    threshold: f64,
) -> Var<'g> {
    if negative_slope != 0.0 && max_value.is_none() && threshold == 0.0 {
        return leaky_relu(x, negative_slope);
    }
    let mut y = if threshold != 0.0 { x.gt(threshold).select(x, 0.0) } else { x.relu() };
    if let Some(max) = max_value {
        y = y.clip(0.0, max);
    }
    if negative_slope != 0.0 { y - (threshold - x).relu() * negative_slope } else { y }
}

/// Gaussian error linear unit, exact or by tanh (Hendrycks and Gimpel 2016, arXiv:1606.08415).
pub fn gelu<'g>(x: Var<'g>, approximate: bool) -> Var<'g> {
    if approximate {
        let inner = (x + x * x * x * 0.044_715) * (2.0 / std::f64::consts::PI).sqrt();
        x * 0.5 * (inner.tanh() + 1.0)
    } else {
        x * 0.5 * ((x * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0)
    }
}

/// Gated linear unit: the first half of an axis times the sigmoid of the second.
pub fn glu<'g>(x: Var<'g>, axis: isize) -> Var<'g> {
    let n = x.dim(axis).unwrap_or(0);
    x.slice(axis, 0, n / 2) * x.slice(axis, n / 2, n / 2 * 2).sigmoid()
}

fn hard_sigmoid<'g>(x: Var<'g>) -> Var<'g> {
    (x + 3.0).clip(0.0, 6.0) / 6.0
}

/// Sparsemax along the last axis (Martins and Astudillo 2016, arXiv:1602.02068), with the threshold
/// of Keras 3.15.1.
///
/// Keras adds up the running sums of the support, where the paper takes the last one; both agree on
/// a support of one.
pub fn sparsemax<'g>(x: Var<'g>) -> Var<'g> {
    let (sorted, _) = x.sort_last(true);
    let dims = x.dims();
    let last = dims.len().saturating_sub(1);
    let rank = x
        .builder()
        .apply1(
            cornu_ir::ops::Iota { dtype: cornu_ir::DType::I32, dims: dims.clone(), axis: last },
            &[],
        )
        .cast(x.dtype())
        + 1.0;
    let running = sorted.cumsum(-1, false);
    let support = (sorted - (running - 1.0) / rank).gt(0.0);
    let k = support.cast(x.dtype()).sum(&[-1], true);
    let tau = (support.select(running, 0.0).sum(&[-1], true) - 1.0) / k;
    (x - tau).maximum(0.0)
}

/// Activation layer without weights, used as an activation function.
///
/// # Source
/// keras/src/activations/__init__.py (`get` takes any callable), Keras 3.15.1. Differs: PReLU,
/// which has weights, is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerActivation {
    function: Function,
    /// What Keras wrote, its names and policy included, to be written again.
    written: Value,
}

impl LayerActivation {
    fn class(&self) -> &str {
        self.written.get("class_name").and_then(Value::as_str).unwrap_or("")
    }
}

/// What an activation layer computes.
#[derive(Clone, Debug, PartialEq)]
enum Function {
    Relu { max_value: Option<f64>, negative_slope: f64, threshold: f64 },
    LeakyRelu(f64),
    Elu(f64),
    Softmax(Axes),
    Plain(Activation),
}

impl Function {
    /// The function of a serialized layer; `None` where this is not one.
    fn of_layer(v: &Value) -> Result<Option<Self>> {
        let (Some(class), Some(Value::Object(config))) =
            (v.get("class_name").and_then(Value::as_str), v.get("config"))
        else {
            return Ok(None);
        };
        let number = |key: &str, default: f64| match config.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(n) => json::float(n).filter(|n| *n >= 0.0).ok_or_else(|| {
                Error::argument(class, format!("{key} must be a number of 0 or more"), n)
            }),
        };
        Ok(Some(match class {
            "ReLU" => Function::Relu {
                max_value: config
                    .get("max_value")
                    .filter(|n| !n.is_null())
                    .map(|_| number("max_value", 0.0))
                    .transpose()?,
                negative_slope: number("negative_slope", 0.0)?,
                threshold: number("threshold", 0.0)?,
            },
            "LeakyReLU" => Function::LeakyRelu(number(
                if config.contains_key("alpha") { "alpha" } else { "negative_slope" },
                0.3,
            )?),
            "ELU" => Function::Elu(number("alpha", 1.0)?),
            "Softmax" => Function::Softmax(match config.get("axis") {
                None => Axes::One(-1),
                Some(axis) => serde_json::from_value(axis.clone())
                    .map_err(|e| Error::Config(format!("Softmax: axis: {e}")))?,
            }),
            "Activation" => Function::Plain(Activation::from_json(
                config.get("activation").unwrap_or(&Value::Null),
            )?),
            _ => return Ok(None),
        }))
    }

    fn of<'g>(&self, x: Var<'g>) -> Var<'g> {
        match self {
            Function::Relu { max_value, negative_slope, threshold } => {
                relu(x, *negative_slope, *max_value, *threshold)
            }
            Function::LeakyRelu(slope) => leaky_relu(x, *slope),
            Function::Elu(alpha) => elu(x, *alpha),
            Function::Softmax(axes) => softmax(x, &axes.list()),
            Function::Plain(activation) => activation.of(x),
        }
    }
}

impl Activation {
    /// The axes along which an element's value depends on other elements; none for a pointwise
    /// function.
    pub(crate) fn axes(&self) -> Vec<isize> {
        match self {
            Activation::Softmax
            | Activation::LogSoftmax
            | Activation::Sparsemax
            | Activation::Glu => vec![-1],
            Activation::Layer(layer) => match &layer.function {
                Function::Softmax(axes) => axes.list(),
                Function::Plain(activation) => activation.axes(),
                _ => vec![],
            },
            _ => vec![],
        }
    }

    /// Returns the activation for recurrent operations, if its derivative is a function of its
    /// value.
    pub fn gate(&self) -> Option<Gate> {
        Some(match self {
            Activation::Linear => Gate::Linear,
            Activation::Tanh => Gate::Tanh,
            Activation::Sigmoid => Gate::Sigmoid,
            Activation::Relu => Gate::Relu,
            Activation::Relu6 => Gate::Relu6,
            Activation::HardSigmoid => Gate::HardSigmoid,
            Activation::HardSigmoidKeras2 => Gate::HardSigmoidKeras2,
            Activation::HardTanh => Gate::HardTanh,
            Activation::Softsign => Gate::Softsign,
            Activation::Softplus => Gate::Softplus,
            Activation::Exponential => Gate::Exponential,
            Activation::Elu | Activation::Celu => Gate::Elu,
            Activation::Selu => Gate::Selu,
            _ => return None,
        })
    }

    /// Reads an activation as Keras writes it: a name, `null` for linear, a serialized function or
    /// layer.
    pub fn from_json(v: &Value) -> Result<Self> {
        if let Some(function) = Function::of_layer(v)? {
            return Ok(Activation::Layer(Box::new(LayerActivation {
                function,
                written: v.clone(),
            })));
        }
        let name = match v {
            Value::Null => return Ok(Activation::Linear),
            Value::String(s) => s.as_str(),
            // A function serialized whole, as some versions write builtins.
            _ => v
                .get("config")
                .and_then(Value::as_str)
                .or_else(|| v.get("class_name").and_then(Value::as_str))
                .unwrap_or(""),
        };
        Activation::by_name(name)
            .or_else(|| Activation::by_name(&crate::config::snake_case(name)))
            .ok_or_else(|| {
                let known = || {
                    let all: Vec<&str> = Activation::ALL.iter().map(|a| a.name()).collect();
                    format!("; there are {}", all.join(", "))
                };
                let hint = Some(hint(name)).filter(|h| !h.is_empty()).unwrap_or_else(known);
                Error::Unsupported(format!("activation {}{hint}", crate::config::short(v)))
            })
    }
}

// The table cannot mark one of its rows as the default.
#[allow(clippy::derivable_impls)]
impl Default for Activation {
    fn default() -> Self {
        Activation::Linear
    }
}

impl From<&str> for Activation {
    /// Returns the activation of a name; for an unknown name the call of the layer fails.
    fn from(name: &str) -> Self {
        Activation::from_json(&name.into()).unwrap_or_else(|_| Activation::Misnamed(name.into()))
    }
}

/// The nearest right name, for messages.
fn hint(name: &str) -> String {
    did_you_mean(name, Activation::ALL.iter().map(|a| a.name()))
}

impl serde::Serialize for Activation {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Activation::Layer(layer) => layer.written.serialize(s),
            named => s.serialize_str(named.name()),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Activation {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        Activation::from_json(&Value::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}
