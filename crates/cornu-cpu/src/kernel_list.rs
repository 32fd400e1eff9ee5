//! The one list of kernels.

use crate::dense::cross_sum::CrossSumKernel;
use crate::dense::eval::EvalKernel;
use crate::dense::fused::FusedKernel;
use crate::dense::mask_layout::MaskLayoutKernel;
use crate::dense::matmul::MatMulKernel;
use crate::dense::reduce::ReduceKernel;
use crate::dense::strided::StridedKernel;
use crate::kernel::{Kernel, Request};
use crate::recurrent::gru::{GruGradKernel, GruKernel};
use crate::recurrent::lstm::{LstmGradKernel, LstmKernel};
use crate::recurrent::simple_rnn::{SimpleRnnGradKernel, SimpleRnnKernel};
use crate::scan::ScanKernel;

/// A kind of kernel: makes one for a node that it runs.
type Choose = fn(&Request<'_>) -> Option<Box<dyn Kernel>>;

/// The kinds of kernels in the order in which they are asked. The last one runs every node.
const KERNELS: &[Choose] = &[
    kind::<FusedKernel>,
    kind::<MatMulKernel>,
    kind::<ReduceKernel>,
    kind::<StridedKernel>,
    kind::<LstmKernel>,
    kind::<LstmGradKernel>,
    kind::<GruKernel>,
    kind::<GruGradKernel>,
    kind::<SimpleRnnKernel>,
    kind::<SimpleRnnGradKernel>,
    kind::<MaskLayoutKernel>,
    kind::<ScanKernel>,
    kind::<CrossSumKernel>,
    kind::<EvalKernel>,
];

fn kind<K: Kernel + 'static>(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    K::choose(request).map(|k| Box::new(k) as Box<dyn Kernel>)
}

/// The kernel for a node of a concrete graph: of the first kind that runs it.
pub(crate) fn choose(request: &Request<'_>) -> Box<dyn Kernel> {
    KERNELS.iter().find_map(|kind| kind(request)).expect("the last kind runs every node")
}
