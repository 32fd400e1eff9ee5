//! When an LSTM of few units goes through its timesteps with rows in the lanes of registers, and
//! the memory that takes.

use crate::kernels::{lanes, packed_steps::live, scratch::Scratch, shape::CellShape};

/// Whether sequences of these sizes go through the cell in lanes.
#[inline(always)]
pub(super) fn serves(shape: CellShape, sizes: &[i32]) -> bool {
    lanes::fits(shape.features, shape.units, 4 * shape.units) && lanes::fills(live(sizes, 0))
}

/// Elements of scratch of the forward pass.
pub(super) fn forward_scratch(shape: CellShape) -> usize {
    let CellShape { features: f, units: u, .. } = shape;
    if lanes::fits(f, u, 4 * u) { (f + 15 * u) * lanes::WIDEST + 64 } else { 0 }
}

/// Elements of scratch of the backward pass.
pub(super) fn backward_scratch(shape: CellShape) -> usize {
    let CellShape { features: f, units: u, .. } = shape;
    if lanes::fits(f, u, 4 * u) {
        (2 * f + 19 * u + (f + u + 1) * 4 * u) * lanes::WIDEST + 64
    } else {
        0
    }
}

/// Hands out tiles of registers.
pub(super) struct Tiles {
    pub(super) scratch: Scratch,
    pub(super) lanes: usize,
}

impl Tiles {
    #[inline]
    pub(super) fn take(&mut self, columns: usize) -> *mut f32 {
        self.scratch.take((columns * self.lanes).next_multiple_of(16))
    }
}

/// Live rows of a timestep among the `LANES` rows from `first` on.
#[inline(always)]
pub(super) fn live_in(sizes: &[i32], t: usize, first: usize, lanes: usize) -> usize {
    live(sizes, t).saturating_sub(first).min(lanes)
}
