//! The masks of dropout inside a cell.

use super::context::Cx;
use cornu_ir::builder::concat;
use cornu_ir::{Dim, Var};

/// Factors of dropout in one cell: one mask for all gates, (B, …) as the dropped value, or one for
/// each of G gates, (B, G, …).
#[derive(Clone, Copy, Debug, Default)]
pub struct Dropped<'g> {
    /// Factors of the step's input.
    pub input: Option<Var<'g>>,
    /// Factors of the state before the recurrent products.
    pub recurrent: Option<Var<'g>>,
}

impl<'g> Dropped<'g> {
    /// Draws masks for an input and a state at rates in 0..1; at 0 and 1 nothing is dropped.
    pub fn draw(cx: &Cx<'g>, input: (f64, &[Dim]), recurrent: (f64, &[Dim])) -> Self {
        let [input, recurrent] = [input, recurrent]
            .map(|(rate, dims)| (rate > 0.0 && rate < 1.0).then(|| cx.dropout_mask(rate, dims)));
        Self { input, recurrent }
    }

    /// Draws masks for each of `n_gates` gates.
    pub fn draw_by_gate(
        cx: &Cx<'g>,
        n_gates: usize,
        input: (f64, &[Dim]),
        recurrent: (f64, &[Dim]),
    ) -> Self {
        let by_gate = |dims: &[Dim]| [&dims[..1], &[Some(n_gates)], &dims[1..]].concat();
        Self::draw(cx, (input.0, &by_gate(input.1)), (recurrent.0, &by_gate(recurrent.1)))
    }

    /// Applies dropout to the input, with one mask for all gates.
    pub fn input(&self, x: Var<'g>) -> Var<'g> {
        self.input.map_or(x, |m| x * m)
    }

    /// Applies dropout to the state, with one mask for all gates.
    pub fn state(&self, h: Var<'g>) -> Var<'g> {
        self.recurrent.map_or(h, |m| h * m)
    }

    /// Applies dropout to the state, with the mask of gate k.
    pub fn state_of_gate(&self, h: Var<'g>, k: usize) -> Var<'g> {
        dropped_for(self.recurrent, h, k)
    }

    /// Returns the products of the input with the columns of all gates, `units` each, side by side.
    pub fn input_by_gates(
        &self,
        x: Var<'g>,
        w: Var<'g>,
        units: usize,
        product: impl Fn(Var<'g>, Var<'g>) -> Var<'g>,
    ) -> Var<'g> {
        by_gates(self.input, x, w, units, product)
    }

    /// Returns the products of the state with the columns of all gates, `units` each, side by side.
    pub fn state_by_gates(
        &self,
        h: Var<'g>,
        w: Var<'g>,
        units: usize,
        product: impl Fn(Var<'g>, Var<'g>) -> Var<'g>,
    ) -> Var<'g> {
        by_gates(self.recurrent, h, w, units, product)
    }
}

/// Applies the mask of gate k to a value.
fn dropped_for<'g>(mask: Option<Var<'g>>, v: Var<'g>, k: usize) -> Var<'g> {
    mask.map_or(v, |m| v * if m.rank() == v.rank() { m } else { m.index(1, k) })
}

/// One product if all gates share the mask, otherwise one for each gate that `w` has columns of.
fn by_gates<'g>(
    mask: Option<Var<'g>>,
    v: Var<'g>,
    w: Var<'g>,
    units: usize,
    product: impl Fn(Var<'g>, Var<'g>) -> Var<'g>,
) -> Var<'g> {
    if mask.is_none_or(|m| m.rank() == v.rank()) {
        return product(dropped_for(mask, v, 0), w);
    }
    let n_gates = w.dim(-1).map_or(0, |columns| columns / units);
    let each: Vec<Var<'g>> = (0..n_gates)
        .map(|k| product(dropped_for(mask, v, k), w.slice(-1, k * units, (k + 1) * units)))
        .collect();
    concat(&each, -1)
}
