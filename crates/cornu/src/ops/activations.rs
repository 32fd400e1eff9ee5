//! Activations, and normalization along the features.

use super::op_call::Unequal::{ByFeatures, Pointwise, Refused};
use super::op_call::{NN, Row};
use crate::activations::{Activation, elu, gelu, glu, leaky_relu, sparsemax};
use cornu_ir::composites::{log_softmax, softmax, unit_length_within};

pub static ROWS: &[Row] = &[
    Row("Relu", NN, Pointwise, |s| s.float(|x| x.relu())),
    Row("Relu6", NN, Pointwise, |s| s.float(|x| Activation::Relu6.of(x))),
    Row("Sigmoid", NN, Pointwise, |s| s.float(|x| x.sigmoid())),
    Row("SparseSigmoid", NN, Pointwise, |s| s.float(|x| Activation::SparseSigmoid.of(x))),
    Row("Softplus", NN, Pointwise, |s| s.float(|x| x.softplus())),
    Row("Softsign", NN, Pointwise, |s| s.float(|x| Activation::Softsign.of(x))),
    Row("SparsePlus", NN, Pointwise, |s| s.float(|x| Activation::SparsePlus.of(x))),
    Row("Silu", NN, Pointwise, |s| s.float(|x| Activation::Silu.of(x))),
    Row("Squareplus", NN, Pointwise, |s| {
        let b = s.real("b", 4.0)?;
        s.float(|x| (x + (x * x + b).sqrt()) * 0.5)
    }),
    Row("LogSigmoid", NN, Pointwise, |s| s.float(|x| Activation::LogSigmoid.of(x))),
    Row("LeakyRelu", NN, Pointwise, |s| {
        let slope = s.real("negative_slope", 0.2)?;
        s.float(|x| leaky_relu(x, slope))
    }),
    Row("HardSigmoid", NN, Pointwise, |s| s.float(|x| Activation::HardSigmoid.of(x))),
    Row("HardSilu", NN, Pointwise, |s| s.float(|x| Activation::HardSilu.of(x))),
    Row("HardTanh", NN, Pointwise, |s| s.float(|x| Activation::HardTanh.of(x))),
    Row("TanhShrink", NN, Pointwise, |s| s.float(|x| x - x.tanh())),
    Row("SoftShrink", NN, Pointwise, |s| {
        let t = s.real("threshold", 0.5)?;
        s.float(|x| x.gt(t).select(x - t, x.lt(-t).select(x + t, 0.0)))
    }),
    Row("HardShrink", NN, Pointwise, |s| {
        let t = s.real("threshold", 0.5)?;
        s.float(|x| x.abs().gt(t).select(x, 0.0))
    }),
    Row("Threshold", NN, Pointwise, |s| {
        let (t, d) = (s.real("threshold", 0.0)?, s.real("default_value", 0.0)?);
        s.float(|x| x.gt(t).select(x, d))
    }),
    Row("Elu", NN, Pointwise, |s| {
        let alpha = s.real("alpha", 1.0)?;
        s.float(|x| elu(x, alpha))
    }),
    Row("Selu", NN, Pointwise, |s| s.float(|x| Activation::Selu.of(x))),
    Row("Celu", NN, Pointwise, |s| {
        let alpha = s.real("alpha", 1.0)?;
        s.float(|x| x.gt(0.0).select(x, (x.minimum(0.0) / alpha).expm1() * alpha))
    }),
    Row("Gelu", NN, Pointwise, |s| {
        let near = s.flag("approximate", true);
        s.float(|x| gelu(x, near))
    }),
    Row("Glu", NN, ByFeatures, |s| {
        let axis = s.integer("axis")?.unwrap_or(-1);
        s.float(|x| glu(x, axis))
    }),
    Row("Softmax", NN, ByFeatures, |s| s.along(-1, |x, axes| softmax(x, axes))),
    Row("LogSoftmax", NN, ByFeatures, |s| s.along(-1, |x, axes| log_softmax(x, axes))),
    Row("Sparsemax", NN, ByFeatures, |s| s.last(|x| sparsemax(x))),
    Row("Normalize", NN, ByFeatures, |s| {
        let (shortest, p) = (s.real("epsilon", 1e-7)?, s.integer("order")?.unwrap_or(2));
        s.along(-1, |x, axes| {
            if p == 2 {
                unit_length_within(x, axes, shortest)
            } else {
                x / x.abs().pow(p as f64).sum(axes, true).pow(1.0 / p as f64).maximum(shortest)
            }
        })
    }),
    Row("OneHot", NN, ByFeatures, |s| s.one_hot()),
    Row("Moments", NN, Refused, |s| s.moments()),
    Row("RMSNorm", NN, Refused, |s| s.rms_norm()),
    Row("LayerNorm", NN, Refused, |s| s.layer_norm()),
];
