//! What a model keeps between runs: threads, programs by shape, states of stateful layers, the
//! place in the random numbers.

use super::feed::Batch;
use super::packed_rows::PackedRows;
use super::work::product_flops;
use crate::{Error, Result};
use cornu_cpu::{Program, ProgramSpec, SlotId, Store, Threads};
use cornu_ir::{DType, Spec, Tensor};
use std::collections::HashMap;

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

/// A program with what it is found by.
pub(crate) struct Prepared {
    pub(crate) program: Program,
    /// Buffers for its results, in the order of its result numbers.
    pub(crate) results: Vec<Tensor>,
    /// How many of the results belong to each metric.
    pub(crate) partial_counts: Vec<usize>,
    /// The outputs by timestep of sequences of unequal length, whose lengths are the last results.
    pub(crate) ended: Vec<usize>,
    /// Seconds it took to plan.
    pub(crate) plan_s: f64,
    /// Operations of floating point of the matrix products of a step, by the operation that takes
    /// them.
    pub(crate) product_flops: Vec<(&'static str, f64)>,
}

/// What a model keeps between runs.
#[derive(Default)]
pub struct Runtime {
    /// Threads asked for; 0 is all cores.
    pub(crate) n_threads: usize,
    threads: Option<Threads>,
    /// Draws first weights and what is random in training.
    pub(crate) seed: u64,
    /// Training steps run: with the seed, the place in the random numbers.
    pub(crate) n_steps: u64,
    /// Timesteps that gradients reach back at most, where they are cut.
    stretch: Option<usize>,
    /// Seconds that the last program took to plan.
    pub(crate) last_plan_s: f64,
    programs: HashMap<(Mode, Vec<Spec>, Option<PackedRows>), Prepared>,
    /// In how many shards batches of sequences of unequal length are cut, by their packed rows in
    /// one.
    cuts: HashMap<(Mode, PackedRows), usize>,
    /// States of stateful layers: layer, state, number of rows.
    states: HashMap<(usize, usize, usize), SlotId>,
}

/// Programs kept at most: beyond it the cache starts anew (shapes of ragged batches come and go).
const MAX_PROGRAMS: usize = 256;

impl Runtime {
    /// The thread pool, made when first asked for.
    pub(crate) fn threads(&mut self) -> &Threads {
        let n = self.n_threads;
        self.threads.get_or_insert_with(|| if n == 0 { Threads::all() } else { Threads::new(n) })
    }

    /// How many threads run.
    pub(crate) fn set_threads(&mut self, n: usize) {
        self.n_threads = n;
        self.threads = None;
        // Predictions are cut for the threads.
        self.programs.retain(|(mode, ..), _| *mode != Mode::Predict);
        self.cuts.retain(|(mode, _), _| *mode != Mode::Predict);
    }

    /// Cuts gradients after so many timesteps, or leaves them whole.
    pub(crate) fn set_stretch(&mut self, timesteps: Option<usize>) {
        if self.stretch != timesteps {
            self.stretch = timesteps;
            self.programs.retain(|(mode, ..), _| *mode != Mode::Train);
            self.cuts.clear();
        }
    }

    /// Timesteps that gradients reach back at most, where they are cut.
    pub(crate) fn stretch(&self) -> Option<usize> {
        self.stretch
    }

    /// Forgets programs: their meaning has changed.
    pub(crate) fn forget(&mut self) {
        self.programs.clear();
        self.cuts.clear();
    }

    /// Sets the states of stateful layers to 0.
    pub(crate) fn reset_states(&mut self, store: &mut Store) {
        for slot in self.states.values() {
            let zero = store.view(*slot).to_tensor();
            store.replace(*slot, &Tensor::zeros(zero.dtype(), &zero.dims));
        }
    }

    /// The states of stateful layers by layer, state and number of rows.
    pub(crate) fn states(&self) -> std::collections::BTreeMap<(usize, usize, usize), SlotId> {
        self.states.iter().map(|(k, v)| (*k, *v)).collect()
    }

    /// Gives a state of a stateful layer a value.
    pub(crate) fn set_state(
        &mut self,
        store: &mut Store,
        key: (usize, usize, usize),
        value: &Tensor,
    ) {
        match self.states.get(&key) {
            Some(slot) if store.spec(*slot) == value.spec() => store.replace(*slot, value),
            _ => {
                self.states.insert(key, store.push(value));
            }
        }
    }

    /// The program of a mode for batches of these specs, prepared when first asked for.
    pub(crate) fn prepared(
        &mut self,
        mode: Mode,
        batch: &Batch,
        make: impl FnOnce(&mut Self) -> Result<Prepared>,
    ) -> Result<(&mut Prepared, &Threads)> {
        let key = (mode, batch.specs(), batch.packed.clone());
        if !self.programs.contains_key(&key) {
            if self.programs.len() >= MAX_PROGRAMS {
                self.programs.clear();
            }
            let prepared = make(self)?;
            self.last_plan_s = prepared.plan_s;
            self.programs.insert(key.clone(), prepared);
        }
        self.threads();
        let threads = self.threads.as_ref().expect("made above");
        Ok((self.programs.get_mut(&key).expect("inserted above"), threads))
    }

    /// In how many shards a batch of sequences of unequal length is cut, counted when first asked
    /// for.
    pub(crate) fn cut(
        &mut self,
        mode: Mode,
        whole: &PackedRows,
        count: impl FnOnce(&mut Self) -> Result<usize>,
    ) -> Result<usize> {
        let key = (mode, whole.clone());
        if let Some(n) = self.cuts.get(&key) {
            return Ok(*n);
        }
        if self.cuts.len() >= MAX_PROGRAMS {
            self.cuts.clear();
        }
        let n = count(self)?;
        self.cuts.insert(key, n);
        Ok(n)
    }

    /// The slot of a state for batches of so many rows.
    pub(super) fn state_slot(
        &mut self,
        store: &mut Store,
        key: (usize, usize),
        rows: usize,
        spec: &Spec,
    ) -> Result<SlotId> {
        let mut dims = spec
            .numbers()
            .ok_or_else(|| Error::Config("a stateful layer needs states of known size".into()))?;
        dims[0] = rows;
        let kept = self.states.get(&(key.0, key.1, rows)).copied();
        if let Some(slot) = kept.filter(|slot| store.spec(*slot) == Spec::known(spec.dtype, &dims))
        {
            return Ok(slot);
        }
        let slot = store.push(&Tensor::zeros(spec.dtype, &dims));
        self.states.insert((key.0, key.1, rows), slot);
        Ok(slot)
    }
}

/// A program with buffers for results of these specs.
pub(crate) fn prepare(
    spec: ProgramSpec,
    results: &[Spec],
    started: std::time::Instant,
) -> Prepared {
    let results = results
        .iter()
        .map(|s| Tensor::zeros(s.dtype, &s.numbers().expect("results of known size")))
        .collect();
    let product_flops = product_flops(&spec);
    let program = Program::new(spec);
    Prepared {
        program,
        results,
        partial_counts: vec![],
        ended: vec![],
        plan_s: started.elapsed().as_secs_f64(),
        product_flops,
    }
}

/// The key of the random numbers of a step.
pub(crate) fn random_key(seed: u64, step: u64) -> Tensor {
    // A odd multiplier keeps (seed, step) apart; the stream itself is ChaCha's.
    Tensor::scalar(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(step) as i64)
}

/// The spec of results that are scalars.
pub(crate) fn scalar_spec(dtype: DType) -> Spec {
    Spec::known(dtype, &[])
}
