//! The kernels of [`SimpleRnn`] and of its gradient.

use super::cell::{CellInputs, Slices, activation, clear_rest};
use crate::call::Call;
use crate::kernel::{Kernel, Request};
use crate::kernels::simple_rnn::{
    SimpleRnnBackward, SimpleRnnForward, SimpleRnnGradients, SimpleRnnOutputs, simple_rnn_backward,
    simple_rnn_backward_scratch, simple_rnn_forward, simple_rnn_forward_scratch,
};
use cornu_ir::Op;
use cornu_ir::ops::{SimpleRnn, SimpleRnnGrad};

/// A simple recurrent cell over packed sequences.
#[derive(Debug)]
pub(crate) struct SimpleRnnKernel {
    op: SimpleRnn,
    at: CellInputs,
    /// Elements of scratch that the cell takes.
    n_work: usize,
}

impl Kernel for SimpleRnnKernel {
    fn choose(request: &Request<'_>) -> Option<Self> {
        let Op::SimpleRnn(op) = request.op() else { return None };
        request.is_f32().then(|| {
            let at = inputs(request, op);
            SimpleRnnKernel { op: op.clone(), at, n_work: simple_rnn_forward_scratch(at.shape) }
        })
    }

    /// That of the cell, and its last state, which nothing may read.
    fn scratch_bytes(&self) -> usize {
        4 * (self.n_work + self.at.n_state())
    }

    unsafe fn run(&self, call: &mut Call<'_>) {
        // SAFETY: `Kernel::run` asks for the call; the operation's values are f32 and i32.
        let slices = unsafe { Slices::new(call) };
        let args = forward(&slices, &self.op, &self.at);
        let n = self.n_work;
        // SAFETY: two parts of the scratch, apart from each other.
        let [work, unread] =
            unsafe { [(0, n), (n, self.at.n_state())].map(|(from, n)| slices.scratch(from, n)) };
        let h_last = slices.write(1).unwrap_or(unread);
        let mut out = SimpleRnnOutputs { h: slices.write(0), h_last };
        simple_rnn_forward(&args, &mut out, work);
        clear_rest(&mut out.h, args.batch_sizes, self.op.units);
    }
}

/// The gradient of a simple recurrent cell.
#[derive(Debug)]
pub(crate) struct SimpleRnnGradKernel {
    op: SimpleRnnGrad,
    at: CellInputs,
    /// Elements of scratch that the cell takes.
    n_work: usize,
}

impl Kernel for SimpleRnnGradKernel {
    fn choose(request: &Request<'_>) -> Option<Self> {
        let Op::SimpleRnnGrad(op) = request.op() else { return None };
        request.is_f32().then(|| {
            let at = inputs(request, &op.cell);
            SimpleRnnGradKernel {
                op: op.clone(),
                at,
                n_work: simple_rnn_backward_scratch(at.shape),
            }
        })
    }

    fn scratch_bytes(&self) -> usize {
        4 * self.n_work
    }

    unsafe fn run(&self, call: &mut Call<'_>) {
        // SAFETY: `Kernel::run` asks for the call; the operation's values are f32 and i32.
        let slices = unsafe { Slices::new(call) };
        let (op, saved) = (&self.op, self.at.saved());
        let [dh, dh_last] = slices.flagged(saved + 1, [op.dh, op.dh_last]);
        let args = SimpleRnnBackward {
            forward: forward(&slices, &op.cell, &self.at),
            h: slices.read(saved),
            dh,
            dh_last,
        };
        let [dx, dkernel, drecurrent, dbias, dh0] = std::array::from_fn(|i| slices.write(i));
        let mut out = SimpleRnnGradients { dx, dkernel, drecurrent, dbias, dh0 };
        // SAFETY: the whole scratch of the call.
        let work = unsafe { slices.scratch(0, self.n_work) };
        simple_rnn_backward(&args, &mut out, work);
        clear_rest(&mut out.dx, args.forward.batch_sizes, self.at.shape.features);
    }
}

fn inputs(request: &Request<'_>, op: &SimpleRnn) -> CellInputs {
    CellInputs::of(request, op.units, op.use_bias, 1, op.recurrent_mask)
}

fn forward<'a>(slices: &Slices<'a, '_>, op: &SimpleRnn, at: &CellInputs) -> SimpleRnnForward<'a> {
    SimpleRnnForward {
        shape: at.shape,
        activation: activation(op.activation),
        x: slices.read(0),
        kernel: slices.read(1),
        recurrent: slices.read(2),
        bias: at.bias.map(|i| slices.read(i)),
        h0: slices.read(at.h0),
        recurrent_mask: at.mask.map(|i| slices.read(i)),
        batch_sizes: slices.batch_sizes(at.batch_sizes),
    }
}
