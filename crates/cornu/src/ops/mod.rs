//! `keras.ops`: operations as members of models.
//!
//! An operation is a row of the table of its family: class, module, how it takes sequences of
//! unequal length, formula. A formula too long for the table is a method of the call beside it.

mod op_call;
mod bits;
mod pointwise;
mod activations;
mod reductions;
mod moves;
mod slices;
mod indexing;
mod search;
mod stacking;
mod patches;
mod series;
mod products;
mod statistics;
mod formulas;
mod transforms;
mod matrices;
mod operation;

pub use operation::Operation;
