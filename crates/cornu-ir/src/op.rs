//! What a primitive operation must say of itself.

use crate::spec::{ShapeError, Spec};
use crate::tensor::{Tensor, View, ViewMut};
use crate::var::Var;

/// A node seen by its gradient rule.
pub struct At<'a, 'g> {
    /// Inputs of the node.
    pub ins: &'a [Var<'g>],
    /// Outputs of the node.
    pub outs: &'a [Var<'g>],
    /// The gradient that reached each output; `None` where none did.
    pub grads: &'a [Option<Var<'g>>],
}

impl<'g> At<'_, 'g> {
    /// The gradient of the single output of a one-output operation.
    pub fn grad(&self) -> Var<'g> {
        self.grads[0].expect("the gradient pass visits a node only when a gradient reached it")
    }
}

/// One case on which every rule of an operation is checked.
pub struct Sample<P> {
    /// The operation with its attributes.
    pub op: P,
    /// Inputs in f64 and integers; the f32 case is the same, rounded.
    pub ins: Vec<Tensor>,
}

impl<P> Sample<P> {
    /// A case from an operation and its inputs.
    pub fn new(op: P, ins: Vec<Tensor>) -> Self {
        Self { op, ins }
    }
}

/// A primitive: its shape rule, gradient, meaning and test cases, all in one file.
pub trait Primitive {
    /// Specs of the outputs for those of the inputs. Dims may be unknown.
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError>;
    /// The gradient for each input (`None` where it does not flow), as operations of the same
    /// graph.
    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>>;
    /// The meaning, by plain loops. An output that nothing reads is `None`.
    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]);
    /// Cases for the conformance tests.
    fn samples() -> Vec<Sample<Self>>
    where
        Self: Sized;

    /// Operations of floating point on values of known dims, roughly: products exactly, everything
    /// else one an element of the outputs. Shards are cut by this number, so the bits of a training
    /// step depend on it.
    fn flops(&self, ins: &[&Spec], outs: &[&Spec]) -> f64 {
        let _ = ins;
        outs.iter().map(|s| count(s)).sum()
    }

    /// Operations of floating point of its matrix products; `read` tells which outputs something
    /// reads. 0 where it takes no product.
    fn product_flops(&self, ins: &[&Spec], outs: &[&Spec], read: &[bool]) -> f64 {
        let _ = (ins, outs, read);
        0.0
    }

    /// Bytes of weights that each timestep reads anew; 0 where it goes through no timesteps.
    fn step_bytes(&self, ins: &[&Spec]) -> usize {
        let _ = ins;
        0
    }

    /// How many outputs there are, known also when the inputs break the shape rule.
    fn n_outputs(&self) -> usize {
        1
    }
}

/// Numbers in (-1.5, 1.5) without a pattern, the same at each call: inputs of test cases.
pub fn sample_numbers(dims: &[usize], seed: u64) -> Tensor {
    let n = dims.iter().product();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x1234_5678_9ABC_DEF1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64 * 3.0 - 1.5
    };
    for _ in 0..8 {
        next();
    }
    Tensor::new(dims, (0..n).map(|_| next()).collect())
}

/// Number of elements as a float, for costs; 0 where a dim is unknown.
pub(crate) fn count(s: &Spec) -> f64 {
    s.n_elements().unwrap_or(0) as f64
}
