//! Cells with a primitive that runs all timesteps at once.

use super::weights::Weights;
use cornu_ir::Var;
use cornu_ir::builder::concat;

/// Trait of cells with one operation for all timesteps of packed rows.
pub trait WholeCell {
    /// Returns the outputs (N, U) and the last states (B, U).
    fn run<'g>(&self, w: &Weights<'g>, run: &WholeRun<'g>) -> (Var<'g>, Vec<Var<'g>>);
}

/// Inputs of a [`WholeCell`]: the sequences of a batch in packed rows.
pub struct WholeRun<'g> {
    /// Input rows (N, F), or (N, G F) if each of G gates has its own dropout mask.
    pub rows: Var<'g>,
    /// True if `rows` holds one input per gate.
    pub input_by_gate: bool,
    /// i32 (T): live sequences at each timestep.
    pub batch_sizes: Var<'g>,
    /// Initial states (B, U).
    pub first: Vec<Var<'g>>,
    /// (B, U), or (B, G U) of G gates: multiplies the state before the recurrent product of each.
    pub recurrent_mask: Option<Var<'g>>,
    /// True if weights have eight bits, for cells that can compute with them.
    pub int8: bool,
}

impl<'g> WholeRun<'g> {
    /// Returns the kernel (F, G U) of G gates for these rows. If each gate has its own input, the
    /// columns of a gate are 0 for the inputs of the others.
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
