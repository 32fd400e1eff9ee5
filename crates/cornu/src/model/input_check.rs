//! Shapes of data held against the entries of a model.

use super::model::Model;
use crate::architecture::Container;
use crate::{Error, Result};
use cornu_ir::{Spec, spec::dims_text};

impl Model {
    /// Returns the concrete specs of data for the entries, or what does not fit and why.
    pub fn check_inputs(&self, shapes: &[Vec<usize>]) -> Result<Vec<Spec>> {
        let entries = self.inputs();
        if entries.len() != shapes.len() {
            let names =
                entries.iter().map(|(n, _)| format!("`{n}`")).collect::<Vec<_>>().join(", ");
            return Err(Error::Data(format!(
                "model `{}` has {} inputs ({names}). Received: {} arrays; give one for each, in \
                    this order",
                self.as_layer().shown_name(),
                entries.len(),
                shapes.len()
            )));
        }
        let mut specs = Vec::new();
        for ((name, input), shape) in entries.iter().zip(shapes) {
            let want = input.spec();
            let got: Vec<_> = shape.iter().map(|d| Some(*d)).collect();
            if let Some(axis) = self.misfitting_axis(&want, shape) {
                return Err(misfit(name, &want, shape, axis));
            }
            specs.push(Spec::new(want.dtype, got));
        }
        let batch: Vec<usize> = shapes.iter().filter_map(|s| s.first().copied()).collect();
        if batch.windows(2).any(|w| w[0] != w[1]) {
            return Err(Error::Data(format!(
                "all inputs must hold the same number of samples (axis 0). Received: {batch:?}"
            )));
        }
        Ok(specs)
    }

    /// The first axis of data for an entry that does not fit it. As in Keras, the batch in a file
    /// fits any other, and a Sequential leaves the axes between batch and features to its layers
    /// (Functional.call and Sequential.call of keras/src/models, Keras 3.15.1).
    fn misfitting_axis(&self, want: &Spec, got: &[usize]) -> Option<usize> {
        if want.rank() != got.len() {
            return Some(0);
        }
        let reads_ids = || self.graph().members.iter().any(|m| m.n_ids().is_some());
        let checked = match self.as_layer().as_container() {
            Some(Container::Sequential(_)) if want.rank() == 2 && reads_ids() => 2,
            Some(Container::Sequential(_)) => want.rank() - 1,
            _ => 1,
        };
        let differs = |axis: &usize| want.dims[*axis].is_some_and(|w| w != got[*axis]);
        (checked.max(1)..want.rank()).find(differs)
    }
}

/// Says that an axis of the data does not fit, and what would.
fn misfit(name: &str, want: &Spec, got: &[usize], bad: usize) -> Error {
    let axes: &[&str] = match want.rank() {
        2 => &["batch", "features"],
        3 => &["batch", "timesteps", "features"],
        _ => &["batch"],
    };
    let received = dims_text(&got.iter().map(|d| Some(*d)).collect::<Vec<_>>());
    let expected = dims_text(&want.dims);
    let called = if axes.len() > 1 { format!(" = ({})", axes.join(", ")) } else { String::new() };
    let who = format!("input `{name}`");
    if want.rank() != got.len() {
        let cure = match (want.rank(), got.len()) {
            (3, 2) => Some(
                "a series of one feature needs a last axis of 1: reshape (batch, timesteps) to \
                 (batch, timesteps, 1)",
            ),
            (w, g) if g + 1 == w => Some("a single sample needs a first axis of 1, the batch"),
            _ => None,
        };
        return Error::Shape {
            who,
            axis: None,
            expected: format!("rank {}, {expected}{called}", want.rank()),
            received: format!("rank {}, {received}", got.len()),
            cure: cure.map(str::to_string),
        };
    }
    let axis = axes.get(bad).map_or(format!("axis {bad}"), |a| format!("axis {bad} ({a})"));
    let number = want.dims[bad].unwrap_or(0);
    Error::Shape {
        who,
        axis: Some(bad),
        expected: format!("{number} on {axis}, {expected}{called}"),
        received: format!("{} there, {received}", got[bad]),
        cure: None,
    }
}
