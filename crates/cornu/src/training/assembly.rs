//! Samples put together into a batch.

use super::feed::Fed;
use super::shards::Shards;
use super::unequal::Unequal;
use crate::runtime::{BatchShape, PackedRows};
use crate::{Error, Result};
use cornu_ir::{DType, Spec, Tensor};
use std::hash::{Hash, Hasher};

/// The data sets of a run.
pub(crate) struct Sets<'a> {
    /// The entries of the model.
    pub(crate) inputs: &'a [Fed<'a>],
    /// Targets and weights.
    pub(crate) further: Vec<&'a Fed<'a>>,
    /// True if samples keep their places in a batch: a stateful layer goes on with the state of the
    /// same place.
    pub(crate) in_order: bool,
}

impl<'a> Sets<'a> {
    fn all(&self) -> impl Iterator<Item = &'a Fed<'a>> {
        self.inputs.iter().chain(self.further.iter().copied())
    }
}

/// A batch on its way into a program.
#[derive(Default)]
pub(crate) struct Batch {
    /// Its arrays, which keep their memory from batch to batch: inputs, targets and weights, then
    /// bool (B, T), which timesteps are a sequence's own, where the sequences are of unequal
    /// length.
    pub(crate) arrays: Vec<Tensor>,
    /// How sequences of unequal length stand in packed rows.
    pub(super) packed: Option<PackedRows>,
    /// Which of the arrays stand in them, (N of all shards, …); the others are (B, …).
    pub(super) in_rows: Vec<bool>,
    /// The samples, in the order in which they are computed.
    pub(crate) samples: Vec<u32>,
    /// The graph of the batch in one shard, where it was just written to learn that one is enough.
    pub(crate) whole: Option<Shards>,
}

/// Timesteps of each sample of a batch. Inputs of sequences must agree in them; none where no input
/// is one.
fn common_lengths(inputs: &[Fed<'_>], samples: &[u32]) -> Result<Option<Vec<usize>>> {
    let mut first: Option<Vec<usize>> = None;
    for f in inputs {
        let Some(lengths) = f.lengths_of(samples) else { continue };
        if first.as_ref().is_some_and(|l| *l != lengths) {
            return Err(Error::Data(
                "several inputs of sequences must agree in the timesteps of each sample".into(),
            ));
        }
        first = Some(lengths);
    }
    Ok(first)
}

/// Why sequences of unequal length make no rectangle, and the ways out.
fn ragged_error(lengths: &[usize]) -> Error {
    let (low, high) =
        (lengths.iter().min().copied().unwrap_or(0), lengths.iter().max().copied().unwrap_or(0));
    Error::Data(format!(
        "a batch is a rectangle (batch, timesteps, features): all its sequences must have the same \
         number of timesteps. Received: sequences of {low} to {high} timesteps. Three ways out: \
         batch size 1; batches of equal length (batches = \"equal-length\" or \"bucket\"); \
         sequences as they are (Unequal::Known), whose lengths the model knows as by a mask"
    ))
}

impl Batch {
    /// What a program for this batch is made for.
    pub(crate) fn shape(&self) -> BatchShape {
        BatchShape {
            specs: self.arrays.iter().map(Tensor::spec).collect(),
            packed: self.packed.clone(),
            in_rows: self.in_rows.clone(),
        }
    }

    /// Adds what [`BatchShape::is_of`] compares to a hash.
    pub(crate) fn hash_shape(&self, hasher: &mut impl Hasher) {
        self.arrays.iter().for_each(|t| (t.dtype(), &t.dims).hash(hasher));
        (&self.packed, &self.in_rows).hash(hasher);
    }

    /// Copies samples of data sets into the batch. Sequences of unequal length that the model is to
    /// know are packed, in as many shards as `count_shards` says for the shape of the batch in one.
    pub(crate) fn gather(
        &mut self,
        sets: &Sets<'_>,
        samples: &[u32],
        unequal: Unequal,
        count_shards: impl FnOnce(&BatchShape, &PackedRows) -> Result<usize>,
    ) -> Result<()> {
        let given = common_lengths(sets.inputs, samples)?.unwrap_or_default();
        let longest = given.iter().copied().max().unwrap_or(0);
        let is_even = given.iter().all(|l| *l == longest) && (longest > 0 || given.is_empty());
        if unequal == Unequal::Refuse && !is_even {
            return Err(ragged_error(&given));
        }
        self.samples.clear();
        self.samples.extend(samples);
        self.arrays.truncate(sets.all().count());
        self.arrays.extend(sets.all().skip(self.arrays.len()).map(Fed::empty_batch));
        let is_packed = !is_even && unequal == Unequal::Known;
        let stands_in_rows =
            |f: &Fed<'_>| is_packed && f.lengths_of(samples).as_ref() == Some(&given);
        self.in_rows.clear();
        self.in_rows.extend(sets.all().map(stands_in_rows));
        self.packed = None;
        if is_packed {
            let whole = PackedRows::whole(&given);
            let mut specs: Vec<Spec> = sets
                .all()
                .zip(&self.in_rows)
                .map(|(f, in_rows)| f.batch_spec(samples, &whole, *in_rows))
                .collect();
            specs.push(Spec::known(DType::Bool, &[samples.len(), whole.timesteps]));
            let in_rows = self.in_rows.clone();
            let shape = BatchShape { specs, packed: Some(whole.clone()), in_rows };
            let n_shards = count_shards(&shape, &whole)?;
            let (packed, order) = PackedRows::dealt(&given, n_shards, sets.in_order);
            self.samples.clear();
            self.samples.extend(order.iter().map(|&i| samples[i]));
            self.packed = Some(packed);
        }
        for (i, (f, array)) in sets.all().zip(&mut self.arrays).enumerate() {
            match &self.packed {
                Some(packed) if self.in_rows[i] => f.pack(&self.samples, array, packed)?,
                Some(packed) => f.gather(&self.samples, array, packed.timesteps, 0.0)?,
                // Targets and weights by timestep are filled up with 0: the mask leaves them out.
                None => {
                    let filler = if i < sets.inputs.len() { unequal.filler() } else { 0.0 };
                    f.gather(&self.samples, array, longest, filler)?;
                }
            }
        }
        if let Some(packed) = &self.packed {
            let of_samples = |f: &Fed<'_>| f.lengths_of(&self.samples);
            let lengths = sets.inputs.iter().find_map(of_samples).unwrap_or_default();
            let own = lengths
                .iter()
                .flat_map(|l| (0..packed.timesteps).map(move |t| (t < *l) as u8))
                .collect();
            self.arrays.push(Tensor::new(&[self.samples.len(), packed.timesteps], own));
        }
        Ok(())
    }
}
