//! The machine's part of the recurrent ops and of the vector math: plain functions over slices.
//!
//! Read in this order: [`isa`] names the tiers; `simd` is what kernels are written in; `portable`,
//! `avx2` and `avx512` are its tiers; `vector_math` and [`activation`] work on registers, [`map`]
//! on slices; `matmul` is the product all cells share, [`product`] the same for others; [`int8`]
//! the product with weights of eight bits; `sequence` holds what they do with packed steps,
//! `by_gate` what recurrent dropout adds; [`lstm`] and its like are the cells; `table` picks the
//! tier.
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
mod simd;

mod vector_math;

pub mod activation;
pub mod shape;
mod matmul;
mod lanes;
mod sequence;
mod by_gate;
pub mod int8;

pub mod gru;
pub mod lstm;
pub mod simple_rnn;
pub mod map;
pub mod product;

mod portable;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

mod table;

#[cfg(test)]
mod reference;
