//! A scan: the plan of its body, run once a timestep with moving addresses.

use crate::frame::{Frame, Layout};
use crate::kernel::Call;
use cornu_ir::Scan;
use cornu_ir::plan::{ALIGN_BYTES, OutputPlace};

/// The body of a scan laid out.
#[derive(Debug)]
pub(crate) struct ScanKernel {
    body: Layout,
    n_constants: usize,
    n_carries: usize,
    n_steps: usize,
    reverse: bool,
    /// Two buffers a carry in the scratch, by carry.
    carries: Vec<[usize; 2]>,
    /// A buffer for each kept output, where the row goes if nothing reads it.
    unread: Vec<usize>,
    scratch_bytes: usize,
}

impl ScanKernel {
    pub(crate) fn new(scan: &Scan) -> ScanKernel {
        let body =
            Layout::new((*scan.body).clone(), &vec![OutputPlace::Own; scan.body.outputs.len()]);
        let mut end = body.plan.arena_bytes.next_multiple_of(ALIGN_BYTES);
        let mut take = |bytes: usize| {
            end += bytes.next_multiple_of(ALIGN_BYTES);
            end - bytes.next_multiple_of(ALIGN_BYTES)
        };
        let n_carries = scan.n_carries;
        let carries =
            (0..n_carries).map(|i| [0; 2].map(|_: usize| take(body.output(i).bytes()))).collect();
        let unread =
            (n_carries..scan.body.outputs.len()).map(|i| take(body.output(i).bytes())).collect();
        ScanKernel {
            n_constants: scan.n_constants,
            n_carries,
            n_steps: scan.steps.expect("a concrete graph"),
            reverse: scan.reverse,
            carries,
            unread,
            scratch_bytes: end,
            body,
        }
    }

    pub(crate) fn scratch_bytes(&self) -> usize {
        self.scratch_bytes
    }

    /// The layout of the body, whose arena is the start of the scratch.
    pub(crate) fn body(&self) -> &Layout {
        &self.body
    }

    /// # Safety
    /// The call's addresses hold values of their shapes, no output lies over an input, and `frame`
    /// was made for this scratch.
    pub(crate) unsafe fn run(&self, call: &Call<'_>, frame: &mut Frame) {
        let (n_c, n_s) = (self.n_constants, self.n_carries);
        let n_ins = call.ins.len();
        let body = &self.body;
        (0..n_c).for_each(|i| frame.set_input(body, i, call.in_address(i)));
        if self.n_steps == 0 {
            for i in 0..n_s {
                let to = call.out_address(i);
                if !to.is_null() {
                    // SAFETY: a carry leaves as it came, in the same shape.
                    unsafe {
                        std::ptr::copy_nonoverlapping(
                            call.in_address(n_c + i),
                            to,
                            call.out_shape(i).bytes(),
                        )
                    }
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
                frame.set_input(body, n_c + i, from);
                let last = if step + 1 == self.n_steps {
                    call.out_address(i)
                } else {
                    std::ptr::null_mut()
                };
                frame.set_output(
                    body,
                    i,
                    if last.is_null() {
                        call.scratch.wrapping_add(buffers[(step + 1) % 2])
                    } else {
                        last
                    },
                );
            }
            for i in n_c + n_s..n_ins {
                frame.set_input(
                    body,
                    i,
                    call.in_address(i).wrapping_add(t * body.input(i).bytes()),
                );
            }
            for (k, unread) in self.unread.iter().enumerate() {
                let (i, to) = (n_s + k, call.out_address(n_s + k));
                frame.set_output(
                    body,
                    i,
                    if to.is_null() {
                        call.scratch.wrapping_add(*unread)
                    } else {
                        to.wrapping_add(t * body.output(i).bytes())
                    },
                );
            }
            // SAFETY: rows of time are of the body's shapes, carries alternate between two buffers,
            // so that no output lies over an input; only this call uses the frame.
            unsafe {
                frame.run(body, 0..body.steps.len(), None);
                frame.copy_outputs(body);
            }
        }
    }
}
