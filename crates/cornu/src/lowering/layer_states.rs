//! The states that a stateful layer keeps from batch to batch.

use crate::{Error, Result};
use cornu_cpu::Variable;
use cornu_ir::{Spec, Tensor};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// States of a stateful layer, by number and batch size, shared by every model with the layer.
#[derive(Clone, Debug, Default)]
pub struct LayerStates(Arc<Mutex<BTreeMap<(usize, usize), Variable>>>);

impl PartialEq for LayerStates {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl LayerStates {
    fn locked(&self) -> MutexGuard<'_, BTreeMap<(usize, usize), Variable>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The states there are: number, rows, value.
    pub(crate) fn all(&self) -> Vec<(usize, usize, Variable)> {
        let states = self.locked();
        states.iter().map(|((index, rows), v)| (*index, *rows, v.clone())).collect()
    }

    /// Sets all states to 0.
    pub(crate) fn reset(&self) {
        for state in self.locked().values() {
            let spec = state.spec();
            state.set(&Tensor::zeros(spec.dtype, &spec.numbers().unwrap_or_default()));
        }
    }

    /// Gives a state a value.
    pub(crate) fn set(&self, index: usize, rows: usize, value: &Tensor) {
        let mut states = self.locked();
        match states.get(&(index, rows)).filter(|v| v.spec() == value.spec()) {
            Some(state) => state.set(value),
            None => drop(states.insert((index, rows), Variable::new(value))),
        }
    }

    /// A state for batches of so many rows, (rows, …), which is 0 when it is new.
    ///
    /// # Errors
    /// The spec has unknown dims beside the batch.
    pub(crate) fn state(&self, index: usize, rows: usize, spec: &Spec) -> Result<Variable> {
        let unknown = || Error::Config("a stateful layer needs states of known size".into());
        let mut dims = spec.numbers().ok_or_else(unknown)?;
        dims[0] = rows;
        let mut states = self.locked();
        match states.get(&(index, rows)) {
            Some(state) if state.spec() == Spec::known(spec.dtype, &dims) => Ok(state.clone()),
            _ => {
                let state = Variable::new(&Tensor::zeros(spec.dtype, &dims));
                states.insert((index, rows), state.clone());
                Ok(state)
            }
        }
    }
}
