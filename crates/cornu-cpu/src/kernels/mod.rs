//! The machine's part of the recurrent ops and of the vector math: plain functions over slices.
//!
//! Read in this order: [`isa`] names the tiers of instructions. `vector` and `simd` are what
//! kernels are written in; `vector_math` and `activation_math` compute on registers. `operands`,
//! `packing` and `matmul` are the matrix product that all cells share. `portable`, `avx2` and
//! `avx512` are the tiers, and `tier` compiles a kernel for each of them and chooses at run time.
//! [`map`] works on slices, [`product`] is the matrix product for others, [`int8`] the one with
//! weights of eight bits. `packed_steps` to `by_gate` hold what the cells share: chunks of
//! timesteps, packed weights, rows of states, recurrent dropout. [`lstm`], [`gru`] and
//! [`simple_rnn`] are the cells.
//!
//! Invariants:
//! 1. No kernel allocates, starts a thread or keeps state; scratch is an argument with a function
//!    beside it that states its size.
//! 2. A row's forward result is the same bits whatever the batch, its place in it, and the other
//!    rows: every element is one fixed chain of operations, so paths may be chosen by speed.
//! 3. One tier's results need not be another's to the bit.
//!
//! Buffers whose first element stands on a cache line (64 bytes) are read fastest; none has to.

pub mod isa;
pub mod shape;
pub mod activation;

mod vector;
mod vector_math;
mod activation_math;

mod operands;
mod simd;
mod packing;
mod matmul;
mod column_sums;

mod outlined;
mod portable;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod tier;

mod scratch;
pub mod map;
pub mod product;
pub mod int8;

mod packed_steps;
mod weights;
mod state_rows;
mod strip;
mod lanes;
mod by_gate;

pub mod lstm;
pub mod gru;
pub mod simple_rnn;

#[cfg(test)]
mod reference;
