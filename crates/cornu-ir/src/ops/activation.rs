//! The activations that recurrent primitives can carry: those whose derivative is a function of
//! their value.

use crate::ops::unary::Real;

/// An activation inside a recurrent primitive.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Activation {
    Linear,
    Tanh,
    Sigmoid,
    Relu,
    Relu6,
    HardSigmoid,
    /// That of Keras 2: `0.2 x + 0.5` between 0 and 1.
    HardSigmoidKeras2,
    HardTanh,
    Softsign,
    Softplus,
    Exponential,
    Elu,
    Selu,
}

/// Scale of selu (Klambauer et al. 2017, arXiv:1706.02515).
pub const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
/// Alpha of selu.
pub const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;

impl Activation {
    /// All of them.
    pub const ALL: &'static [Activation] = &[
        Activation::Linear,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Relu,
        Activation::Relu6,
        Activation::HardSigmoid,
        Activation::HardSigmoidKeras2,
        Activation::HardTanh,
        Activation::Softsign,
        Activation::Softplus,
        Activation::Exponential,
        Activation::Elu,
        Activation::Selu,
    ];

    /// The function.
    pub fn of<T: Real>(self, x: T) -> T {
        let (zero, one) = (T::zero(), T::one());
        match self {
            Activation::Linear => x,
            Activation::Tanh => x.tanh(),
            Activation::Sigmoid => crate::ops::UnaryFn::Sigmoid.of(x),
            Activation::Relu => x.max(zero),
            Activation::Relu6 => x.max(zero).min(T::lit(6.0)),
            Activation::HardSigmoid => (x / T::lit(6.0) + T::lit(0.5)).max(zero).min(one),
            Activation::HardSigmoidKeras2 => (x * T::lit(0.2) + T::lit(0.5)).max(zero).min(one),
            Activation::HardTanh => x.max(-one).min(one),
            Activation::Softsign => x / (one + x.abs()),
            Activation::Softplus => crate::ops::UnaryFn::Softplus.of(x),
            Activation::Exponential => x.exp(),
            Activation::Elu => {
                if x > zero {
                    x
                } else {
                    x.exp_m1()
                }
            }
            Activation::Selu => {
                if x > zero {
                    T::lit(SELU_SCALE) * x
                } else {
                    T::lit(SELU_SCALE * SELU_ALPHA) * x.exp_m1()
                }
            }
        }
    }

    /// The derivative where the function's value is `y`.
    pub fn slope<T: Real>(self, y: T) -> T {
        let (zero, one) = (T::zero(), T::one());
        let when = |c: bool, a: T| if c { a } else { zero };
        match self {
            Activation::Linear => one,
            Activation::Tanh => one - y * y,
            Activation::Sigmoid => y * (one - y),
            Activation::Relu => when(y > zero, one),
            Activation::Relu6 => when(y > zero && y < T::lit(6.0), one),
            Activation::HardSigmoid => when(y > zero && y < one, T::lit(1.0 / 6.0)),
            Activation::HardSigmoidKeras2 => when(y > zero && y < one, T::lit(0.2)),
            Activation::HardTanh => when(y > -one && y < one, one),
            Activation::Softsign => (one - y.abs()) * (one - y.abs()),
            Activation::Softplus => one - (-y).exp(),
            Activation::Exponential => y,
            Activation::Elu => {
                if y > zero {
                    one
                } else {
                    y + one
                }
            }
            Activation::Selu => {
                if y > zero {
                    T::lit(SELU_SCALE)
                } else {
                    y + T::lit(SELU_SCALE * SELU_ALPHA)
                }
            }
        }
    }
}
