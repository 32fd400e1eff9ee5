//! What the recurrent kernels share: the values of a call as slices, by their place in the
//! operation.

use crate::call::Call;
use crate::kernel::Request;
use crate::kernels::activation::Activation as KernelActivation;
use crate::kernels::shape::CellShape;
use cornu_ir::ops::Activation;
use std::slice::{from_raw_parts, from_raw_parts_mut};

/// The kernels' name for an activation.
pub(super) fn activation(a: Activation) -> KernelActivation {
    match a {
        Activation::Linear => KernelActivation::Linear,
        Activation::Tanh => KernelActivation::Tanh,
        Activation::Sigmoid => KernelActivation::Sigmoid,
        Activation::Relu => KernelActivation::Relu,
        Activation::Relu6 => KernelActivation::Relu6,
        Activation::HardSigmoid => KernelActivation::HardSigmoid,
        Activation::HardSigmoidKeras2 => KernelActivation::HardSigmoidKeras2,
        Activation::HardTanh => KernelActivation::HardTanh,
        Activation::Softsign => KernelActivation::Softsign,
        Activation::Softplus => KernelActivation::Softplus,
        Activation::Exponential => KernelActivation::Exponential,
        Activation::Elu => KernelActivation::Elu,
        Activation::Selu => KernelActivation::Selu,
    }
}

/// Where the inputs of a cell stand: x, W, R, b, the states, m, batch_sizes, then what a gradient
/// reads more; and the cell's sizes.
#[derive(Clone, Copy, Debug)]
pub(super) struct CellInputs {
    pub(super) shape: CellShape,
    pub(super) bias: Option<usize>,
    pub(super) h0: usize,
    pub(super) mask: Option<usize>,
    pub(super) batch_sizes: usize,
}

impl CellInputs {
    /// The inputs of a cell of `units`, or of its gradient.
    pub(super) fn of(
        request: &Request<'_>,
        units: usize,
        use_bias: bool,
        n_states: usize,
        recurrent_mask: bool,
    ) -> CellInputs {
        let h0 = 3 + use_bias as usize;
        let mask = h0 + n_states;
        let (features, batch) = (request.in_shape(0).dims[1], request.in_shape(h0).dims[0]);
        CellInputs {
            shape: CellShape { features, units, batch },
            bias: use_bias.then_some(3),
            h0,
            mask: recurrent_mask.then_some(mask),
            batch_sizes: mask + recurrent_mask as usize,
        }
    }

    /// The first input behind those of the forward pass.
    pub(super) fn saved(&self) -> usize {
        self.batch_sizes + 1
    }

    /// Elements of a state of all sequences.
    pub(super) fn n_state(&self) -> usize {
        self.shape.batch * self.shape.units
    }
}

/// Values and scratch of a call as slices.
pub(super) struct Slices<'a, 'b> {
    call: &'b Call<'a>,
}

impl<'a, 'b> Slices<'a, 'b> {
    /// # Safety
    /// The call is as [`Kernel::run`](crate::kernel::Kernel::run) asks, no output lies over an
    /// input, and all values but the batch sizes, which are i32, are f32. Of each output, and of
    /// each part of the scratch, one slice is taken.
    pub(super) unsafe fn new(call: &'b Call<'a>) -> Self {
        Slices { call }
    }

    /// An input.
    pub(super) fn read(&self, i: usize) -> &'a [f32] {
        // SAFETY: `new` asks that the address holds the f32 of the input's shape.
        unsafe { from_raw_parts(self.call.in_address(i).cast(), self.call.in_shape(i).n) }
    }

    /// The batch sizes, input `i`.
    pub(super) fn batch_sizes(&self, i: usize) -> &'a [i32] {
        // SAFETY: `new` asks that the address holds the i32 of the input's shape.
        unsafe { from_raw_parts(self.call.in_address(i).cast(), self.call.in_shape(i).n) }
    }

    /// The optional gradients that stand from input `first` on, as flagged.
    pub(super) fn flagged<const N: usize>(
        &self,
        first: usize,
        flags: [bool; N],
    ) -> [Option<&'a [f32]>; N] {
        let mut next = first;
        flags.map(|flag| {
            next += flag as usize;
            flag.then(|| self.read(next - 1))
        })
    }

    /// An output, if something reads it.
    pub(super) fn write(&self, i: usize) -> Option<&'a mut [f32]> {
        let at = self.call.out_address(i).cast::<f32>();
        // SAFETY: `new` asks that the address is writable for the f32 of the output's shape, which
        // lies apart from all else, and that the output is taken once.
        (!at.is_null()).then(|| unsafe { from_raw_parts_mut(at, self.call.out_shape(i).n) })
    }

    /// Elements `from..from + n` of the scratch.
    ///
    /// # Safety
    /// They lie within the scratch that the kernel stated.
    pub(super) unsafe fn scratch(&self, from: usize, n: usize) -> &'a mut [f32] {
        // SAFETY: the elements lie in the scratch, which is for the call alone; `new` asks that
        // each part is taken once.
        unsafe { from_raw_parts_mut(self.call.scratch.cast::<f32>().add(from), n) }
    }
}

/// Zeros the rows of `width` beyond the live ones: the cells leave them as they were.
pub(super) fn clear_rest(rows: &mut Option<&mut [f32]>, batch_sizes: &[i32], width: usize) {
    if let Some(rows) = rows {
        let live: usize = batch_sizes.iter().map(|&n| n.max(0) as usize).sum();
        rows[live * width..].fill(0.0);
    }
}
