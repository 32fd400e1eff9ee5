//! The CPU back of cornu: kernels, threads, executor. The only crate of the project with `unsafe`.
#![deny(unsafe_op_in_unsafe_fn)]

pub mod kernels;
