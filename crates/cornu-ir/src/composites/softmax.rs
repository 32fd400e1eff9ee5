//! Softmax and its kin, shifted by the largest element so that nothing overflows.

use crate::var::Var;

/// `exp(x) / Σ exp(x)` along axes.
///
/// ```
/// use cornu_ir::{Builder, DType, Spec, Tensor, composites::softmax, interpret::interpret};
/// let b = Builder::new();
/// let x = b.input("x", Spec::known(DType::F64, &[1, 2]));
/// b.output("y", softmax(x, &[-1]));
/// let y = interpret(&b.finish().unwrap(), &[Tensor::new(&[1, 2], vec![0.0f64, 3.0f64.ln()])]);
/// assert!((y[0].to_f64()[1] - 0.75).abs() < 1e-12);
/// ```
pub fn softmax<'g>(x: Var<'g>, axes: &[isize]) -> Var<'g> {
    let e = (x - x.max(axes, true).stop_gradient()).exp();
    e / e.sum(axes, true)
}

/// `log Σ exp(x)` along axes, which stay as 1.
pub fn logsumexp<'g>(x: Var<'g>, axes: &[isize]) -> Var<'g> {
    let top = x.max(axes, true).stop_gradient();
    (x - top).exp().sum(axes, true).log() + top
}

/// `x − log Σ exp(x)` along axes.
pub fn log_softmax<'g>(x: Var<'g>, axes: &[isize]) -> Var<'g> {
    let shifted = x - x.max(axes, true).stop_gradient();
    shifted - shifted.exp().sum(axes, true).log()
}
