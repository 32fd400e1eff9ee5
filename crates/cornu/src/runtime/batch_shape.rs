//! The shape of a batch, for which a program is made.

use super::packed_rows::PackedRows;
use crate::{Error, Result};
use cornu_ir::{Spec, Tensor};

/// What a program is made for: the specs of a batch's arrays and how they stand.
pub(crate) struct BatchShape {
    /// Inputs, targets and weights, then which timesteps are a sequence's own, where the sequences
    /// are of unequal length.
    pub(crate) specs: Vec<Spec>,
    /// How sequences of unequal length stand in packed rows.
    pub(crate) packed: Option<PackedRows>,
    /// Which of the arrays stand in them, (N of all shards, …); the others are (B, …).
    pub(crate) in_rows: Vec<bool>,
}

impl BatchShape {
    /// The shape of a rectangular batch.
    pub(crate) fn of(specs: Vec<Spec>) -> Self {
        let in_rows = vec![false; specs.len()];
        Self { specs, packed: None, in_rows }
    }

    /// True if arrays that stand so have this shape.
    pub(crate) fn is_of(
        &self,
        arrays: &[Tensor],
        packed: Option<&PackedRows>,
        in_rows: &[bool],
    ) -> bool {
        let dims = |spec: &Spec, t: &Tensor| {
            spec.dtype == t.dtype()
                && spec.dims.len() == t.dims.len()
                && spec.dims.iter().zip(&t.dims).all(|(a, b)| *a == Some(*b))
        };
        self.packed.as_ref() == packed
            && self.in_rows == in_rows
            && self.specs.len() == arrays.len()
            && self.specs.iter().zip(arrays).all(|(s, t)| dims(s, t))
    }

    /// B.
    ///
    /// # Errors
    /// It is not known.
    pub(crate) fn samples(&self) -> Result<usize> {
        let unknown = || Error::Config("a batch of known size is needed".into());
        let first = || self.specs.first().and_then(|s| s.dims[0]);
        self.packed.as_ref().map(PackedRows::batch).or_else(first).ok_or_else(unknown)
    }

    /// Shards of sequences of unequal length.
    pub(crate) fn n_shards(&self) -> Option<usize> {
        self.packed.as_ref().map(|p| p.shards.len())
    }

    /// Number of arrays without the one that tells which timesteps are a sequence's own.
    pub(crate) fn n_data(&self) -> usize {
        self.specs.len() - self.packed.is_some() as usize
    }

    /// True if an array stands in packed rows.
    pub(crate) fn stands_in_rows(&self, i: usize) -> bool {
        self.packed.is_some() && self.in_rows.get(i) == Some(&true)
    }

    /// The spec of an array in a shard of so many samples.
    pub(crate) fn of_shard(&self, i: usize, samples: usize) -> Spec {
        let packed = self.packed.as_ref().filter(|_| self.stands_in_rows(i));
        let rows = packed.map_or(samples, |p| p.rows);
        let spec = &self.specs[i];
        Spec::new(spec.dtype, [&[Some(rows)], &spec.dims[1..]].concat())
    }
}
