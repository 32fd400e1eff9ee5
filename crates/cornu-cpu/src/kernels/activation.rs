//! The activations that the recurrent kernels apply inside a step.

/// An activation whose derivative is a function of its value, so that a step stores the value
/// alone.
///
/// Others (silu, gelu, …) have no such form; a recurrent layer with one of them is run as a scan of
/// small ops.
///
/// Source: `keras/src/activations/activations.py`, Keras 3.15.1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `tanh(x)`
    Tanh,
    /// `1 / (1 + e^-x)`
    Sigmoid,
    /// `x`
    Linear,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `relu6(x + 3) / 6`
    HardSigmoid,
    /// That of Keras 2: `min(max(0.2 x + 0.5, 0), 1)`
    HardSigmoidKeras2,
    /// `min(max(x, -1), 1)`
    HardTanh,
    /// `x / (1 + |x|)`
    Softsign,
    /// `ln(1 + e^x)`
    Softplus,
    /// `x`, or `e^x - 1` below 0
    Elu,
    /// `1.0507 x`, or `1.7581 (e^x - 1)` below 0
    Selu,
    /// `e^x`
    Exponential,
}

impl Activation {
    /// The activations with their names in Keras's configs.
    pub const ALL: [(&'static str, Activation); 13] = [
        ("tanh", Activation::Tanh),
        ("sigmoid", Activation::Sigmoid),
        ("linear", Activation::Linear),
        ("relu", Activation::Relu),
        ("relu6", Activation::Relu6),
        ("hard_sigmoid", Activation::HardSigmoid),
        ("hard_sigmoid_keras2", Activation::HardSigmoidKeras2),
        ("hard_tanh", Activation::HardTanh),
        ("softsign", Activation::Softsign),
        ("softplus", Activation::Softplus),
        ("elu", Activation::Elu),
        ("selu", Activation::Selu),
        ("exponential", Activation::Exponential),
    ];
}
