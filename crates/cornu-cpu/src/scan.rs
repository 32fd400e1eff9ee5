//! A scan: its body, run once a timestep with moving addresses.

use crate::body::Body;
use crate::call::Call;
use crate::kernel::{Kernel, Request};
use cornu_ir::Op;
use cornu_ir::plan::ALIGN_BYTES;

/// A scan whose body is laid out.
#[derive(Debug)]
pub(crate) struct ScanKernel {
    body: Box<dyn Body>,
    n_constants: usize,
    n_carries: usize,
    n_steps: usize,
    reverse: bool,
    /// Bytes of the inputs and of the outputs of the body.
    input_bytes: Vec<usize>,
    output_bytes: Vec<usize>,
    /// Two buffers a carry in the scratch, by carry.
    carries: Vec<[usize; 2]>,
    /// A buffer for each kept output, where the row goes if nothing reads it.
    unread: Vec<usize>,
    scratch_bytes: usize,
}

impl Kernel for ScanKernel {
    fn choose(request: &Request<'_>) -> Option<Self> {
        let Op::Scan(scan) = request.op() else { return None };
        let body = (request.lay_out)((*scan.body).clone());
        let input_bytes = (0..scan.body.inputs.len()).map(|i| body.input_bytes(i)).collect();
        let output_bytes: Vec<usize> =
            (0..scan.body.outputs.len()).map(|i| body.output_bytes(i)).collect();
        // The body's arena is the start of the scratch.
        let mut end = body.arena_bytes().next_multiple_of(ALIGN_BYTES);
        let mut take = |bytes: usize| {
            end += bytes.next_multiple_of(ALIGN_BYTES);
            end - bytes.next_multiple_of(ALIGN_BYTES)
        };
        let (carried, kept) = output_bytes.split_at(scan.n_carries);
        let carries = carried.iter().map(|&n| [0; 2].map(|_: usize| take(n))).collect();
        let unread = kept.iter().map(|&n| take(n)).collect();
        Some(ScanKernel {
            n_constants: scan.n_constants,
            n_carries: scan.n_carries,
            n_steps: scan.steps.expect("a concrete graph"),
            reverse: scan.reverse,
            input_bytes,
            output_bytes,
            carries,
            unread,
            scratch_bytes: end,
            body,
        })
    }

    fn scratch_bytes(&self) -> usize {
        self.scratch_bytes
    }

    fn body(&self) -> Option<&dyn Body> {
        Some(&*self.body)
    }

    unsafe fn run(&self, call: &mut Call<'_>) {
        let body = call.body.take().expect("a scan is called with a run of its body");
        let (n_c, n_s) = (self.n_constants, self.n_carries);
        (0..n_c).for_each(|i| body.set_input(i, call.in_address(i)));
        if self.n_steps == 0 {
            for i in 0..n_s {
                let to = call.out_address(i);
                if !to.is_null() {
                    let bytes = call.out_shape(i).bytes();
                    // SAFETY: a carry leaves as it came, in the same shape and in memory of its
                    // own.
                    unsafe { std::ptr::copy_nonoverlapping(call.in_address(n_c + i), to, bytes) }
                }
            }
        }
        for step in 0..self.n_steps {
            let t = if self.reverse { self.n_steps - 1 - step } else { step };
            for (i, buffers) in self.carries.iter().enumerate() {
                let from = if step == 0 {
                    call.in_address(n_c + i)
                } else {
                    call.scratch.wrapping_add(buffers[step % 2]).cast_const()
                };
                body.set_input(n_c + i, from);
                let is_last = step + 1 == self.n_steps;
                let last = if is_last { call.out_address(i) } else { std::ptr::null_mut() };
                let between = call.scratch.wrapping_add(buffers[(step + 1) % 2]);
                body.set_output(i, if last.is_null() { between } else { last });
            }
            for i in n_c + n_s..call.ins.len() {
                body.set_input(i, call.in_address(i).wrapping_add(t * self.input_bytes[i]));
            }
            for (k, unread) in self.unread.iter().enumerate() {
                let (i, to) = (n_s + k, call.out_address(n_s + k));
                let row = if to.is_null() {
                    call.scratch.wrapping_add(*unread)
                } else {
                    to.wrapping_add(t * self.output_bytes[i])
                };
                body.set_output(i, row);
            }
            // SAFETY: rows of time are of the body's shapes, carries alternate between two buffers
            // of the scratch behind the body's arena, so that no output lies over an input; the
            // call alone uses the run.
            unsafe { body.run() }
        }
    }
}
