//! The sequences of a batch as packed rows, and back.
//!
//! A batch without a mask is packed by exchanging batch and time; a masked one by the rows its mask
//! leaves, so that the cell runs on real timesteps only and the state passes over the others, as
//! Keras's `rnn` loop lets it.

use crate::lowering::{Call, Flow, Masked, Packing, Walk, ends_of, is_packed, mask_of};
use cornu_ir::ops::{Iota, MaskLayout};
use cornu_ir::spec::product;
use cornu_ir::{DType, Dim, Var};

/// A batch in packed rows.
pub struct Packed<'g> {
    /// (N, F): N = B T, of which a mask leaves fewer alive, or the rows of sequences of unequal
    /// length.
    pub rows: Var<'g>,
    /// (T), i32: live sequences at each step.
    pub batch_sizes: Var<'g>,
    source: Source<'g>,
    walk: Walk,
}

/// What rows were packed from.
enum Source<'g> {
    /// A rectangle (B, T, F).
    Whole(Dim, Dim),
    /// The steps of a rectangle that a mask leaves.
    Masked(Layout<'g>),
    /// The rows of sequences of unequal length.
    Rows(Packing<'g>),
    /// Those that a mask leaves.
    MaskedRows(Packing<'g>, Masked<'g>),
}

/// What the outputs by timestep carry on: the mask of the call, where its sequences end, and
/// whether they are packed.
#[derive(Clone, Copy)]
pub struct Carried<'g> {
    mask: Option<Var<'g>>,
    ends: Option<Var<'g>>,
    packed: bool,
}

impl<'g> Carried<'g> {
    /// What a call's outputs carry on.
    pub fn of(call: &Call<Flow<'g>>) -> Self {
        Self { mask: mask_of(call), ends: ends_of(call), packed: is_packed(call) }
    }

    /// Returns an output by timestep.
    pub fn on(self, value: Var<'g>) -> Flow<'g> {
        Flow { value, mask: self.mask, ends: self.ends, packed: self.packed }
    }
}

struct Layout<'g> {
    batch: Dim,
    timesteps: Dim,
    order: Var<'g>,
    places: Var<'g>,
    last: Var<'g>,
}

/// Values (B, T, …), or (1, N, …) in packed rows, of sequences from their last timestep to their
/// first; what is past an end stays behind.
pub fn reversed<'g>(y: Var<'g>, packing: Option<Packing<'g>>, ends: Option<Var<'g>>) -> Var<'g> {
    if let Some(p) = packing {
        return p.reversed(y);
    }
    let Some(ends) = ends else { return y.reverse(1) };
    let (b, t) = (y.dim(0), y.dim(1));
    let along = |axis| y.builder().apply1(Iota { dtype: DType::I32, dims: vec![b, t], axis }, &[]);
    let last = ends.cast(DType::I32).sum(&[1], true) - 1.0;
    let from = along(0) * t.unwrap_or(0) as f64 + last - along(1);
    let rows = y.reshape(&[&[product(&[b, t])], &y.dims()[2..]].concat());
    rows.gather(ends.select(from, -1.0).reshape(&[product(&[b, t])])).reshape(&y.dims())
}

impl<'g> Packed<'g> {
    /// Packs x (B, T, F) under a mask (B, T); or takes x (1, N, F) in packed rows, under a mask (1,
    /// N).
    pub fn new(
        x: Var<'g>,
        packing: Option<Packing<'g>>,
        mask: Option<Var<'g>>,
        walk: Walk,
    ) -> Self {
        let b = x.builder();
        let op = MaskLayout { reverse: walk.go_backwards, zero_masked: walk.zeroes() };
        let (batch, timesteps, features) = (x.dim(0), x.dim(1), x.dim(2));
        let n = product(&[batch, timesteps]);
        let mask = mask.map(|m| m.cast(DType::Bool));
        let (rows, batch_sizes, source) = match (packing, mask) {
            (None, None) => {
                let x = if walk.go_backwards { x.reverse(1) } else { x };
                let batch_sizes = b.full(DType::I32, &[timesteps], batch.unwrap_or(0) as f64);
                (
                    x.transpose(&[1, 0, 2]).reshape(&[n, features]),
                    batch_sizes,
                    Source::Whole(batch, timesteps),
                )
            }
            (None, Some(mask)) => {
                let layout = b.apply(op, &[mask]);
                let rows = x.reshape(&[n, features]).gather(layout[0]);
                (
                    rows,
                    layout[1],
                    Source::Masked(Layout {
                        batch,
                        timesteps,
                        order: layout[2],
                        places: layout[3],
                        last: layout[4],
                    }),
                )
            }
            (Some(p), None) => {
                let x = if walk.go_backwards { p.reversed(x) } else { x };
                (x.squeeze(0), p.batch_sizes, Source::Rows(p))
            }
            (Some(p), Some(mask)) => {
                let masked = p.masked(mask, op);
                (
                    x.squeeze(0).gather(masked.from),
                    masked.batch_sizes,
                    Source::MaskedRows(p, masked),
                )
            }
        };
        Self { rows, batch_sizes, source, walk }
    }

    /// The sample of each packed sequence, and the packed place of each sample, where they are not
    /// the same.
    fn order(&self) -> Option<(Var<'g>, Var<'g>)> {
        match &self.source {
            Source::Whole(..) => None,
            Source::Masked(l) => Some((l.order, l.places)),
            Source::Rows(p) => Some((p.order, p.places)),
            Source::MaskedRows(_, m) => Some((m.order, m.places)),
        }
    }

    /// Returns a value a sample, (B, …), in the order of the packed sequences.
    pub fn sort(&self, v: Var<'g>) -> Var<'g> {
        self.order().map_or(v, |(order, _)| v.gather(order))
    }

    /// Returns a value a packed sequence, in the order of the batch.
    pub fn unsort(&self, v: Var<'g>) -> Var<'g> {
        self.order().map_or(v, |(_, places)| v.gather(places))
    }

    /// Rows (N, U) as every step's output: (B, T, U) or packed rows (1, N, U), under a mask in the
    /// order of time, else in the order walked. `before` (B, U) stands where no step has been alive
    /// yet.
    fn unpack(&self, rows: Var<'g>, before: Option<Var<'g>>) -> Var<'g> {
        let units = rows.dim(1);
        let before = before.filter(|_| !self.walk.zeroes() && self.walk.holds_state());
        match &self.source {
            Source::Whole(batch, timesteps) => {
                rows.reshape(&[*timesteps, *batch, units]).transpose(&[1, 0, 2])
            }
            Source::Masked(l) => {
                let dims = [l.batch, l.timesteps, units];
                let y = rows.gather(l.last).reshape(&dims);
                let none = l.last.lt(0.0).reshape(&[l.batch, l.timesteps, Some(1)]);
                before.map_or(y, |h0| none.select(h0.expand_dims(1).broadcast_to(&dims), y))
            }
            Source::Rows(_) => rows.expand_dims(0),
            Source::MaskedRows(p, m) => {
                let y = rows.gather(m.to).expand_dims(0);
                before.map_or(y, |h0| {
                    m.to.lt(0.0).expand_dims(0).expand_dims(-1).select(p.spread(h0), y)
                })
            }
        }
    }

    /// The output of the last timestep walked (B, U), where it is not the last state.
    fn last(&self, rows: Var<'g>) -> Option<Var<'g>> {
        match &self.source {
            Source::Whole(..) | Source::Rows(_) => None,
            Source::Masked(l) => {
                let t = if self.walk.go_backwards {
                    0
                } else {
                    l.timesteps.unwrap_or(1).saturating_sub(1)
                };
                Some(
                    rows.gather(
                        l.last
                            .reshape(&[l.batch, l.timesteps])
                            .slice_step(1, t, Some(t + 1), 1)
                            .squeeze(1),
                    ),
                )
            }
            Source::MaskedRows(p, m) => Some(rows.gather(p.last(m.to, self.walk.go_backwards))),
        }
    }

    /// What the layer gives: every step's output, as by `unpack`, or the last one (B, U). `rows`
    /// (N, U) are the outputs of the cell, `last` its last state that stands for the output,
    /// `before` (B, U) the first; both in the batch's order.
    pub fn output(&self, rows: Var<'g>, last: Var<'g>, before: Option<Var<'g>>) -> Var<'g> {
        let held = self.walk.holds_state() || before.is_none();
        match self.walk.return_sequences {
            true => self.unpack(rows, before),
            false if self.walk.zeroes() || !held => self.last(rows).unwrap_or(last),
            false => last,
        }
    }
}
