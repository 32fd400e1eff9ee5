//! The table of kernels: `portable()` fills every slot, each tier plugs its own over them.

use super::isa::{Isa, isa};
use slots::*;

/// What the slots' signatures name, for the tiers.
pub(crate) mod slots {
    pub(crate) use super::Table;
    pub(crate) use crate::kernels::{
        gru::{self, GruBackward, GruForward, GruGradients, GruOutputs},
        lstm::{self, LstmBackward, LstmForward, LstmGradients, LstmOutputs},
        map::{self, Map},
        product::{self, Product},
        simple_rnn::{
            self, SimpleRnnBackward, SimpleRnnForward, SimpleRnnGradients, SimpleRnnOutputs,
        },
    };
}

/// One slot a kernel. The functions check nothing: the checks stand in front of the table.
pub(crate) struct Table {
    pub(crate) map: unsafe fn(Map, &[f32], &mut [f32]),
    pub(crate) product: unsafe fn(&Product<'_>, &mut [f32], &mut [f32]),
    pub(crate) lstm_forward: unsafe fn(&LstmForward<'_>, &mut LstmOutputs<'_>, &mut [f32]),
    pub(crate) lstm_backward: unsafe fn(&LstmBackward<'_>, &mut LstmGradients<'_>, &mut [f32]),
    pub(crate) gru_forward: unsafe fn(&GruForward<'_>, &mut GruOutputs<'_>, &mut [f32]),
    pub(crate) gru_backward: unsafe fn(&GruBackward<'_>, &mut GruGradients<'_>, &mut [f32]),
    pub(crate) simple_rnn_forward:
        unsafe fn(&SimpleRnnForward<'_>, &mut SimpleRnnOutputs<'_>, &mut [f32]),
    pub(crate) simple_rnn_backward:
        unsafe fn(&SimpleRnnBackward<'_>, &mut SimpleRnnGradients<'_>, &mut [f32]),
}

static PORTABLE: Table = super::portable::TABLE;
#[cfg(target_arch = "x86_64")]
static AVX2: Table = super::avx2::TABLE;
#[cfg(target_arch = "x86_64")]
static AVX512: Table = super::avx512::TABLE;

/// The kernels of a tier; portable ones where the tier is another architecture's.
pub(crate) fn table_of(isa: Isa) -> &'static Table {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 if isa.is_supported() => &AVX2,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if isa.is_supported() => &AVX512,
        _ => &PORTABLE,
    }
}

/// The kernels of the tier in use.
pub(crate) fn table() -> &'static Table {
    table_of(isa())
}

/// Instantiates every kernel with a tier's registers, inside functions that enable its
/// instructions.
macro_rules! tier {
    ($simd:ident $(, $features:literal)?) => {
        /// This tier's kernels, to be used after the probe only.
        pub(crate) const TABLE: super::table::Table = {
            use super::table::slots::*;
            $(#[target_feature(enable = $features)])?
            unsafe fn map(f: Map, x: &[f32], y: &mut [f32]) {
                // SAFETY: the probe found the tier; the rest is the caller's promise.
                unsafe { map::run($simd::new_unchecked(), f, x, y) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn product(job: &Product<'_>, c: &mut [f32], scratch: &mut [f32]) {
                // SAFETY: the probe found the tier; the rest is the caller's promise.
                unsafe { product::run($simd::new_unchecked(), job, c, scratch) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn lstm_forward(args: &LstmForward<'_>, out: &mut LstmOutputs<'_>, scratch: &mut [f32]) {
                // SAFETY: the probe found the tier; the rest is the caller's promise.
                unsafe { lstm::forward($simd::new_unchecked(), args, out, scratch) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn lstm_backward(args: &LstmBackward<'_>, out: &mut LstmGradients<'_>, scratch: &mut [f32]) {
                // SAFETY: the probe found the tier; the rest is the caller's promise.
                unsafe { lstm::backward($simd::new_unchecked(), args, out, scratch) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn gru_forward(args: &GruForward<'_>, out: &mut GruOutputs<'_>, scratch: &mut [f32]) {
                // SAFETY: the probe found the tier; the rest is the caller's promise.
                unsafe { gru::forward($simd::new_unchecked(), args, out, scratch) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn gru_backward(args: &GruBackward<'_>, out: &mut GruGradients<'_>, scratch: &mut [f32]) {
                // SAFETY: the probe found the tier; the rest is the caller's promise.
                unsafe { gru::backward($simd::new_unchecked(), args, out, scratch) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn simple_rnn_forward(args: &SimpleRnnForward<'_>, out: &mut SimpleRnnOutputs<'_>, scratch: &mut [f32]) {
                // SAFETY: the probe found the tier; the rest is the caller's promise.
                unsafe { simple_rnn::forward($simd::new_unchecked(), args, out, scratch) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn simple_rnn_backward(args: &SimpleRnnBackward<'_>, out: &mut SimpleRnnGradients<'_>, scratch: &mut [f32]) {
                // SAFETY: the probe found the tier; the rest is the caller's promise.
                unsafe { simple_rnn::backward($simd::new_unchecked(), args, out, scratch) }
            }
            Table {
                map,
                product,
                lstm_forward,
                lstm_backward,
                gru_forward,
                gru_backward,
                simple_rnn_forward,
                simple_rnn_backward,
            }
        };
    };
}
pub(crate) use tier;
