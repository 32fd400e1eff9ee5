//! The kernels of [`Lstm`] and of its gradient.

use super::cell::{CellInputs, Slices, activation, clear_rest};
use crate::call::Call;
use crate::kernel::{Kernel, Packed, Request};
use crate::kernels::int8::{Int8Matrix, int8_len};
use crate::kernels::lstm::{
    LstmBackward, LstmForward, LstmGradients, LstmInt8, LstmOutputs, lstm_backward,
    lstm_backward_scratch, lstm_forward, lstm_forward_scratch,
};
use crate::kernels::shape::CellShape;
use cornu_ir::Op;
use cornu_ir::ops::{Lstm, LstmGrad};
use std::slice::from_raw_parts_mut;

/// An LSTM over packed sequences.
#[derive(Debug)]
pub(crate) struct LstmKernel {
    op: Lstm,
    at: CellInputs,
    /// Elements of scratch that the cell takes.
    n_work: usize,
}

impl Kernel for LstmKernel {
    fn choose(request: &Request<'_>) -> Option<Self> {
        let Op::Lstm(op) = request.op() else { return None };
        request.is_f32().then(|| {
            let at = inputs(request, op);
            LstmKernel { op: op.clone(), at, n_work: lstm_forward_scratch(at.shape) }
        })
    }

    /// That of the cell, and its last states, which nothing may read.
    fn scratch_bytes(&self) -> usize {
        4 * (self.n_work + 2 * self.at.n_state())
    }

    fn packed(&self) -> Option<Packed> {
        let bytes = 4 * int8_lens(self.at.shape).iter().sum::<usize>();
        self.op.int8.then_some(Packed { ins: [1, 2], bytes })
    }

    unsafe fn run(&self, call: &mut Call<'_>) {
        // SAFETY: `Kernel::run` asks for the call; the operation's values are f32 and i32.
        let slices = unsafe { Slices::new(call) };
        let mut args = forward(&slices, &self.op, &self.at);
        if self.op.int8 {
            // SAFETY: `Kernel::run` asks that `kept` holds the bytes of `packed`.
            args.int8 = Some(unsafe { int8_weights(call, &args) });
        }
        let (n, states) = (self.n_work, self.at.n_state());
        // SAFETY: three parts of the scratch, apart from each other.
        let [work, h_unread, c_unread] = unsafe {
            [(0, n), (n, states), (n + states, states)].map(|(from, n)| slices.scratch(from, n))
        };
        let mut out = LstmOutputs {
            h: slices.write(0),
            c: slices.write(1),
            gates: slices.write(2),
            h_last: slices.write(3).unwrap_or(h_unread),
            c_last: slices.write(4).unwrap_or(c_unread),
        };
        lstm_forward(&args, &mut out, work);
        clear_rest(&mut out.h, args.batch_sizes, self.op.units);
    }
}

/// The gradient of an LSTM.
#[derive(Debug)]
pub(crate) struct LstmGradKernel {
    op: LstmGrad,
    at: CellInputs,
    /// Elements of scratch that the cell takes.
    n_work: usize,
}

impl Kernel for LstmGradKernel {
    fn choose(request: &Request<'_>) -> Option<Self> {
        let Op::LstmGrad(op) = request.op() else { return None };
        request.is_f32().then(|| {
            let at = inputs(request, &op.cell);
            LstmGradKernel { op: op.clone(), at, n_work: lstm_backward_scratch(at.shape) }
        })
    }

    fn scratch_bytes(&self) -> usize {
        4 * self.n_work
    }

    unsafe fn run(&self, call: &mut Call<'_>) {
        // SAFETY: `Kernel::run` asks for the call; the operation's values are f32 and i32.
        let slices = unsafe { Slices::new(call) };
        let (op, saved) = (&self.op, self.at.saved());
        let [dh, dh_last, dc_last] = slices.flagged(saved + 3, [op.dh, op.dh_last, op.dc_last]);
        let args = LstmBackward {
            forward: forward(&slices, &op.cell, &self.at),
            h: slices.read(saved),
            c: slices.read(saved + 1),
            gates: slices.read(saved + 2),
            dh,
            dh_last,
            dc_last,
        };
        let [dx, dkernel, drecurrent, dbias, dh0, dc0] = std::array::from_fn(|i| slices.write(i));
        let mut out = LstmGradients { dx, dkernel, drecurrent, dbias, dh0, dc0 };
        // SAFETY: the whole scratch of the call.
        let work = unsafe { slices.scratch(0, self.n_work) };
        lstm_backward(&args, &mut out, work);
        clear_rest(&mut out.dx, args.forward.batch_sizes, self.at.shape.features);
    }
}

fn inputs(request: &Request<'_>, op: &Lstm) -> CellInputs {
    CellInputs::of(request, op.units, op.use_bias, 2, op.recurrent_mask)
}

fn forward<'a>(slices: &Slices<'a, '_>, op: &Lstm, at: &CellInputs) -> LstmForward<'a> {
    LstmForward {
        shape: at.shape,
        activation: activation(op.activation),
        recurrent_activation: activation(op.recurrent_activation),
        x: slices.read(0),
        kernel: slices.read(1),
        recurrent: slices.read(2),
        bias: at.bias.map(|i| slices.read(i)),
        h0: slices.read(at.h0),
        c0: slices.read(at.h0 + 1),
        recurrent_mask: at.mask.map(|i| slices.read(i)),
        batch_sizes: slices.batch_sizes(at.batch_sizes),
        int8: None,
    }
}

/// Elements of W and of R in eight bits.
fn int8_lens(shape: CellShape) -> [usize; 2] {
    [int8_len(shape.features, 4 * shape.units), int8_len(shape.units, 4 * shape.units)]
}

/// W and R in eight bits, packed unless a run before has done so.
///
/// # Safety
/// `call.kept` is writable for the elements of [`int8_lens`], for the call alone.
unsafe fn int8_weights<'a>(call: &Call<'a>, args: &LstmForward<'a>) -> LstmInt8<'a> {
    let CellShape { features: f, units: u, .. } = args.shape;
    let n = int8_lens(args.shape);
    // SAFETY: the memory kept for the call, in two parts.
    let [kernel, recurrent] = unsafe {
        [(0, n[0]), (n[0], n[1])]
            .map(|(from, n)| from_raw_parts_mut(call.kept.cast::<u32>().add(from), n))
    };
    if call.is_kept {
        return LstmInt8 {
            kernel: Int8Matrix::packed(f, 4 * u, kernel),
            recurrent: Int8Matrix::packed(u, 4 * u, recurrent),
        };
    }
    LstmInt8 {
        kernel: Int8Matrix::pack(f, 4 * u, args.kernel, kernel),
        recurrent: Int8Matrix::pack(u, 4 * u, args.recurrent, recurrent),
    }
}
