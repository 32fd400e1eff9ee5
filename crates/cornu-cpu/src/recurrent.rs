//! The recurrent operations on the kernels for packed sequences.

use crate::kernel::{Call, Shape};
use crate::kernels::activation::Activation as KernelActivation;
use crate::kernels::lstm::{LstmBackward, LstmForward, LstmGradients, LstmOutputs, lstm_backward, lstm_backward_scratch, lstm_forward, lstm_forward_scratch};
use crate::kernels::shape::CellShape;
use cornu_ir::Op;
use cornu_ir::ops::{Activation, Lstm, LstmGrad};

/// The kernels' name for an activation.
pub(crate) fn activation(a: Activation) -> KernelActivation {
    match a {
        Activation::Linear => KernelActivation::Linear,
        Activation::Tanh => KernelActivation::Tanh,
        Activation::Sigmoid => KernelActivation::Sigmoid,
        Activation::Relu => KernelActivation::Relu,
        Activation::Relu6 => KernelActivation::Relu6,
        Activation::HardSigmoid => KernelActivation::HardSigmoid,
        Activation::HardTanh => KernelActivation::HardTanh,
        Activation::Softsign => KernelActivation::Softsign,
        Activation::Softplus => KernelActivation::Softplus,
        Activation::Exponential => KernelActivation::Exponential,
        Activation::Elu => KernelActivation::Elu,
        Activation::Selu => KernelActivation::Selu,
    }
}

/// Inputs and outputs of a call as slices of f32.
///
/// # Safety
/// All values of the call that are taken are f32, lie where their addresses say, and no output lies over an input.
struct Slices<'a> {
    call: &'a Call<'a>,
}

impl<'a> Slices<'a> {
    fn read(&self, i: usize) -> &'a [f32] {
        // SAFETY: the promise of the type.
        unsafe { std::slice::from_raw_parts(self.call.in_address(i).cast(), self.call.in_shape(i).n) }
    }

    /// An i32 input.
    fn sizes(&self, i: usize) -> &'a [i32] {
        // SAFETY: the promise of the type, for the one input that is i32.
        unsafe { std::slice::from_raw_parts(self.call.in_address(i).cast(), self.call.in_shape(i).n) }
    }

    /// An output, if something reads it; each is taken once.
    fn write(&self, i: usize) -> Option<&'a mut [f32]> {
        let at = self.call.out_address(i).cast::<f32>();
        // SAFETY: the promise of the type.
        (!at.is_null()).then(|| unsafe { std::slice::from_raw_parts_mut(at, self.call.out_shape(i).n) })
    }
}

/// A part of the scratch memory.
///
/// # Safety
/// `from + n` elements of scratch belong to the call and the part overlaps no other.
unsafe fn scratch<'a>(call: &Call<'a>, from: usize, n: usize) -> &'a mut [f32] {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts_mut(call.scratch.cast::<f32>().add(from), n) }
}

/// Zeros the rows of `width` beyond the live ones: the kernels leave them as they were.
fn clear_rest(rows: &mut Option<&mut [f32]>, sizes: &[i32], width: usize) {
    if let Some(rows) = rows {
        let live: usize = sizes.iter().map(|&n| n.max(0) as usize).sum();
        rows[live * width..].fill(0.0);
    }
}

/// Places of the optional inputs of a cell.
struct At {
    bias: Option<usize>,
    h0: usize,
    mask: Option<usize>,
    sizes: usize,
}

impl At {
    fn of(cell: &Lstm) -> At {
        let h0 = 3 + cell.use_bias as usize;
        At {
            bias: cell.use_bias.then_some(3),
            h0,
            mask: cell.recurrent_mask.then_some(h0 + 2),
            sizes: h0 + 2 + cell.recurrent_mask as usize,
        }
    }
}

fn lstm_shape(cell: &Lstm, dims: impl Fn(usize, usize) -> usize) -> CellShape {
    CellShape { features: dims(0, 1), units: cell.units, batch: dims(At::of(cell).h0, 0) }
}

/// Runs a recurrent operation.
///
/// # Safety
/// The call is of such an operation of f32, its addresses hold values of their shapes, no output lies over an input, and it
/// has the scratch that the functions below say.
pub(crate) unsafe fn run(call: &Call<'_>) {
    // SAFETY: the caller's promise.
    unsafe {
        match call.op {
            Op::Lstm(op) => lstm(call, op),
            Op::LstmGrad(op) => lstm_grad(call, op),
            _ => unreachable!("chosen for recurrent operations"),
        }
    }
}

/// What the cell reads, in gradients too.
fn lstm_inputs<'a>(s: &Slices<'a>, cell: &Lstm) -> LstmForward<'a> {
    let at = At::of(cell);
    LstmForward {
        shape: lstm_shape(cell, |i, axis| s.call.in_shape(i).dims[axis]),
        activation: activation(cell.activation),
        recurrent_activation: activation(cell.recurrent_activation),
        x: s.read(0),
        kernel: s.read(1),
        recurrent: s.read(2),
        bias: at.bias.map(|i| s.read(i)),
        h0: s.read(at.h0),
        c0: s.read(at.h0 + 1),
        recurrent_mask: at.mask.map(|i| s.read(i)),
        batch_sizes: s.sizes(at.sizes),
    }
}

/// Elements of scratch of [`lstm`]: the kernel's, and the last states that nothing may read.
pub(crate) fn lstm_scratch(cell: &Lstm, ins: &[Shape]) -> usize {
    let shape = lstm_shape(cell, |i, axis| ins[i].dims[axis]);
    lstm_forward_scratch(shape) + 2 * shape.batch * shape.units
}

/// # Safety
/// The call is of an [`Lstm`] of f32, its addresses hold values of their shapes, no output lies over an input, and it has
/// [`lstm_scratch`] elements of scratch.
unsafe fn lstm(call: &Call<'_>, cell: &Lstm) {
    let s = Slices { call };
    let args = lstm_inputs(&s, cell);
    let (n, states) = (lstm_forward_scratch(args.shape), args.shape.batch * args.shape.units);
    // SAFETY: three parts of the scratch, apart from each other.
    let (work, h_unread, c_unread) = unsafe { (scratch(call, 0, n), scratch(call, n, states), scratch(call, n + states, states)) };
    let mut out = LstmOutputs {
        h: s.write(0),
        c: s.write(1),
        gates: s.write(2),
        h_last: s.write(3).unwrap_or(h_unread),
        c_last: s.write(4).unwrap_or(c_unread),
    };
    lstm_forward(&args, &mut out, work);
    clear_rest(&mut out.h, args.batch_sizes, cell.units);
}

/// Elements of scratch of [`lstm_grad`].
pub(crate) fn lstm_grad_scratch(op: &LstmGrad, ins: &[Shape]) -> usize {
    lstm_backward_scratch(lstm_shape(&op.cell, |i, axis| ins[i].dims[axis]))
}

/// # Safety
/// As [`lstm`], of an [`LstmGrad`].
unsafe fn lstm_grad(call: &Call<'_>, op: &LstmGrad) {
    let s = Slices { call };
    let forward = lstm_inputs(&s, &op.cell);
    let saved = At::of(&op.cell).sizes + 1;
    let mut next = saved + 3;
    let mut flagged = |flag: bool| {
        next += flag as usize;
        flag.then(|| s.read(next - 1))
    };
    let args = LstmBackward {
        forward,
        h: s.read(saved),
        c: s.read(saved + 1),
        gates: s.read(saved + 2),
        dh: flagged(op.dh),
        dh_last: flagged(op.dh_last),
        dc_last: flagged(op.dc_last),
    };
    let mut out = LstmGradients { dx: s.write(0), dkernel: s.write(1), drecurrent: s.write(2), dbias: s.write(3), dh0: s.write(4), dc0: s.write(5) };
    // SAFETY: the whole scratch of the call.
    let work = unsafe { scratch(call, 0, lstm_backward_scratch(forward.shape)) };
    lstm_backward(&args, &mut out, work);
    clear_rest(&mut out.dx, forward.batch_sizes, forward.shape.features);
}
