//! What a primitive operation must say of itself, and the closed list of them.

use crate::builder::Var;
use crate::ops::*;
use crate::spec::Spec;
use crate::tensor::{Tensor, View, ViewMut};

/// A rule of shapes or types that was broken: which operation, the rule, what came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{op}: {rule}. Received: {received}")]
pub struct ShapeError {
    /// The operation.
    pub op: String,
    /// What must hold.
    pub rule: String,
    /// The specs that came.
    pub received: String,
}

impl ShapeError {
    /// An error of `op` that received `ins`.
    pub fn new(op: &str, rule: impl Into<String>, ins: &[Spec]) -> Self {
        let received = ins.iter().map(Spec::to_string).collect::<Vec<_>>().join(", ");
        Self { op: op.into(), rule: rule.into(), received }
    }
}

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
pub struct Sample {
    /// The operation with its attributes.
    pub op: Op,
    /// Inputs in f64 and integers; the f32 case is the same, rounded.
    pub ins: Vec<Tensor>,
}

impl Sample {
    /// A case from an operation and its inputs.
    pub fn new(op: impl Into<Op>, ins: Vec<Tensor>) -> Self {
        Self { op: op.into(), ins }
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
    fn samples() -> Vec<Sample>;
}

macro_rules! primitives {
    ($($Name:ident)*) => {
        /// Every primitive operation.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)]
        pub enum Op { $($Name($Name)),* }

        $(impl From<$Name> for Op {
            fn from(op: $Name) -> Op { Op::$Name(op) }
        })*

        impl Op {
            /// The operation's name, as printed.
            pub fn name(&self) -> &'static str {
                match self { $(Op::$Name(_) => stringify!($Name)),* }
            }
            /// See [`Primitive::spec`].
            pub fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
                match self { $(Op::$Name(op) => op.spec(ins)),* }
            }
            /// See [`Primitive::vjp`].
            pub fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
                match self { $(Op::$Name(op) => op.vjp(at)),* }
            }
            /// See [`Primitive::eval`].
            pub fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
                match self { $(Op::$Name(op) => op.eval(ins, outs)),* }
            }
            /// The cases of all primitives.
            pub fn all_samples() -> Vec<Sample> {
                let mut all = Vec::new();
                $(all.extend($Name::samples());)*
                all
            }
            /// The names of all primitives.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($Name)),*];
        }
    };
}

impl Op {
    /// How many outputs the operation has.
    pub fn n_outputs(&self) -> usize {
        match self {
            Op::Sort(_) | Op::SimpleRnn(_) | Op::Determinant(_) | Op::Eigen(_) => 2,
            Op::Gru(_) => 3,
            Op::MaskLayout(_) | Op::Lstm(_) | Op::GruGrad(_) | Op::SimpleRnnGrad(_) => 5,
            Op::LstmGrad(_) => 6,
            Op::Scan(scan) => scan.body.outputs.len(),
            Op::Fused(chain) => chain.outputs.len(),
            _ => 1,
        }
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

// In the order a newcomer should read them: values, pointwise, shapes, sums, products, indices,
// time, batch, chains.
primitives! {
    Constant Iota Random
    Unary Binary Compare Select Cast Bits Bitcast
    StopGradient Reshape Broadcast Transpose Slice Reverse Pad Concat
    Reduce ArgReduce Cumulative Sort
    MatMul LinearSolve Determinant Cholesky Eigen
    Gather ScatterAdd ScatterReduce Windows FoldWindows
    MaskLayout Lstm LstmGrad Gru GruGrad SimpleRnn SimpleRnnGrad Scan
    CrossSum
    Fused
}
