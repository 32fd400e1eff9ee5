//! The sum over all shards of a batch.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{ShapeError, Spec};
use crate::tensor::{View, ViewMut};
use crate::var::Var;
use crate::with_float;

/// The sum of a value over all shards of the batch, the same on each: what couples rows (a mean
/// over the batch, a count of unmasked steps) passes through it. A graph run whole is its only
/// shard, and the sum is the value.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossSum;

impl Primitive for CrossSum {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("cross_sum", ins, 1)?;
        if !ins[0].dtype.is_float() {
            return Err(ShapeError::new("cross_sum", "a float value is needed", ins));
        }
        Ok(vec![ins[0].clone()])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        // What one shard gives, every shard reads: its gradient is the sum of all shards'
        // gradients.
        vec![Some(at.grad().builder().apply1(CrossSum, &[at.grad()]))]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        with_float!(ins[0].dtype(), T => out.get::<T>().copy_from_slice(ins[0].get::<T>()));
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![Sample::new(CrossSum, vec![sample_numbers(&[3], 201)])]
    }
}
