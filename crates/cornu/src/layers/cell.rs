//! Cells: what a recurrent layer does at one timestep.

use super::{Arg, Call, Cx, Flow, Layer, LayerRef, MaskRule, WeightTree, Weights};
use crate::{Error, Result};
use cornu_ir::builder::concat;
use cornu_ir::{Dim, Spec, Var};
use serde_json::Value;

/// One step of a recurrence. [`Rnn`](super::Rnn) runs it over time; a cell of your own needs the
/// first five methods.
///
/// A cell is a [`Layer`] too, as in Keras: called on `[x, state, …]` it does one step.
///
/// # Shapes
/// x (B, …) is one timestep of the sequence, a state (B, …).
pub trait Cell: std::fmt::Debug + Send + Sync {
    /// Class, in Keras's word: `GRUCell`.
    fn class(&self) -> &'static str;

    /// Settings under Keras's keys, but for name, trainable and dtype.
    fn config(&self) -> Value;

    /// The weights for steps of this shape.
    fn weights(&self, x: &Spec) -> Result<WeightTree>;

    /// Dims of each state, without the batch.
    fn state_dims(&self, x: &Spec) -> Result<Vec<Vec<Dim>>>;

    /// The step: the output and the next states. `dropped` has an entry for each of
    /// [`Cell::n_dropped`].
    fn step<'g>(
        &self,
        w: &Weights<'g>,
        dropped: &[Dropped<'g>],
        x: Var<'g>,
        states: &[Var<'g>],
    ) -> Result<(Var<'g>, Vec<Var<'g>>)>;

    /// Dims of the output, without the batch.
    fn output_dims(&self, x: &Spec) -> Result<Vec<Dim>> {
        self.state_dims(x)?
            .into_iter()
            .next()
            .ok_or_else(|| Error::argument("", "a cell needs a state", "none"))
    }

    /// The state that stands for the output where a timestep is masked.
    fn output_state(&self, _: &Spec) -> Result<usize> {
        Ok(0)
    }

    /// Axes of a step, batch first.
    fn step_rank(&self) -> usize {
        2
    }

    /// The masks of dropout for the steps of a batch in training, the same at every timestep.
    fn draw<'g>(&self, _: &Cx<'g>, _: &Spec) -> Result<Vec<Dropped<'g>>> {
        Ok(vec![Dropped::default(); self.n_dropped()])
    }

    /// How many cells with dropout of their own it is made of.
    fn n_dropped(&self) -> usize {
        1
    }

    /// The primitive that does all timesteps at once, when there is one for these settings.
    fn whole(&self) -> Option<&dyn WholeCell> {
        None
    }

    /// The cells inside: attribute and cell.
    fn inner(&self) -> Vec<(&'static str, &LayerRef)> {
        vec![]
    }

    /// Where Keras keeps the class.
    fn module(&self) -> &'static str {
        "keras.layers"
    }

    /// Keras's registered name, for classes outside `keras.layers`.
    fn registered_name(&self) -> Option<&'static str> {
        None
    }
}

/// What dropout multiplies by in one cell: one mask for all gates, (B, …) as what it drops, or one
/// for each of G gates, (B, G, …).
#[derive(Clone, Copy, Debug, Default)]
pub struct Dropped<'g> {
    /// The step's input.
    pub input: Option<Var<'g>>,
    /// The state before the recurrent products.
    pub recurrent: Option<Var<'g>>,
}

impl<'g> Dropped<'g> {
    /// Masks for an input and a state at rates in 0..1; at 0 and 1 nothing is dropped.
    pub fn draw(cx: &Cx<'g>, input: (f64, &[Dim]), recurrent: (f64, &[Dim])) -> Self {
        let [input, recurrent] = [input, recurrent]
            .map(|(rate, dims)| (rate > 0.0 && rate < 1.0).then(|| cx.dropout_mask(rate, dims)));
        Self { input, recurrent }
    }

    /// The same with masks for each of `n_gates` gates.
    pub fn draw_by_gate(
        cx: &Cx<'g>,
        n_gates: usize,
        input: (f64, &[Dim]),
        recurrent: (f64, &[Dim]),
    ) -> Self {
        let by_gate = |dims: &[Dim]| [&dims[..1], &[Some(n_gates)], &dims[1..]].concat();
        Self::draw(cx, (input.0, &by_gate(input.1)), (recurrent.0, &by_gate(recurrent.1)))
    }

    /// The input, dropped alike for all gates.
    pub fn input(&self, x: Var<'g>) -> Var<'g> {
        self.input.map_or(x, |m| x * m)
    }

    /// The state, dropped alike for all gates.
    pub fn state(&self, h: Var<'g>) -> Var<'g> {
        self.recurrent.map_or(h, |m| h * m)
    }

    /// The state, dropped for gate k.
    pub fn state_of_gate(&self, h: Var<'g>, k: usize) -> Var<'g> {
        dropped_for(self.recurrent, h, k)
    }

    /// Products of the input with the columns of all gates, `units` each, side by side.
    pub fn input_by_gates(
        &self,
        x: Var<'g>,
        w: Var<'g>,
        units: usize,
        product: impl Fn(Var<'g>, Var<'g>) -> Var<'g>,
    ) -> Var<'g> {
        by_gates(self.input, x, w, units, product)
    }

    /// Products of the state with the columns of all gates, `units` each, side by side.
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

/// A value dropped for gate k.
fn dropped_for<'g>(mask: Option<Var<'g>>, v: Var<'g>, k: usize) -> Var<'g> {
    mask.map_or(v, |m| v * if m.rank() == v.rank() { m } else { m.index(1, k) })
}

/// One product where a mask does not tell the gates apart, else one for each gate that `w` has
/// columns of.
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

/// The cell that a layer is.
pub fn cell_of(layer: &LayerRef) -> Result<&dyn Cell> {
    let received = || format!("a layer of class {}", layer.class());
    layer.rule().as_cell().ok_or_else(|| {
        Error::argument(
            "",
            "expected a cell (LSTMCell, GRUCell, SimpleRNNCell, \
            StackedRNNCells or one of your own)",
            received(),
        )
    })
}

impl<C: Cell + 'static> Layer for C {
    fn class(&self) -> &'static str {
        Cell::class(self)
    }

    fn config(&self) -> Value {
        Cell::config(self)
    }

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let inputs = call.inputs();
        let x = inputs.first().ok_or_else(|| {
            Error::argument("", "expected one timestep of a sequence", "no input")
        })?;
        Cell::weights(self, x)
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let inputs = call.inputs();
        let Some(x) = inputs.first() else {
            return Err(Error::argument("", "expected one timestep of a sequence", "no input"));
        };
        let x = cx.to_float(x.value);
        let given = call.arg(1, "states").map(Arg::flatten).unwrap_or_default();
        let given = if given.is_empty() { inputs[1..].to_vec() } else { given };
        let states: Vec<Var<'g>> = given.iter().map(|s| cx.to_float(s.value)).collect();
        let n = self.state_dims(&x.spec())?.len();
        if states.len() != n {
            return Err(Error::argument(
                "",
                format!("expected a step and {n} states"),
                format!("{} states", states.len()),
            ));
        }
        let dropped = if cx.training {
            self.draw(cx, &x.spec())?
        } else {
            vec![Dropped::default(); self.n_dropped()]
        };
        let (y, next) = self.step(w, &dropped, x, &states)?;
        Ok(std::iter::once(y).chain(next).map(Flow::new).collect())
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Drop
    }

    fn module(&self) -> &'static str {
        Cell::module(self)
    }

    fn registered_name(&self) -> Option<&'static str> {
        Cell::registered_name(self)
    }

    fn inner(&self) -> Vec<(&'static str, &LayerRef)> {
        Cell::inner(self)
    }

    fn as_cell(&self) -> Option<&dyn Cell> {
        Some(self)
    }
}
