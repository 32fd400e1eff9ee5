//! The packed layout of a mask, in scratch memory.

use crate::call::Call;
use crate::kernel::{Kernel, Request};
use cornu_ir::Op;
use cornu_ir::ops::MaskLayout;
use std::slice::{from_raw_parts, from_raw_parts_mut};

/// The layout of a mask (B, T).
#[derive(Debug)]
pub(crate) struct MaskLayoutKernel {
    op: MaskLayout,
    batch: usize,
    timesteps: usize,
}

impl MaskLayoutKernel {
    fn scratch_elements(&self) -> usize {
        3 * self.batch + 2 * (self.timesteps + 2)
    }
}

impl Kernel for MaskLayoutKernel {
    fn choose(request: &Request<'_>) -> Option<Self> {
        let Op::MaskLayout(op) = request.op() else { return None };
        let [batch, timesteps] = request.in_shape(0).dims[..] else {
            unreachable!("a mask (B, T)")
        };
        Some(MaskLayoutKernel { op: op.clone(), batch, timesteps })
    }

    fn scratch_bytes(&self) -> usize {
        4 * self.scratch_elements()
    }

    unsafe fn run(&self, call: &mut Call<'_>) {
        // SAFETY: `Kernel::run` asks that the mask's address holds (B, T) bytes and that the
        // scratch is for the call alone.
        let (mask, scratch) = unsafe {
            (
                from_raw_parts(call.in_address(0), self.batch * self.timesteps),
                from_raw_parts_mut(call.scratch.cast::<i32>(), self.scratch_elements()),
            )
        };
        let outputs = std::array::from_fn(|i| {
            let at = call.out_address(i).cast::<i32>();
            // SAFETY: outputs that are read are i32 and lie apart from each other and from the
            // mask; each is taken once.
            (!at.is_null()).then(|| unsafe { from_raw_parts_mut(at, call.out_shape(i).n) })
        });
        lay_out(&self.op, self.batch, self.timesteps, mask, scratch, outputs);
    }
}

/// Writes the outputs that are read: rows, batch sizes, order, places, last.
fn lay_out(
    op: &MaskLayout,
    b: usize,
    t: usize,
    mask: &[u8],
    scratch: &mut [i32],
    outputs: [Option<&mut [i32]>; 5],
) {
    let [rows, sizes_out, order_out, places_out, last] = outputs;
    scratch.fill(0);
    let (lengths, rest) = scratch.split_at_mut(b);
    let (order, rest) = rest.split_at_mut(b);
    let (places, rest) = rest.split_at_mut(b);
    let (longer, starts) = rest.split_at_mut(t + 2);
    let at = |row: usize, k: usize| row * t + if op.reverse { t - 1 - k } else { k };
    for row in 0..b {
        lengths[row] = mask[row * t..(row + 1) * t].iter().map(|&m| i32::from(m != 0)).sum();
        longer[lengths[row] as usize] += 1;
    }
    // From the number of each length to the number of that length or more; `longer[k + 1]`
    // sequences are alive at step k.
    for k in (0..=t).rev() {
        longer[k] += longer[k + 1];
    }
    for k in 0..t {
        starts[k + 1] = starts[k] + longer[k + 1];
    }
    if let Some(sizes) = sizes_out {
        sizes.copy_from_slice(&longer[1..t + 1]);
    }
    // Longest first, equal ones in their order: a row stands behind all that are longer and the
    // equal ones before it.
    for row in 0..b {
        let n = lengths[row] as usize;
        places[row] = longer[n + 1];
        order[places[row] as usize] = row as i32;
        longer[n + 1] += 1;
    }
    if let Some(out) = order_out {
        out.copy_from_slice(order);
    }
    if let Some(out) = places_out {
        out.copy_from_slice(places);
    }
    if let Some(out) = rows {
        out.fill(-1);
        for row in 0..b {
            let live = (0..t).map(|k| at(row, k)).filter(|&p| mask[p] != 0);
            live.enumerate().for_each(|(k, p)| out[(starts[k] + places[row]) as usize] = p as i32);
        }
    }
    if let Some(out) = last {
        for row in 0..b {
            let (mut k, mut held) = (0, -1);
            for p in (0..t).map(|step| at(row, step)) {
                let alive = mask[p] != 0;
                if alive {
                    held = starts[k] + places[row];
                    k += 1;
                }
                out[p] = if alive || !op.zero_masked { held } else { -1 };
            }
        }
    }
}
