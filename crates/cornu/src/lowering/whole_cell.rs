//! Cells with a primitive that runs all timesteps at once.

use super::weights::Weights;
use cornu_ir::Var;
use cornu_ir::builder::concat;

/// A cell with a primitive for all timesteps of packed rows.
pub trait WholeCell {
    /// The outputs (N, U) and the last states (B, U).
    fn run<'g>(&self, w: &Weights<'g>, run: &WholeRun<'g>) -> (Var<'g>, Vec<Var<'g>>);
}

/// The sequences of a batch, in packed order.
pub struct WholeRun<'g> {
    /// (N, F), or (N, G F) where each of G gates has the input dropped in its own way.
    pub rows: Var<'g>,
    /// Whether the rows are such.
    pub input_by_gate: bool,
    /// (T), i32.
    pub batch_sizes: Var<'g>,
    /// The first states (B, U).
    pub first: Vec<Var<'g>>,
    /// (B, U), or (B, G U) of G gates: multiplies the state before the recurrent product of each.
    pub recurrent_mask: Option<Var<'g>>,
    /// Whether weights have eight bits, for cells that take them so.
    pub int8: bool,
}

impl<'g> WholeRun<'g> {
    /// The kernel (F, G U) of G gates as the rows take it: where each gate has its own input, its
    /// columns meet that alone.
    pub fn kernel(&self, kernel: Var<'g>, n_gates: usize) -> Var<'g> {
        if !self.input_by_gate {
            return kernel;
        }
        let u = kernel.dim(-1).map_or(0, |columns| columns / n_gates);
        let of_gate = |k: usize| {
            kernel.slice(-1, k * u, (k + 1) * u).pad(-1, k * u, (n_gates - 1 - k) * u, 0.0)
        };
        concat(&(0..n_gates).map(of_gate).collect::<Vec<_>>(), 0)
    }
}
