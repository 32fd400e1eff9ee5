//! The recurrent operations on the kernels for packed sequences.

use crate::kernel::{Call, Shape};
use crate::kernels::activation::Activation as KernelActivation;
use crate::kernels::gru::{
    GruBackward, GruForward, GruGradients, GruOutputs, gru_backward, gru_backward_scratch,
    gru_forward, gru_forward_scratch,
};
use crate::kernels::int8::{Int8Matrix, int8_len};
use crate::kernels::lstm::{
    LstmBackward, LstmForward, LstmGradients, LstmInt8, LstmOutputs, lstm_backward,
    lstm_backward_scratch, lstm_forward, lstm_forward_scratch,
};
use crate::kernels::shape::CellShape;
use crate::kernels::simple_rnn::{
    SimpleRnnBackward, SimpleRnnForward, SimpleRnnGradients, SimpleRnnOutputs, simple_rnn_backward,
    simple_rnn_backward_scratch, simple_rnn_forward, simple_rnn_forward_scratch,
};
use cornu_ir::Op;
use cornu_ir::ops::{Activation, Gru, GruGrad, Lstm, LstmGrad, SimpleRnn, SimpleRnnGrad};

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
/// All values of the call that are taken are f32, lie where their addresses say, and no output lies
/// over an input.
struct Slices<'a> {
    call: &'a Call<'a>,
}

impl<'a> Slices<'a> {
    fn read(&self, i: usize) -> &'a [f32] {
        // SAFETY: the promise of the type.
        unsafe {
            std::slice::from_raw_parts(self.call.in_address(i).cast(), self.call.in_shape(i).n)
        }
    }

    /// An i32 input.
    fn sizes(&self, i: usize) -> &'a [i32] {
        // SAFETY: the promise of the type, for the one input that is i32.
        unsafe {
            std::slice::from_raw_parts(self.call.in_address(i).cast(), self.call.in_shape(i).n)
        }
    }

    /// An output, if something reads it; each is taken once.
    fn write(&self, i: usize) -> Option<&'a mut [f32]> {
        let at = self.call.out_address(i).cast::<f32>();
        // SAFETY: the promise of the type.
        (!at.is_null())
            .then(|| unsafe { std::slice::from_raw_parts_mut(at, self.call.out_shape(i).n) })
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

/// Where the inputs of a cell stand: x, W, R, b, the states, m, batch_sizes, then what a gradient
/// reads more.
#[derive(Clone, Copy)]
struct At {
    units: usize,
    bias: Option<usize>,
    h0: usize,
    mask: Option<usize>,
    sizes: usize,
}

impl At {
    fn new(units: usize, use_bias: bool, n_states: usize, recurrent_mask: bool) -> At {
        let h0 = 3 + use_bias as usize;
        let mask = h0 + n_states;
        At {
            units,
            bias: use_bias.then_some(3),
            h0,
            mask: recurrent_mask.then_some(mask),
            sizes: mask + recurrent_mask as usize,
        }
    }

    fn of(op: &Op) -> Option<At> {
        let lstm = |c: &Lstm| At::new(c.units, c.use_bias, 2, c.recurrent_mask);
        let gru = |c: &Gru| At::new(c.units, c.use_bias, 1, c.recurrent_mask);
        let simple = |c: &SimpleRnn| At::new(c.units, c.use_bias, 1, c.recurrent_mask);
        match op {
            Op::Lstm(c) => Some(lstm(c)),
            Op::LstmGrad(g) => Some(lstm(&g.cell)),
            Op::Gru(c) => Some(gru(c)),
            Op::GruGrad(g) => Some(gru(&g.cell)),
            Op::SimpleRnn(c) => Some(simple(c)),
            Op::SimpleRnnGrad(g) => Some(simple(&g.cell)),
            _ => None,
        }
    }

    fn shape(&self, dim: impl Fn(usize, usize) -> usize) -> CellShape {
        CellShape { features: dim(0, 1), units: self.units, batch: dim(self.h0, 0) }
    }
}

/// Elements of scratch of a recurrent operation on inputs of these shapes: the kernel's, and for a
/// cell its last states, which nothing may read. `None` for other operations.
pub(crate) fn scratch_elements(op: &Op, ins: &[Shape]) -> Option<usize> {
    let shape = At::of(op)?.shape(|i, axis| ins[i].dims[axis]);
    let states = shape.batch * shape.units;
    Some(match op {
        Op::Lstm(_) => lstm_forward_scratch(shape) + 2 * states,
        Op::LstmGrad(_) => lstm_backward_scratch(shape),
        Op::Gru(_) => gru_forward_scratch(shape) + states,
        Op::GruGrad(_) => gru_backward_scratch(shape),
        Op::SimpleRnn(_) => simple_rnn_forward_scratch(shape) + states,
        _ => simple_rnn_backward_scratch(shape),
    })
}

/// Inputs of a recurrent operation that are packed, and the elements of memory in which the packed
/// ones outlive a run.
pub(crate) fn kept(op: &Op, ins: &[Shape]) -> Option<([usize; 2], usize)> {
    let Op::Lstm(cell) = op else { return None };
    let width = 4 * cell.units;
    cell.int8.then(|| ([1, 2], int8_len(ins[0].dims[1], width) + int8_len(cell.units, width)))
}

/// Runs a recurrent operation.
///
/// # Safety
/// The call is of such an operation of f32, its addresses hold values of their shapes, no output
/// lies over an input, and it has [`scratch_elements`].
pub(crate) unsafe fn run(call: &Call<'_>) {
    let at = At::of(call.op).expect("chosen for recurrent operations");
    let cell =
        Cell { s: Slices { call }, at, shape: at.shape(|i, axis| call.in_shape(i).dims[axis]) };
    // SAFETY: the caller's promise.
    unsafe {
        match call.op {
            Op::Lstm(op) => cell.lstm(op),
            Op::LstmGrad(op) => cell.lstm_grad(op),
            Op::Gru(op) => cell.gru(op),
            Op::GruGrad(op) => cell.gru_grad(op),
            Op::SimpleRnn(op) => cell.simple_rnn(op),
            Op::SimpleRnnGrad(op) => cell.simple_rnn_grad(op),
            _ => unreachable!("chosen for recurrent operations"),
        }
    }
}

/// A recurrent operation being run.
struct Cell<'a> {
    s: Slices<'a>,
    at: At,
    shape: CellShape,
}

impl<'a> Cell<'a> {
    fn n_states(&self) -> usize {
        self.shape.batch * self.shape.units
    }

    fn sizes(&self) -> &'a [i32] {
        self.s.sizes(self.at.sizes)
    }

    /// The optional gradients that come behind `first`, as flagged.
    fn flagged<const N: usize>(&self, first: usize, flags: [bool; N]) -> [Option<&'a [f32]>; N] {
        let mut next = first;
        flags.map(|flag| {
            next += flag as usize;
            flag.then(|| self.s.read(next - 1))
        })
    }

    fn lstm_forward(&self, op: &Lstm) -> LstmForward<'a> {
        LstmForward {
            shape: self.shape,
            activation: activation(op.activation),
            recurrent_activation: activation(op.recurrent_activation),
            x: self.s.read(0),
            kernel: self.s.read(1),
            recurrent: self.s.read(2),
            bias: self.at.bias.map(|i| self.s.read(i)),
            h0: self.s.read(self.at.h0),
            c0: self.s.read(self.at.h0 + 1),
            recurrent_mask: self.at.mask.map(|i| self.s.read(i)),
            batch_sizes: self.sizes(),
            int8: None,
        }
    }

    /// W and R in eight bits, packed unless a run before has done so.
    ///
    /// # Safety
    /// As [`run`].
    unsafe fn lstm_int8(&self, args: &LstmForward<'a>) -> LstmInt8<'a> {
        let CellShape { features: f, units: u, .. } = self.shape;
        let n = [int8_len(f, 4 * u), int8_len(u, 4 * u)];
        // SAFETY: the memory kept for the call, in two parts.
        let [kernel, recurrent] = unsafe {
            [(0, n[0]), (n[0], n[1])].map(|(from, n)| {
                std::slice::from_raw_parts_mut(self.s.call.kept.cast::<u32>().add(from), n)
            })
        };
        if self.s.call.is_kept {
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

    /// # Safety
    /// As [`run`].
    unsafe fn lstm(&self, op: &Lstm) {
        let mut args = self.lstm_forward(op);
        if op.int8 {
            // SAFETY: the caller's promise.
            args.int8 = Some(unsafe { self.lstm_int8(&args) });
        }
        let (n, states) = (lstm_forward_scratch(self.shape), self.n_states());
        // SAFETY: three parts of the scratch, apart from each other.
        let [work, h_unread, c_unread] = unsafe {
            [(0, n), (n, states), (n + states, states)]
                .map(|(from, n)| scratch(self.s.call, from, n))
        };
        let mut out = LstmOutputs {
            h: self.s.write(0),
            c: self.s.write(1),
            gates: self.s.write(2),
            h_last: self.s.write(3).unwrap_or(h_unread),
            c_last: self.s.write(4).unwrap_or(c_unread),
        };
        lstm_forward(&args, &mut out, work);
        clear_rest(&mut out.h, args.batch_sizes, op.units);
    }

    /// # Safety
    /// As [`run`].
    unsafe fn lstm_grad(&self, op: &LstmGrad) {
        let saved = self.at.sizes + 1;
        let [dh, dh_last, dc_last] = self.flagged(saved + 3, [op.dh, op.dh_last, op.dc_last]);
        let forward = self.lstm_forward(&op.cell);
        let args = LstmBackward {
            forward,
            h: self.s.read(saved),
            c: self.s.read(saved + 1),
            gates: self.s.read(saved + 2),
            dh,
            dh_last,
            dc_last,
        };
        let [dx, dkernel, drecurrent, dbias, dh0, dc0] = std::array::from_fn(|i| self.s.write(i));
        let mut out = LstmGradients { dx, dkernel, drecurrent, dbias, dh0, dc0 };
        // SAFETY: the whole scratch of the call.
        lstm_backward(&args, &mut out, unsafe {
            scratch(self.s.call, 0, lstm_backward_scratch(self.shape))
        });
        clear_rest(&mut out.dx, args.forward.batch_sizes, self.shape.features);
    }

    fn gru_forward(&self, op: &Gru) -> GruForward<'a> {
        GruForward {
            shape: self.shape,
            activation: activation(op.activation),
            recurrent_activation: activation(op.recurrent_activation),
            reset_after: op.reset_after,
            x: self.s.read(0),
            kernel: self.s.read(1),
            recurrent: self.s.read(2),
            bias: self.at.bias.map(|i| self.s.read(i)),
            h0: self.s.read(self.at.h0),
            recurrent_mask: self.at.mask.map(|i| self.s.read(i)),
            batch_sizes: self.sizes(),
        }
    }

    /// # Safety
    /// As [`run`].
    unsafe fn gru(&self, op: &Gru) {
        let args = self.gru_forward(op);
        let n = gru_forward_scratch(self.shape);
        // SAFETY: two parts of the scratch, apart from each other.
        let [work, unread] = unsafe {
            [(0, n), (n, self.n_states())].map(|(from, n)| scratch(self.s.call, from, n))
        };
        let mut out = GruOutputs {
            h: self.s.write(0),
            gates: self.s.write(1),
            h_last: self.s.write(2).unwrap_or(unread),
        };
        gru_forward(&args, &mut out, work);
        clear_rest(&mut out.h, args.batch_sizes, op.units);
    }

    /// # Safety
    /// As [`run`].
    unsafe fn gru_grad(&self, op: &GruGrad) {
        let saved = self.at.sizes + 1;
        let [dh, dh_last] = self.flagged(saved + 2, [op.dh, op.dh_last]);
        let args = GruBackward {
            forward: self.gru_forward(&op.cell),
            h: self.s.read(saved),
            gates: self.s.read(saved + 1),
            dh,
            dh_last,
        };
        let [dx, dkernel, drecurrent, dbias, dh0] = std::array::from_fn(|i| self.s.write(i));
        let mut out = GruGradients { dx, dkernel, drecurrent, dbias, dh0 };
        // SAFETY: the whole scratch of the call.
        gru_backward(&args, &mut out, unsafe {
            scratch(self.s.call, 0, gru_backward_scratch(self.shape))
        });
        clear_rest(&mut out.dx, args.forward.batch_sizes, self.shape.features);
    }

    fn simple_rnn_forward(&self, op: &SimpleRnn) -> SimpleRnnForward<'a> {
        SimpleRnnForward {
            shape: self.shape,
            activation: activation(op.activation),
            x: self.s.read(0),
            kernel: self.s.read(1),
            recurrent: self.s.read(2),
            bias: self.at.bias.map(|i| self.s.read(i)),
            h0: self.s.read(self.at.h0),
            recurrent_mask: self.at.mask.map(|i| self.s.read(i)),
            batch_sizes: self.sizes(),
        }
    }

    /// # Safety
    /// As [`run`].
    unsafe fn simple_rnn(&self, op: &SimpleRnn) {
        let args = self.simple_rnn_forward(op);
        let n = simple_rnn_forward_scratch(self.shape);
        // SAFETY: two parts of the scratch, apart from each other.
        let [work, unread] = unsafe {
            [(0, n), (n, self.n_states())].map(|(from, n)| scratch(self.s.call, from, n))
        };
        let mut out =
            SimpleRnnOutputs { h: self.s.write(0), h_last: self.s.write(1).unwrap_or(unread) };
        simple_rnn_forward(&args, &mut out, work);
        clear_rest(&mut out.h, args.batch_sizes, op.units);
    }

    /// # Safety
    /// As [`run`].
    unsafe fn simple_rnn_grad(&self, op: &SimpleRnnGrad) {
        let saved = self.at.sizes + 1;
        let [dh, dh_last] = self.flagged(saved + 1, [op.dh, op.dh_last]);
        let args = SimpleRnnBackward {
            forward: self.simple_rnn_forward(&op.cell),
            h: self.s.read(saved),
            dh,
            dh_last,
        };
        let [dx, dkernel, drecurrent, dbias, dh0] = std::array::from_fn(|i| self.s.write(i));
        let mut out = SimpleRnnGradients { dx, dkernel, drecurrent, dbias, dh0 };
        // SAFETY: the whole scratch of the call.
        simple_rnn_backward(&args, &mut out, unsafe {
            scratch(self.s.call, 0, simple_rnn_backward_scratch(self.shape))
        });
        clear_rest(&mut out.dx, args.forward.batch_sizes, self.shape.features);
    }
}
