//! Programs of a stage of a model, by the shapes of batches.

use super::batch_shape::BatchShape;
use super::locked;
use super::packed_rows::PackedRows;
use crate::Result;
use cornu_cpu::{Program, ProgramLayout, Store};
use cornu_ir::Tensor;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What a program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    /// Outputs alone.
    Predict,
    /// Loss and metrics.
    Evaluate,
    /// Loss, metrics, gradients and update.
    Train,
}

/// The programs of a stage of a model.
#[derive(Default)]
pub(crate) struct Programs {
    by_shape: Mutex<HashMap<u64, Vec<Arc<Prepared>>>>,
    /// In how many shards batches of sequences of unequal length are cut, by their packed rows in
    /// one shard.
    cuts: Mutex<HashMap<CutKey, usize>>,
    /// Seconds that the last program took to plan, as bits.
    last_plan_s: AtomicU64,
}

/// Mode, timesteps that gradients reach back, and the batch's packed rows in one shard.
pub(crate) type CutKey = (Mode, Option<usize>, PackedRows);

/// Shapes kept at most: beyond it the cache starts anew (shapes of ragged batches come and go).
const MAX_PROGRAMS: usize = 256;

/// A laid-out program with what it is found by and what it runs on.
pub(crate) struct Prepared {
    pub(crate) mode: Mode,
    /// Timesteps that gradients reach back at most, where they are cut.
    pub(crate) stretch: Option<usize>,
    pub(crate) shape: BatchShape,
    pub(crate) layout: Arc<ProgramLayout>,
    /// The model's weights, then the optimizer's variables, then states of stateful layers.
    pub(crate) store: Store,
    /// Results of its shapes, all 0.
    pub(crate) results: Vec<Tensor>,
    /// How many of the results belong to each metric.
    pub(crate) partial_counts: Vec<usize>,
    /// The outputs by timestep of sequences of unequal length, whose lengths are the last results.
    pub(crate) ended: Vec<usize>,
    /// Operations of floating point of the matrix products of a step, by the operation that takes
    /// them.
    pub(crate) product_flops: Vec<(&'static str, f64)>,
    /// Programs that do not run at the moment.
    pub(crate) free: Mutex<Vec<Execution>>,
}

/// A program with buffers for its results.
pub(crate) struct Execution {
    pub(crate) program: Program,
    pub(crate) results: Vec<Tensor>,
}

impl Prepared {
    /// A program to run; give it back with [`Prepared::give_back`].
    pub(crate) fn execution(&self) -> Execution {
        locked(&self.free).pop().unwrap_or_else(|| Execution {
            program: Program::new(self.layout.clone()),
            results: self.results.clone(),
        })
    }

    /// Keeps a program for the next run.
    pub(crate) fn give_back(&self, execution: Execution) {
        locked(&self.free).push(execution);
    }
}

impl Programs {
    /// The program under a hash that fits, if there is one.
    pub(crate) fn find(
        &self,
        hash: u64,
        fits: impl Fn(&Prepared) -> bool,
    ) -> Option<Arc<Prepared>> {
        locked(&self.by_shape).get(&hash)?.iter().find(|p| fits(p)).cloned()
    }

    /// Keeps a program, which took some seconds to plan, under a hash. Returns the one that another
    /// thread has put there meanwhile, if it fits.
    pub(crate) fn keep(
        &self,
        hash: u64,
        prepared: Prepared,
        plan_s: f64,
        fits: impl Fn(&Prepared) -> bool,
    ) -> Arc<Prepared> {
        self.last_plan_s.store(plan_s.to_bits(), Ordering::Relaxed);
        let mut all = locked(&self.by_shape);
        if let Some(first) = all.get(&hash).and_then(|p| p.iter().find(|p| fits(p))) {
            return first.clone();
        }
        if all.len() >= MAX_PROGRAMS {
            all.clear();
        }
        let prepared = Arc::new(prepared);
        all.entry(hash).or_default().push(prepared.clone());
        prepared
    }

    /// In how many shards a batch of sequences of unequal length is cut, counted when first asked
    /// for.
    pub(crate) fn cut(&self, key: CutKey, count: impl FnOnce() -> Result<usize>) -> Result<usize> {
        if let Some(n) = locked(&self.cuts).get(&key) {
            return Ok(*n);
        }
        let n = count()?;
        let mut cuts = locked(&self.cuts);
        if cuts.len() >= MAX_PROGRAMS {
            cuts.clear();
        }
        cuts.insert(key, n);
        Ok(n)
    }

    /// Forgets all programs.
    pub(crate) fn forget(&self) {
        locked(&self.by_shape).clear();
        locked(&self.cuts).clear();
    }

    /// Seconds that the last program took to plan.
    pub(crate) fn last_plan_s(&self) -> f64 {
        f64::from_bits(self.last_plan_s.load(Ordering::Relaxed))
    }
}
