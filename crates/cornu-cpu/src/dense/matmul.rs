//! Matrix products.
//!
//! Every element is one chain of fused multiply-adds over the summed axis, so its bits depend on its row and its column
//! alone: a row of a prediction is the same in every batch.

use crate::kernel::{Call, Shape};
use crate::kernels::matmul::{Matmul, Right, Start, View, left_len, panels_len};
use crate::kernels::table::table;
use cornu_ir::ops::{MatMul, MatMulDims};

/// Rows from which copying the right side into panels pays.
const PACK_ROWS: usize = 8;

/// A product of two values of one rank.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MatMulKernel {
    dims: MatMulDims,
    transpose_a: bool,
    transpose_b: bool,
    pack: bool,
}

impl MatMulKernel {
    pub(crate) fn new(op: &MatMul, a: &Shape, b: &Shape) -> MatMulKernel {
        let dims = op.dims(&a.dims, &b.dims);
        // A right side that lies in rows may be read where it is; packing gives the same bits.
        let pack = op.transpose_b || dims.m >= PACK_ROWS;
        MatMulKernel { dims, transpose_a: op.transpose_a, transpose_b: op.transpose_b, pack }
    }

    pub(crate) fn scratch_bytes(&self) -> usize {
        let panels = if self.pack { panels_len(self.dims.k, self.dims.n) } else { 0 };
        4 * (panels + left_len(self.dims.k))
    }

    /// # Safety
    /// The call is of a product of f32, its addresses hold values of their shapes, the output lies over no input, and the
    /// scratch is as large as said.
    pub(crate) unsafe fn run(&self, call: &Call<'_>) {
        let MatMulDims { batch, m, n, k } = self.dims;
        let (a, b, c) = (call.in_address(0).cast::<f32>(), call.in_address(1).cast::<f32>(), call.out_address(0).cast::<f32>());
        let left = call.scratch.cast::<f32>();
        let kernels = table();
        // SAFETY: matrices follow one another in their values; the kernels are of a tier that this CPU has.
        unsafe {
            let panels = left.add(left_len(k));
            for p in 0..batch {
                let (a, b) = (a.add(p * m * k), b.add(p * k * n));
                let rows = if self.transpose_b { View::rows(b, k).t() } else { View::rows(b, n) };
                if self.pack {
                    (kernels.pack)(k, n, rows, panels);
                }
                (kernels.matmul)(&Matmul {
                    m,
                    n,
                    k,
                    a: if self.transpose_a { View::rows(a, m).t() } else { View::rows(a, k) },
                    b: if self.pack { Right::Panels(panels) } else { Right::Rows { ptr: b, ld: n } },
                    c: c.add(p * m * n),
                    ldc: n,
                    start: Start::Zero,
                    left,
                });
            }
        }
    }
}
