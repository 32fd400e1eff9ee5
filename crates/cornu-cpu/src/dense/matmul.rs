//! Matrix products.

use crate::call::Call;
use crate::kernel::{Kernel, Request};
use crate::kernels::product::{Operand, Product, ProductStart, product, product_scratch};
use cornu_ir::Op;
use cornu_ir::ops::MatMulDims;
use std::slice::{from_raw_parts, from_raw_parts_mut};

/// A product of two values of one rank, matrix by matrix of their last two axes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MatMulKernel {
    dims: MatMulDims,
    transpose_a: bool,
    transpose_b: bool,
}

impl MatMulKernel {
    fn scratch_elements(&self) -> usize {
        product_scratch(self.dims.n, self.dims.k)
    }
}

impl Kernel for MatMulKernel {
    fn choose(request: &Request<'_>) -> Option<Self> {
        let Op::MatMul(op) = request.op() else { return None };
        request.is_f32().then(|| MatMulKernel {
            dims: op.dims(&request.in_shape(0).dims, &request.in_shape(1).dims),
            transpose_a: op.transpose_a,
            transpose_b: op.transpose_b,
        })
    }

    fn scratch_bytes(&self) -> usize {
        4 * self.scratch_elements()
    }

    unsafe fn run(&self, call: &mut Call<'_>) {
        let MatMulDims { batch, m, n, k } = self.dims;
        // SAFETY: `Kernel::run` asks that addresses hold values of their shapes, which are those of
        // the product, and that the output and the scratch are for the call alone.
        let (a, b, c, scratch) = unsafe {
            (
                from_raw_parts(call.in_address(0).cast::<f32>(), batch * m * k),
                from_raw_parts(call.in_address(1).cast::<f32>(), batch * k * n),
                from_raw_parts_mut(call.out_address(0).cast::<f32>(), batch * m * n),
                from_raw_parts_mut(call.scratch.cast::<f32>(), self.scratch_elements()),
            )
        };
        for p in 0..batch {
            let (a, b) = (&a[p * m * k..(p + 1) * m * k], &b[p * k * n..(p + 1) * k * n]);
            let job = Product {
                m,
                n,
                k,
                a: if self.transpose_a { Operand::transposed(a, m) } else { Operand::rows(a, k) },
                b: if self.transpose_b { Operand::transposed(b, k) } else { Operand::rows(b, n) },
                start: ProductStart::Zero,
            };
            product(&job, &mut c[p * m * n..(p + 1) * m * n], scratch);
        }
    }
}
