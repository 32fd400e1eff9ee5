//! The waist of cornu: primitive operations, graphs of them, their gradients, the passes that tidy
//! a graph and the plan that lays it out in memory.
//!
//! Nothing here knows a layer or a machine. A [`Builder`] records operations on [`Var`]s, whose
//! shapes may hold unknown dims; [`gradient`](grad::gradient) extends a graph by its derivatives; a
//! [`Plan`](plan::Plan) of a graph whose dims are all numbers is what a back end runs;
//! [`interpret`](interpret::interpret) runs the same graph by the plain loops that define every
//! operation.
#![forbid(unsafe_code)]

pub mod spec;
pub mod tensor;
pub mod strided;
pub mod var;
pub mod op;
pub mod ops;
pub mod graph;
mod cost;
pub mod builder;
pub mod verify;
pub mod interpret;
pub mod grad;
pub mod scan;
pub mod composites;
pub mod passes;
pub mod plan;

pub use builder::Builder;
pub use graph::{Graph, NodeId, Op, Scan};
pub use spec::{DType, Dim, ShapeError, Spec};
pub use tensor::{Buffer, Tensor, View, ViewMut};
pub use var::{ValueId, Var};
