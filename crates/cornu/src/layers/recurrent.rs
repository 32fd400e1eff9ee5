//! What all recurrent layers share: from a batch to packed rows and back.
//!
//! A batch without a mask is packed by exchanging batch and time; a masked one by the rows its mask leaves, so that the cell
//! runs on real timesteps only and the state passes over the others, as Keras's `rnn` loop lets it.

use super::{Arg, Call, Flow, expect_rank};
use crate::{Error, Result};
use cornu_ir::ops::MaskLayout;
use cornu_ir::spec::product;
use cornu_ir::{DType, Dim, Spec, Var};

/// How a recurrent layer walks and what it gives, in Keras's words.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    /// Every timestep's output, not only the last.
    pub return_sequences: bool,
    /// The states beside the output.
    pub return_state: bool,
    /// From the last timestep to the first.
    pub go_backwards: bool,
    /// 0 at masked timesteps, instead of the output before.
    pub zero_output_for_mask: bool,
}

/// A batch in packed rows.
pub struct Packed<'g> {
    /// (N, F): N = B T, of which a mask leaves fewer alive.
    pub rows: Var<'g>,
    /// (T), i32: live sequences at each step.
    pub batch_sizes: Var<'g>,
    layout: Option<Layout<'g>>,
    batch: Dim,
    timesteps: Dim,
    walk: Walk,
}

struct Layout<'g> {
    order: Var<'g>,
    places: Var<'g>,
    last: Var<'g>,
}

/// The mask of a call: the keyword argument, or what the input carries.
pub fn mask_of<'g>(call: &Call<Flow<'g>>) -> Option<Var<'g>> {
    call.kwarg_value("mask").map(|m| m.value).or_else(|| call.inputs().first().and_then(|x| x.mask))
}

/// The sequence and the initial states of a call: `initial_state=`, the second argument, or further inputs in the first.
pub fn sequence_and_states<V: Clone>(call: &Call<V>) -> Result<(V, Vec<V>)> {
    let inputs = call.inputs();
    let Some(x) = inputs.first() else {
        return Err(Error::argument("", "expected a sequence", "no input"));
    };
    let given = call.arg(1, "initial_state").map(Arg::flatten).unwrap_or_default();
    let states = if given.is_empty() { inputs[1..].to_vec() } else { given };
    Ok(((*x).clone(), states.into_iter().cloned().collect()))
}

/// Fails unless a sequence has the three axes.
pub fn expect_sequence(x: &Spec) -> Result<()> {
    expect_rank(x, 3..=3, "(batch, timesteps, features)")
}

impl<'g> Packed<'g> {
    /// Packs x (B, T, F) under a mask (B, T).
    pub fn new(x: Var<'g>, mask: Option<Var<'g>>, walk: Walk) -> Self {
        let b = x.builder();
        let (batch, timesteps, features) = (x.dim(0), x.dim(1), x.dim(2));
        let n = product(&[batch, timesteps]);
        let Some(mask) = mask else {
            let x = if walk.go_backwards { x.reverse(1) } else { x };
            let rows = x.transpose(&[1, 0, 2]).reshape(&[n, features]);
            let batch_sizes = b.full(DType::I32, &[timesteps], batch.unwrap_or(0) as f64);
            return Self { rows, batch_sizes, layout: None, batch, timesteps, walk };
        };
        let op = MaskLayout { reverse: walk.go_backwards, zero_masked: walk.zero_output_for_mask };
        let layout = b.apply(op, &[mask.cast(DType::Bool)]);
        let rows = x.reshape(&[n, features]).gather(layout[0]);
        let (order, places, last) = (layout[2], layout[3], layout[4]);
        Self { rows, batch_sizes: layout[1], layout: Some(Layout { order, places, last }), batch, timesteps, walk }
    }

    /// A value a sample, (B, …), in the order of the packed sequences.
    pub fn sort(&self, v: Var<'g>) -> Var<'g> {
        self.layout.as_ref().map_or(v, |l| v.gather(l.order))
    }

    /// A value a packed sequence, in the order of the batch.
    pub fn unsort(&self, v: Var<'g>) -> Var<'g> {
        self.layout.as_ref().map_or(v, |l| v.gather(l.places))
    }

    /// Rows (N, U) as a batch (B, T, U) in the order walked. `before` (B, U) stands where no step has been alive yet.
    fn unpack(&self, rows: Var<'g>, before: Option<Var<'g>>) -> Var<'g> {
        let units = rows.dim(1);
        let dims = [self.batch, self.timesteps, units];
        let Some(l) = &self.layout else {
            return rows.reshape(&[self.timesteps, self.batch, units]).transpose(&[1, 0, 2]);
        };
        let mut y = rows.gather(l.last).reshape(&dims);
        if let Some(h0) = before.filter(|_| !self.walk.zero_output_for_mask) {
            let none = l.last.lt(0.0).reshape(&[self.batch, self.timesteps, Some(1)]);
            y = none.select(h0.expand_dims(1).broadcast_to(&dims), y);
        }
        if self.walk.go_backwards { y.reverse(1) } else { y }
    }

    /// What the layer gives: the output (every step or the last), then the states when asked for, with the output's mask.
    /// `rows` (N, U) are the outputs of the cell, `states` its last states in packed order, `h0` (B, U) the first state in the batch's order.
    pub fn finish(&self, rows: Var<'g>, states: &[Var<'g>], h0: Option<Var<'g>>, mask: Option<Var<'g>>) -> Vec<Flow<'g>> {
        let states: Vec<Var<'g>> = states.iter().map(|s| self.unsort(*s)).collect();
        let zeroed = self.layout.is_some() && self.walk.zero_output_for_mask;
        let output = if self.walk.return_sequences {
            Flow::masked(self.unpack(rows, h0), mask)
        } else if zeroed {
            let y = self.unpack(rows, h0);
            let t = self.timesteps.unwrap_or(1);
            Flow::new(y.slice_step(1, t - 1, None, 1).squeeze(1))
        } else {
            Flow::new(states[0])
        };
        let mut outs = vec![output];
        if self.walk.return_state {
            outs.extend(states.into_iter().map(Flow::new));
        }
        outs
    }
}
