//! Cross-entropies: what it costs to call something by probabilities, or by logits.

use super::softmax::{log_softmax, logsumexp};
use crate::ops::Iota;
use crate::spec::{DType, Dim, product};
use crate::var::Var;

/// Probabilities are kept this far from 0 and 1.
const EPSILON: f64 = 1e-7;

/// `−t log p − (1−t) log(1−p)`, an element for each.
///
/// ```
/// use cornu_ir::composites::binary_crossentropy;
/// use cornu_ir::{Builder, DType, Spec, Tensor, interpret::interpret};
/// let b = Builder::new();
/// let pair = Spec::known(DType::F64, &[2]);
/// let (t, p) = (b.input("t", pair.clone()), b.input("p", pair));
/// b.output("y", binary_crossentropy(t, p, false));
/// let labels = Tensor::new(&[2], vec![1.0f64, 0.0]);
/// let probabilities = Tensor::new(&[2], vec![0.25f64, 0.5]);
/// let y = interpret(&b.finish().unwrap(), &[labels, probabilities]);
/// assert!((y[0].to_f64()[0] - 4f64.ln()).abs() < 1e-12);
/// ```
pub fn binary_crossentropy<'g>(t: Var<'g>, p: Var<'g>, from_logits: bool) -> Var<'g> {
    if from_logits {
        // −log sigmoid(x) = softplus(−x)
        return t * (-p).softplus() + (1.0 - t) * p.softplus();
    }
    let p = p.clip(EPSILON, 1.0 - EPSILON);
    -(t * p.log() + (1.0 - t) * (1.0 - p).log())
}

/// `−Σ t log p` along an axis, which goes.
pub fn categorical_crossentropy<'g>(
    t: Var<'g>,
    p: Var<'g>,
    from_logits: bool,
    axis: isize,
) -> Var<'g> {
    let log_p = match from_logits {
        true => log_softmax(p, &[axis]),
        false => (p / p.sum(&[axis], true)).clip(EPSILON, 1.0 - EPSILON).log(),
    };
    -(t * log_p).sum(&[axis], false)
}

/// `−log p` of the class that an i32 id names along the last axis, which goes; an id that names no
/// class costs nothing.
pub fn class_crossentropy<'g>(class: Var<'g>, p: Var<'g>, from_logits: bool) -> Var<'g> {
    let n = p.builder().scalar(DType::I32, p.count(&[-1]));
    let known = class.ge(class.zeros_like()).and(class.lt(n));
    let p_class = of_class(p, class);
    let value = match from_logits {
        true => logsumexp(p, &[-1]).squeeze(-1) - p_class,
        false => -(p_class / p.sum(&[-1], false)).clip(EPSILON, 1.0 - EPSILON).log(),
    };
    known.select(value, 0.0)
}

/// The value of each row's class; 0 for a class that is none.
fn of_class<'g>(x: Var<'g>, class: Var<'g>) -> Var<'g> {
    let dims = x.dims();
    let lead = &dims[..dims.len() - 1];
    let (rows, n): (Dim, Dim) = (product(lead), dims[dims.len() - 1]);
    let b = x.builder();
    let number = |i: usize| b.scalar(DType::I32, i as f64);
    let n_classes = n.unwrap_or(1);
    let first =
        b.apply1(Iota { dtype: DType::I32, dims: vec![rows], axis: 0 }, &[]) * number(n_classes);
    let class = class.reshape(&[rows]);
    let known = class.ge(number(0)).and(class.lt(number(n_classes)));
    let index = known.select(class + first, number(0) - number(1));
    x.reshape(&[product(&dims)]).gather(index).reshape(lead)
}
