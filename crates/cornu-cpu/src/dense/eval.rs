//! Operations run by the loops that define them.

use crate::call::Call;
use crate::kernel::{Kernel, Request};
use cornu_ir::tensor::Slice;
use cornu_ir::{View, ViewMut};

/// Runs any operation by its own `eval`.
#[derive(Debug)]
pub(crate) struct EvalKernel;

impl Kernel for EvalKernel {
    fn choose(_: &Request<'_>) -> Option<Self> {
        Some(EvalKernel)
    }

    unsafe fn run(&self, call: &mut Call<'_>) {
        // SAFETY: `Kernel::run` asks for the same; nothing is written over an input.
        unsafe { eval(call) }
    }
}

/// Values that most operations read or make at most: their views need no heap.
const N_VIEWS: usize = 16;

/// Runs an operation by the loops that define it.
///
/// # Safety
/// The call's addresses hold values of their shapes, and no output that is written lies over an
/// input or over another output; nothing else uses that memory meanwhile.
pub(super) unsafe fn eval(call: &Call<'_>) {
    let (n_ins, n_outs) = (call.ins.len(), call.outs.len());
    // SAFETY: addresses hold values of their shapes, and each output is taken once.
    unsafe {
        if n_ins <= N_VIEWS && n_outs <= N_VIEWS {
            let mut ins = [View { dims: &[], data: Slice::F32(&[]) }; N_VIEWS];
            let mut outs: [Option<ViewMut<'_>>; N_VIEWS] = [const { None }; N_VIEWS];
            (0..n_ins).for_each(|i| ins[i] = call.view(i));
            (0..n_outs).for_each(|i| outs[i] = call.view_mut(i));
            call.op.eval(&ins[..n_ins], &mut outs[..n_outs]);
        } else {
            let ins: Vec<View<'_>> = (0..n_ins).map(|i| call.view(i)).collect();
            let mut outs: Vec<Option<ViewMut<'_>>> =
                (0..n_outs).map(|i| call.view_mut(i)).collect();
            call.op.eval(&ins, &mut outs);
        }
    }
}
