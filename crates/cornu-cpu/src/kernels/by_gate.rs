//! Recurrent dropout: a mask for each gate, so that the gates take products of states dropped each
//! in its own way.

use super::{
    operands::{Matmul, Right, Start, View, panels_len},
    simd::Simd,
    state_rows::Mask,
    weights::{Reads, right},
};

/// The masks (B, gates U) of a cell, whose weights have as many columns; null where nothing is
/// dropped.
#[derive(Clone, Copy)]
pub(crate) struct GateMasks {
    mask: *const f32,
    gates: usize,
    units: usize,
}

/// Elements of panels of the recurrent weights: all gates together, `depth` deep, or each gate
/// apart.
pub(crate) fn recurrent_panels_len(depth: usize, gates: usize, units: usize) -> usize {
    panels_len(depth, gates * units).max(gates * panels_len(units, units))
}

/// The same of their transpose.
pub(crate) fn transposed_panels_len(gates: usize, units: usize) -> usize {
    panels_len(gates * units, units).max(gates * panels_len(units, units))
}

/// Memory and weights for the product of the states of a step with the weights of one gate after
/// another.
#[derive(Clone, Copy)]
pub(crate) struct GateProducts {
    pub(crate) rows: usize,
    /// The weights of each gate, from [`GateMasks::pack`].
    pub(crate) weights: [Right; 4],
    /// (rows, U), for states as they are dropped or gradients before they are.
    pub(crate) between: *mut f32,
    /// `left_len(U)`
    pub(crate) left: *mut f32,
}

impl GateMasks {
    pub(crate) fn new(mask: Option<&[f32]>, gates: usize, units: usize) -> Self {
        GateMasks { mask: mask.map_or(core::ptr::null(), <[f32]>::as_ptr), gates, units }
    }

    /// Whether anything is dropped.
    pub(crate) fn is_some(self) -> bool {
        !self.mask.is_null()
    }

    fn of(self, gate: usize) -> *const f32 {
        self.mask.wrapping_add(gate * self.units)
    }

    fn ld(self) -> usize {
        self.gates * self.units
    }

    /// The weights (U, gates U) of each gate, or their transposes, packed where that pays.
    ///
    /// # Safety
    /// `weights` is readable for (U, gates U); `panels` is writable for `gates` times
    /// `panels_len(U, U)`, apart from the weights.
    pub(crate) unsafe fn pack<S: Simd>(
        self,
        s: S,
        weights: *const f32,
        transposed: bool,
        reads: Reads,
        panels: *mut f32,
    ) -> [Right; 4] {
        let u = self.units;
        let mut all = [Right::Panels(panels); 4];
        for gate in 0..self.gates {
            // SAFETY: the columns of a gate below `gates`, and the panels of that gate.
            unsafe {
                let columns = View::rows(weights.add(gate * u), self.ld());
                all[gate] = right(
                    s,
                    u,
                    u,
                    if transposed { columns.t() } else { columns },
                    reads,
                    panels.add(gate * panels_len(u, u)),
                );
            }
        }
        all
    }

    /// The sums of `gates` in rows of `ld` elements: what `starts` gives each, and the product of
    /// the states it takes.
    ///
    /// # Safety
    /// There are masks, readable for `by.rows` rows. `h` is readable for (rows, U), the first
    /// `gates` of `by.weights` for (U, U) and of `starts` for U; `sums` is writable for the gates'
    /// columns in rows of `ld`, and holds numbers if they are a start; `by.between` is writable for
    /// (rows, U) and `by.left` for `left_len(U)`. What is written lies apart from all else.
    pub(crate) unsafe fn sums<S: Simd>(
        self,
        s: S,
        by: GateProducts,
        gates: usize,
        h: *const f32,
        starts: [Start; 4],
        sums: *mut f32,
        ld: usize,
    ) {
        let u = self.units;
        for gate in 0..gates {
            // SAFETY: rows and columns of a gate below `gates`.
            unsafe {
                self.gate(gate).rows(by.rows, u, h, by.between);
                s.matmul(&Matmul {
                    m: by.rows,
                    n: u,
                    k: u,
                    a: View::rows(by.between, u),
                    b: by.weights[gate],
                    c: sums.add(gate * u),
                    ldc: ld,
                    start: starts[gate],
                    left: by.left,
                    from_end: false,
                });
            }
        }
    }

    /// Adds to `dh (rows, U)` what the gradients `dz` of the first `gates` sums, rows of `ld`
    /// elements, bring back.
    ///
    /// # Safety
    /// There are masks, readable for `by.rows` rows. `dz` is readable for the gates' columns in
    /// rows of `ld`, the first `gates` of `by.weights`, transposed ones, for (U, U); `dh` is
    /// readable and writable for (rows, U); `by.between` is writable for (rows, U) and `by.left`
    /// for `left_len(U)`. What is written lies apart from all else.
    pub(crate) unsafe fn back<S: Simd>(
        self,
        s: S,
        by: GateProducts,
        gates: usize,
        dz: *const f32,
        ld: usize,
        dh: *mut f32,
    ) {
        let u = self.units;
        for gate in 0..gates {
            // SAFETY: rows and columns of a gate below `gates`.
            unsafe {
                s.matmul(&Matmul {
                    m: by.rows,
                    n: u,
                    k: u,
                    a: View::rows(dz.add(gate * u), ld),
                    b: by.weights[gate],
                    c: by.between,
                    ldc: u,
                    start: Start::Zero,
                    left: by.left,
                    from_end: false,
                });
                self.gate(gate).add_rows(by.rows, u, by.between, dh);
            }
        }
    }

    /// The mask of a gate.
    pub(crate) fn gate(self, gate: usize) -> Mask {
        Mask { rows: if self.is_some() { self.of(gate) } else { self.mask }, ld: self.ld() }
    }
}
