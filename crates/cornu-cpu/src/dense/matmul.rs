//! Matrix products.
//!
//! Every element is one chain of fused multiply-adds over the summed axis, so its bits depend on its row and its column
//! alone: a row of a prediction is the same in every batch.

use crate::kernel::{Call, Shape};
use crate::kernels::product::{Operand, Product, ProductStart, product, product_scratch};
use cornu_ir::ops::{MatMul, MatMulDims};

/// A product of two values of one rank.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MatMulKernel {
    dims: MatMulDims,
    transpose_a: bool,
    transpose_b: bool,
}

impl MatMulKernel {
    pub(crate) fn new(op: &MatMul, a: &Shape, b: &Shape) -> MatMulKernel {
        let dims = op.dims(&a.dims, &b.dims);
        MatMulKernel { dims, transpose_a: op.transpose_a, transpose_b: op.transpose_b }
    }

    pub(crate) fn scratch_bytes(&self) -> usize {
        4 * product_scratch(self.dims.n, self.dims.k)
    }

    /// # Safety
    /// The call is of a product of f32, its addresses hold values of their shapes, the output lies over no input, and the
    /// scratch is as large as said.
    pub(crate) unsafe fn run(&self, call: &Call<'_>) {
        let MatMulDims { batch, m, n, k } = self.dims;
        // SAFETY: the caller's promise.
        let (a, b, c, scratch) = unsafe {
            (
                core::slice::from_raw_parts(call.in_address(0).cast::<f32>(), batch * m * k),
                core::slice::from_raw_parts(call.in_address(1).cast::<f32>(), batch * k * n),
                core::slice::from_raw_parts_mut(call.out_address(0).cast::<f32>(), batch * m * n),
                core::slice::from_raw_parts_mut(call.scratch.cast::<f32>(), product_scratch(n, k)),
            )
        };
        let operand = |data, turned: bool, rows: usize, columns: usize| {
            if turned { Operand::transposed(data, rows) } else { Operand::rows(data, columns) }
        };
        for p in 0..batch {
            let job = Product {
                m,
                n,
                k,
                a: operand(&a[p * m * k..(p + 1) * m * k], self.transpose_a, m, k),
                b: operand(&b[p * k * n..(p + 1) * k * n], self.transpose_b, k, n),
                start: ProductStart::Zero,
            };
            product(&job, &mut c[p * m * n..(p + 1) * m * n], scratch);
        }
    }
}
