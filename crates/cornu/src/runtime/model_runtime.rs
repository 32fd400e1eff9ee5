//! What a model keeps between runs: threads, memory to work in, programs of predictions,
//! the place in the random numbers.

use super::locked;
use super::programs::Programs;
use cornu_cpu::{Threads, Workspace};
use cornu_ir::Tensor;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What a model keeps between runs, shared by all handles of the model and by its compiled stages.
#[derive(Default)]
pub(crate) struct Runtime {
    /// Threads asked for; 0 is all cores.
    n_threads: AtomicUsize,
    threads: Mutex<Option<Arc<Threads>>>,
    seed: AtomicU64,
    n_steps: AtomicU64,
    /// True once it was said that the model is saved in another form than it has.
    told_of_form: AtomicBool,
    /// Memory of runs that are over: as many as ran at the same time at most.
    workspaces: Mutex<Vec<Workspace>>,
    /// Programs of predictions.
    pub(crate) programs: Programs,
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

    /// True at the first call: what is said of the form in which the model is saved is said once.
    pub(crate) fn is_untold_of_form(&self) -> bool {
        !self.told_of_form.swap(true, Ordering::Relaxed)
    }

    /// Training steps run: with the seed, the place in the random numbers.
    pub(crate) fn n_steps(&self) -> u64 {
        self.n_steps.load(Ordering::Relaxed)
    }

    /// Sets how many training steps were run.
    pub(crate) fn set_n_steps(&self, n: u64) {
        self.n_steps.store(n, Ordering::Relaxed);
    }

    /// A runtime of the same threads, seed and place in the random numbers.
    pub(crate) fn renewed(&self) -> Self {
        let runtime = Self::default();
        runtime.n_threads.store(self.n_threads.load(Ordering::Relaxed), Ordering::Relaxed);
        runtime.set_seed(self.seed());
        runtime.set_n_steps(self.n_steps());
        runtime
    }

    /// Notes that a training step has run.
    pub(crate) fn note_step(&self) {
        self.n_steps.fetch_add(1, Ordering::Relaxed);
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
}

/// The key of the random numbers of a step.
pub(crate) fn random_key(seed: u64, step: u64) -> Tensor {
    // An odd multiplier keeps (seed, step) apart; the stream itself is ChaCha's.
    Tensor::scalar(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(step) as i64)
}
