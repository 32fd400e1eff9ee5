//! Sequences of unequal length in packed rows, from layer to layer.
//!
//! The timesteps of all sequences of a batch stand without padding, those of step 0 first, the
//! longest sequence first ([`MaskLayout`]). A value in this form has the axes (1, N, …), so that
//! what works timestep by timestep on (B, T, …) works on it as it is. N may be a little more than
//! there are timesteps: the rest are rows that are no sequence's own.

use cornu_ir::ops::{Iota, MaskLayout, ScatterAdd};
use cornu_ir::spec::product;
use cornu_ir::{DType, Dim, Var};

/// Packed rows of a batch of sequences of unequal length: the layout that all values of the batch
/// share.
#[derive(Clone, Copy, Debug)]
pub struct Packing<'g> {
    /// Mask of real timesteps, bool (B, T).
    pub own: Var<'g>,
    /// Mask of real rows, bool (1, N).
    pub live: Var<'g>,
    /// Number of sequences at each timestep, i32 (T).
    pub batch_sizes: Var<'g>,
    /// Sample of each sorted sequence, i32 (B).
    pub order: Var<'g>,
    /// Position of each sample among the sorted sequences, i32 (B).
    pub places: Var<'g>,
    /// i32 (N): the place b T + t of each row, -1 for none.
    place: Var<'g>,
    /// i32 (B T): the row of each place b T + t, -1 for none.
    row: Var<'g>,
}

/// The first n of the rows of a layout, and -1 for none beyond them.
fn first_rows<'g>(rows: Var<'g>, n: usize) -> Var<'g> {
    match rows.dim(0) {
        Some(all) if all < n => rows.pad(0, 0, n - all, -1.0),
        _ => rows.slice(0, 0, n),
    }
}

impl<'g> Packing<'g> {
    /// Returns the layout of sequences whose real timesteps are given by a mask (B, T), in N rows.
    pub fn new(own: Var<'g>, rows: usize) -> Self {
        let layout = own.builder().apply(MaskLayout { reverse: false, zero_masked: true }, &[own]);
        let place = first_rows(layout[0], rows);
        Self {
            own,
            live: place.ge(0.0).expand_dims(0),
            batch_sizes: layout[1],
            order: layout[2],
            places: layout[3],
            place,
            row: layout[4],
        }
    }

    /// Returns the number of samples, B.
    pub fn batch(&self) -> Dim {
        self.own.dim(0)
    }

    /// Returns the number of timesteps, T.
    pub fn timesteps(&self) -> Dim {
        self.own.dim(1)
    }

    fn dims_over_time(&self, rest: &[Dim]) -> Vec<Dim> {
        [&[self.batch(), self.timesteps()], rest].concat()
    }

    /// Packs a value (B, T, …) to (1, N, …).
    pub fn pack(&self, v: Var<'g>) -> Var<'g> {
        let dims = v.dims();
        // What comes after an error has no axes.
        let (over_time, rest) = dims.split_at(dims.len().min(2));
        v.reshape(&[&[product(over_time)], rest].concat()).gather(self.place).expand_dims(0)
    }

    /// Unpacks a value (1, N, …) to (B, T, …), padded with 0.
    pub fn unpack(&self, v: Var<'g>) -> Var<'g> {
        v.squeeze(0)
            .gather(self.row)
            .reshape(&self.dims_over_time(v.dims().get(2..).unwrap_or_default()))
    }

    /// i32 (N): the sample of each row, -1 for none.
    fn sample(&self) -> Var<'g> {
        let sample = self
            .own
            .builder()
            .apply1(Iota { dtype: DType::I32, dims: self.dims_over_time(&[]), axis: 0 }, &[]);
        self.live.squeeze(0).select(self.pack(sample).squeeze(0), -1.0)
    }

    /// Repeats a value of each sample, (B, …), at all its timesteps: (1, N, …).
    pub fn spread(&self, v: Var<'g>) -> Var<'g> {
        v.gather(self.sample()).expand_dims(0)
    }

    /// Returns the sum over the timesteps of each sample, (B, …), of (1, N, …).
    pub fn sum(&self, v: Var<'g>) -> Var<'g> {
        v.builder().apply1(ScatterAdd { rows: self.batch() }, &[v.squeeze(0), self.sample()])
    }

    /// Reverses the timesteps of each sequence of a value (1, N, …).
    pub fn reversed(&self, v: Var<'g>) -> Var<'g> {
        let walked =
            v.builder().apply(MaskLayout { reverse: true, zero_masked: true }, &[self.own]);
        let place = first_rows(walked[0], self.place.dim(0).unwrap_or(0));
        let from = place.ge(0.0).select(self.row.gather(place), -1.0);
        v.squeeze(0).gather(from).expand_dims(0)
    }

    /// Returns the number of each sequence at its last, or first, timestep: i32 (B) from i32 (N),
    /// -1 for an empty sequence.
    pub fn last(&self, v: Var<'g>, first: bool) -> Var<'g> {
        let dims = self.dims_over_time(&[]);
        let step = v.builder().apply1(Iota { dtype: DType::I32, dims: dims.clone(), axis: 1 }, &[]);
        let at = if first {
            step.eq(0.0)
        } else {
            step.eq(self.own.cast(DType::I32).sum(&[1], true) - 1.0)
        };
        let row = at.and(self.own).select(self.row.reshape(&dims), -1.0).max(&[1], false);
        row.ge(0.0).select(v.gather(row), -1.0)
    }

    /// Returns the rows that a mask (1, N) keeps, in one of two directions, as [`Masked`] rows.
    pub fn masked(&self, mask: Var<'g>, op: MaskLayout) -> Masked<'g> {
        let layout = mask.builder().apply(op, &[self.unpack(mask)]);
        let place = first_rows(layout[0], self.place.dim(0).unwrap_or(0));
        Masked {
            from: place.ge(0.0).select(self.row.gather(place), -1.0),
            batch_sizes: layout[1],
            order: layout[2],
            places: layout[3],
            to: layout[4].gather(self.place),
        }
    }
}

/// Packed rows under a mask.
#[derive(Clone, Copy, Debug)]
pub struct Masked<'g> {
    /// Original row of each kept row, i32 (N); -1 for none.
    pub from: Var<'g>,
    /// Number of sequences at each timestep, i32 (T).
    pub batch_sizes: Var<'g>,
    /// Sample of each sorted sequence, i32 (B).
    pub order: Var<'g>,
    /// Position of each sample among the sorted sequences, i32 (B).
    pub places: Var<'g>,
    /// Last kept row at or before each row, in the direction of the recurrence, i32 (N); -1 for
    /// none.
    pub to: Var<'g>,
}
