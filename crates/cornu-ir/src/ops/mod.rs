//! The primitives, a file each (or a file for an operation and its gradient): shape rule, gradient,
//! meaning, cases.

mod unary;
mod activation;
mod arg_reduce;
mod binary;
mod bits;
mod broadcast;
mod cast;
mod compare;
mod concat;
mod constant;
mod cross_sum;
mod cumulative;
mod fused;
mod gather;
mod packed;
mod gru;
mod lstm;
mod mask_layout;
mod matmul;
mod pad;
mod random;
mod reduce;
mod reshape;
mod reverse;
mod scatter;
mod select;
mod simple_rnn;
mod slice;
mod solve;
mod eigen;
mod sort;
mod transpose;
mod windows;

pub use activation::Activation;
pub use arg_reduce::ArgReduce;
pub use binary::{Binary, BinaryFn};
pub use bits::{Bitcast, Bits, BitsFn};
pub use broadcast::Broadcast;
pub use cast::Cast;
pub use compare::{Compare, CompareFn};
pub use concat::Concat;
pub use constant::{Constant, Iota};
pub use cross_sum::CrossSum;
pub use cumulative::Cumulative;
pub use eigen::{Cholesky, Eigen};
pub use fused::{Fused, Instr, Reach};
pub use gather::{Gather, ScatterAdd};
pub use gru::{Gru, GruGrad};
pub use lstm::{Lstm, LstmGrad};
pub use mask_layout::MaskLayout;
pub use matmul::{MatMul, MatMulDims};
pub use pad::Pad;
pub use random::{Random, RandomKind};
pub use reduce::{Reduce, ReduceFn};
pub use reshape::{Reshape, StopGradient};
pub use reverse::Reverse;
pub use scatter::ScatterReduce;
pub use select::Select;
pub use simple_rnn::{SimpleRnn, SimpleRnnGrad};
pub use slice::Slice;
pub use solve::{Determinant, LinearSolve};
pub use sort::Sort;
pub use transpose::Transpose;
pub use unary::{Unary, UnaryFn};
pub use windows::{FoldWindows, Windows};

use crate::spec::{ShapeError, Spec};

/// Fails unless exactly `n` inputs came.
pub(crate) fn expect_inputs(op: &str, ins: &[Spec], n: usize) -> Result<(), ShapeError> {
    if ins.len() == n {
        Ok(())
    } else {
        Err(ShapeError::new(op, format!("expected {n} inputs"), ins))
    }
}

/// Fails unless `axis` is an axis of the first input.
fn expect_axis(op: &str, ins: &[Spec], axis: usize) -> Result<(), ShapeError> {
    if axis < ins[0].rank() {
        Ok(())
    } else {
        Err(ShapeError::new(op, format!("there is no axis {}", axis as isize), ins))
    }
}
