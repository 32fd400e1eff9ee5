//! The kernels of [`Gru`] and of its gradient.

use super::cell::{CellInputs, Slices, activation, clear_rest};
use crate::call::Call;
use crate::kernel::{Kernel, Request};
use crate::kernels::gru::{
    GruBackward, GruForward, GruGradients, GruOutputs, gru_backward, gru_backward_scratch,
    gru_forward, gru_forward_scratch,
};
use cornu_ir::Op;
use cornu_ir::ops::{Gru, GruGrad};

/// A GRU over packed sequences.
#[derive(Debug)]
pub(crate) struct GruKernel {
    op: Gru,
    at: CellInputs,
    /// Elements of scratch that the cell takes.
    n_work: usize,
}

impl Kernel for GruKernel {
    fn choose(request: &Request<'_>) -> Option<Self> {
        let Op::Gru(op) = request.op() else { return None };
        request.is_f32().then(|| {
            let at = inputs(request, op);
            GruKernel { op: op.clone(), at, n_work: gru_forward_scratch(at.shape) }
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
        let mut out = GruOutputs {
            h: slices.write(0),
            gates: slices.write(1),
            h_last: slices.write(2).unwrap_or(unread),
        };
        gru_forward(&args, &mut out, work);
        clear_rest(&mut out.h, args.batch_sizes, self.op.units);
    }
}

/// The gradient of a GRU.
#[derive(Debug)]
pub(crate) struct GruGradKernel {
    op: GruGrad,
    at: CellInputs,
    /// Elements of scratch that the cell takes.
    n_work: usize,
}

impl Kernel for GruGradKernel {
    fn choose(request: &Request<'_>) -> Option<Self> {
        let Op::GruGrad(op) = request.op() else { return None };
        request.is_f32().then(|| {
            let at = inputs(request, &op.cell);
            GruGradKernel { op: op.clone(), at, n_work: gru_backward_scratch(at.shape) }
        })
    }

    fn scratch_bytes(&self) -> usize {
        4 * self.n_work
    }

    unsafe fn run(&self, call: &mut Call<'_>) {
        // SAFETY: `Kernel::run` asks for the call; the operation's values are f32 and i32.
        let slices = unsafe { Slices::new(call) };
        let (op, saved) = (&self.op, self.at.saved());
        let [dh, dh_last] = slices.flagged(saved + 2, [op.dh, op.dh_last]);
        let args = GruBackward {
            forward: forward(&slices, &op.cell, &self.at),
            h: slices.read(saved),
            gates: slices.read(saved + 1),
            dh,
            dh_last,
        };
        let [dx, dkernel, drecurrent, dbias, dh0] = std::array::from_fn(|i| slices.write(i));
        let mut out = GruGradients { dx, dkernel, drecurrent, dbias, dh0 };
        // SAFETY: the whole scratch of the call.
        let work = unsafe { slices.scratch(0, self.n_work) };
        gru_backward(&args, &mut out, work);
        clear_rest(&mut out.dx, args.forward.batch_sizes, self.at.shape.features);
    }
}

fn inputs(request: &Request<'_>, op: &Gru) -> CellInputs {
    CellInputs::of(request, op.units, op.use_bias, 1, op.recurrent_mask)
}

fn forward<'a>(slices: &Slices<'a, '_>, op: &Gru, at: &CellInputs) -> GruForward<'a> {
    GruForward {
        shape: at.shape,
        activation: activation(op.activation),
        recurrent_activation: activation(op.recurrent_activation),
        reset_after: op.reset_after,
        x: slices.read(0),
        kernel: slices.read(1),
        recurrent: slices.read(2),
        bias: at.bias.map(|i| slices.read(i)),
        h0: slices.read(at.h0),
        recurrent_mask: at.mask.map(|i| slices.read(i)),
        batch_sizes: slices.batch_sizes(at.batch_sizes),
    }
}
