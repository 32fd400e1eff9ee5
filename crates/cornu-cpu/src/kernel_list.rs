//! The one list of kernels.

use crate::kernel::{Kernel, Request};
use crate::{dense, recurrent, scan};

/// A kind of kernel: makes one for a node that it runs.
type Choose = fn(&Request<'_>) -> Option<Box<dyn Kernel>>;

/// The kinds of kernels in the order in which they are asked. The last one runs every node.
const KERNELS: &[Choose] = &[
    kind::<dense::fused::FusedKernel>,
    kind::<dense::matmul::MatMulKernel>,
    kind::<dense::reduce::ReduceKernel>,
    kind::<dense::strided::StridedKernel>,
    kind::<recurrent::lstm::LstmKernel>,
    kind::<recurrent::lstm::LstmGradKernel>,
    kind::<recurrent::gru::GruKernel>,
    kind::<recurrent::gru::GruGradKernel>,
    kind::<recurrent::simple_rnn::SimpleRnnKernel>,
    kind::<recurrent::simple_rnn::SimpleRnnGradKernel>,
    kind::<dense::mask_layout::MaskLayoutKernel>,
    kind::<scan::ScanKernel>,
    kind::<dense::cross_sum::CrossSumKernel>,
    kind::<dense::eval::EvalKernel>,
];

fn kind<K: Kernel + 'static>(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    K::choose(request).map(|k| Box::new(k) as Box<dyn Kernel>)
}

/// The kernel for a node of a concrete graph: of the first kind that runs it.
pub(crate) fn choose(request: &Request<'_>) -> Box<dyn Kernel> {
    KERNELS.iter().find_map(|kind| kind(request)).expect("the last kind runs every node")
}
