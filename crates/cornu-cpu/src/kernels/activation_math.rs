//! Activations and their derivatives on registers.

use super::{
    activation::Activation,
    vector::Vector,
    vector_math::{exp, expm1, sigmoid, softplus, tanh},
};

const SELU_SCALE: f32 = 1.050_701;
const SELU_ALPHA: f32 = 1.673_263_2;

/// The two activations of a cell, known to the compiler or looked up at each register.
pub(crate) trait Pair: Copy {
    /// On candidates and outputs.
    fn main<S: Vector>(self, s: S, x: S::V) -> S::V;
    /// Derivative of `main` where its value is `y`, times `g`.
    fn main_slope<S: Vector>(self, s: S, y: S::V, g: S::V) -> S::V;
    /// On gates.
    fn gate<S: Vector>(self, s: S, x: S::V) -> S::V;
    /// Derivative of `gate` where its value is `y`, times `g`.
    fn gate_slope<S: Vector>(self, s: S, y: S::V, g: S::V) -> S::V;
}

/// tanh and sigmoid: the defaults of every cell.
#[derive(Clone, Copy)]
pub(crate) struct TanhSigmoid;

/// Any two.
#[derive(Clone, Copy)]
pub(crate) struct AnyPair {
    pub(crate) main: Activation,
    pub(crate) gate: Activation,
}

impl Pair for TanhSigmoid {
    #[inline(always)]
    fn main<S: Vector>(self, s: S, x: S::V) -> S::V {
        tanh(s, x)
    }
    #[inline(always)]
    fn main_slope<S: Vector>(self, s: S, y: S::V, g: S::V) -> S::V {
        slope(s, Activation::Tanh, y, g)
    }
    #[inline(always)]
    fn gate<S: Vector>(self, s: S, x: S::V) -> S::V {
        sigmoid(s, x)
    }
    #[inline(always)]
    fn gate_slope<S: Vector>(self, s: S, y: S::V, g: S::V) -> S::V {
        slope(s, Activation::Sigmoid, y, g)
    }
}

impl Pair for AnyPair {
    #[inline(always)]
    fn main<S: Vector>(self, s: S, x: S::V) -> S::V {
        s.activate(self.main, x)
    }
    #[inline(always)]
    fn main_slope<S: Vector>(self, s: S, y: S::V, g: S::V) -> S::V {
        s.activation_slope(self.main, y, g)
    }
    #[inline(always)]
    fn gate<S: Vector>(self, s: S, x: S::V) -> S::V {
        s.activate(self.gate, x)
    }
    #[inline(always)]
    fn gate_slope<S: Vector>(self, s: S, y: S::V, g: S::V) -> S::V {
        s.activation_slope(self.gate, y, g)
    }
}

#[inline(always)]
pub(crate) fn value<S: Vector>(s: S, activation: Activation, x: S::V) -> S::V {
    let zero = s.splat(0.0);
    let one = s.splat(1.0);
    match activation {
        Activation::Tanh => tanh(s, x),
        Activation::Sigmoid => sigmoid(s, x),
        Activation::Linear => x,
        Activation::Relu => s.max(zero, x),
        Activation::Relu6 => s.min(s.splat(6.0), s.max(zero, x)),
        Activation::HardSigmoid => {
            let y = s.min(s.splat(6.0), s.max(zero, s.add(x, s.splat(3.0))));
            s.mul(y, s.splat(1.0 / 6.0))
        }
        Activation::HardSigmoidKeras2 => {
            s.min(one, s.max(zero, s.fma(x, s.splat(0.2), s.splat(0.5))))
        }
        Activation::HardTanh => s.min(one, s.max(s.splat(-1.0), x)),
        Activation::Softsign => s.div(x, s.add(one, s.abs(x))),
        Activation::Softplus => softplus(s, x),
        Activation::Elu => s.select_lt(x, zero, expm1(s, x), x),
        Activation::Selu => {
            let y = s.select_lt(x, zero, s.mul(s.splat(SELU_ALPHA), expm1(s, x)), x);
            s.mul(s.splat(SELU_SCALE), y)
        }
        Activation::Exponential => exp(s, x),
    }
}

/// `g` times the derivative where the value is `y`.
#[inline(always)]
pub(crate) fn slope<S: Vector>(s: S, activation: Activation, y: S::V, g: S::V) -> S::V {
    let zero = s.splat(0.0);
    let one = s.splat(1.0);
    match activation {
        Activation::Tanh => s.fnma(s.mul(y, y), g, g),
        Activation::Sigmoid => s.mul(g, s.fnma(y, y, y)),
        Activation::Linear => g,
        Activation::Relu => s.select_lt(zero, y, g, zero),
        Activation::Relu6 => s.select_lt(zero, y, s.select_lt(y, s.splat(6.0), g, zero), zero),
        Activation::HardSigmoid => {
            s.select_lt(zero, y, s.select_lt(y, one, s.mul(g, s.splat(1.0 / 6.0)), zero), zero)
        }
        Activation::HardSigmoidKeras2 => {
            s.select_lt(zero, y, s.select_lt(y, one, s.mul(g, s.splat(0.2)), zero), zero)
        }
        Activation::HardTanh => s.select_lt(s.abs(y), one, g, zero),
        Activation::Softsign => {
            let d = s.sub(one, s.abs(y));
            s.mul(g, s.mul(d, d))
        }
        Activation::Softplus => s.mul(g, s.sub(zero, expm1(s, s.sub(zero, y)))),
        Activation::Elu => s.select_lt(y, zero, s.fma(g, y, g), g),
        Activation::Selu => {
            let below = s.add(y, s.splat(SELU_SCALE * SELU_ALPHA));
            s.mul(g, s.select_lt(y, zero, below, s.splat(SELU_SCALE)))
        }
        Activation::Exponential => s.mul(g, y),
    }
}
