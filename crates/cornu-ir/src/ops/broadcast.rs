//! A value repeated along axes of 1 and new leading axes.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{Dim, ShapeError, Spec, dims_text};
use crate::strided::{Walk, strides};
use crate::tensor::{View, ViewMut};
use crate::var::Var;
use crate::with_type;

/// A value stretched to dims, by numpy's rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Broadcast {
    /// The dims of the result.
    pub dims: Vec<Dim>,
}

impl Broadcast {
    /// For each axis of the result, whether the value is repeated along it.
    pub fn repeats(&self, own: &[Dim]) -> Vec<bool> {
        let lead = self.dims.len() - own.len();
        (0..self.dims.len())
            .map(|i| i < lead || (own[i - lead] == Some(1) && self.dims[i] != Some(1)))
            .collect()
    }
}

impl Primitive for Broadcast {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("broadcast", ins, 1)?;
        let own = &ins[0].dims;
        let fits = own.len() <= self.dims.len()
            && own
                .iter()
                .rev()
                .zip(self.dims.iter().rev())
                .all(|(a, b)| a == b || *a == Some(1) || a.is_none() || b.is_none());
        if !fits {
            return Err(ShapeError::new(
                "broadcast",
                format!("the shape must stretch to {}", dims_text(&self.dims)),
                ins,
            ));
        }
        Ok(vec![Spec::new(ins[0].dtype, self.dims.clone())])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let own = at.ins[0].dims();
        let axes: Vec<isize> = self
            .repeats(&own)
            .iter()
            .enumerate()
            .filter(|(_, r)| **r)
            .map(|(i, _)| i as isize)
            .collect();
        vec![Some(at.grad().sum(&axes, false).reshape(&own))]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let lead = out.dims.len() - ins[0].dims.len();
        let own = strides(ins[0].dims);
        let step = |i: usize| {
            if i < lead || ins[0].dims[i - lead] == 1 { 0 } else { own[i - lead] as isize }
        };
        let walk = Walk {
            dims: out.dims.to_vec(),
            strides: (0..out.dims.len()).map(step).collect(),
            offset: 0,
        };
        with_type!(ins[0].dtype(), T => walk.read(ins[0].get::<T>(), out.get::<T>()));
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![
            Sample::new(
                Broadcast { dims: vec![Some(2), Some(3), Some(4)] },
                vec![sample_numbers(&[3, 1], 71)],
            ),
            Sample::new(Broadcast { dims: vec![Some(2), Some(3)] }, vec![sample_numbers(&[], 72)]),
        ]
    }
}
