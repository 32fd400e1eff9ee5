//! `keras.ops`: operations as members of models, from tables of their meanings.

mod site;
mod moves;
mod reductions;
mod places;
mod pieces;
mod products;
mod statistics;
mod formulas;
mod transforms;
mod matrices;
mod operation;

pub use operation::Operation;
