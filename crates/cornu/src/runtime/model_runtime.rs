//! What a model keeps between runs: threads, memory to work in, programs of predictions, states of
//! stateful layers, the place in the random numbers.

use super::locked;
use super::programs::Programs;
use crate::{Error, Result};
use cornu_cpu::{Threads, Variable, Workspace};
use cornu_ir::{Spec, Tensor};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A state of a stateful layer: number of the layer's first weight, number of the state, rows.
pub(crate) type StateKey = (usize, usize, usize);

/// What a model keeps between runs, shared by all handles of the model and by its compiled stages.
#[derive(Default)]
pub(crate) struct Runtime {
    /// Threads asked for; 0 is all cores.
    n_threads: AtomicUsize,
    threads: Mutex<Option<Arc<Threads>>>,
    seed: AtomicU64,
    n_steps: AtomicU64,
    /// Memory of runs that are over: as many as ran at the same time at most.
    workspaces: Mutex<Vec<Workspace>>,
    /// Programs of predictions.
    pub(crate) programs: Programs,
    states: Mutex<BTreeMap<StateKey, Variable>>,
}

impl Runtime {
    /// The thread pool, made when first asked for.
    pub(crate) fn threads(&self) -> Arc<Threads> {
        let make = || match self.n_threads.load(Ordering::Relaxed) {
            0 => Arc::new(Threads::all()),
            n => Arc::new(Threads::new(n)),
        };
        locked(&self.threads).get_or_insert_with(make).clone()
    }

    /// Sets how many threads run.
    pub(crate) fn set_threads(&self, n: usize) {
        self.n_threads.store(n, Ordering::Relaxed);
        *locked(&self.threads) = None;
        // Predictions are cut for the threads.
        self.programs.forget();
    }

    /// The seed of first weights and of what is random in training.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.load(Ordering::Relaxed)
    }

    /// Sets the seed.
    pub(crate) fn set_seed(&self, seed: u64) {
        self.seed.store(seed, Ordering::Relaxed);
    }

    /// Training steps run: with the seed, the place in the random numbers.
    pub(crate) fn n_steps(&self) -> u64 {
        self.n_steps.load(Ordering::Relaxed)
    }

    /// Sets how many training steps were run.
    pub(crate) fn set_n_steps(&self, n: u64) {
        self.n_steps.store(n, Ordering::Relaxed);
    }

    /// The key of the random numbers of the coming step.
    pub(crate) fn random_key(&self) -> Tensor {
        random_key(self.seed(), self.n_steps())
    }

    /// Memory for a run; give it back with [`Runtime::give_back`].
    pub(crate) fn workspace(&self) -> Workspace {
        locked(&self.workspaces).pop().unwrap_or_default()
    }

    /// Keeps memory for the next run.
    pub(crate) fn give_back(&self, workspace: Workspace) {
        locked(&self.workspaces).push(workspace);
    }

    /// Sets the states of stateful layers to 0.
    pub(crate) fn reset_states(&self) {
        for state in locked(&self.states).values() {
            let zero = state.spec();
            state.set(&Tensor::zeros(zero.dtype, &zero.numbers().unwrap_or_default()));
        }
    }

    /// The states of stateful layers.
    pub(crate) fn states(&self) -> BTreeMap<StateKey, Variable> {
        locked(&self.states).clone()
    }

    /// Gives a state of a stateful layer a value.
    pub(crate) fn set_state(&self, key: StateKey, value: &Tensor) {
        match locked(&self.states).entry(key) {
            std::collections::btree_map::Entry::Occupied(e) => e.get().set(value),
            std::collections::btree_map::Entry::Vacant(e) => {
                e.insert(Variable::new(value));
            }
        }
    }

    /// A state of a stateful layer, (rows, …), which is 0 when it is new.
    ///
    /// # Errors
    /// The spec has unknown dims beside the batch.
    pub(crate) fn state(&self, key: StateKey, spec: &Spec) -> Result<Variable> {
        let unknown = || Error::Config("a stateful layer needs states of known size".into());
        let mut dims = spec.numbers().ok_or_else(unknown)?;
        dims[0] = key.2;
        let mut states = locked(&self.states);
        match states.get(&key) {
            Some(state) if state.spec() == Spec::known(spec.dtype, &dims) => Ok(state.clone()),
            _ => {
                let state = Variable::new(&Tensor::zeros(spec.dtype, &dims));
                states.insert(key, state.clone());
                Ok(state)
            }
        }
    }
}

/// The key of the random numbers of a step.
pub(crate) fn random_key(seed: u64, step: u64) -> Tensor {
    // An odd multiplier keeps (seed, step) apart; the stream itself is ChaCha's.
    Tensor::scalar(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(step) as i64)
}
