//! What a model keeps between runs: threads, programs by shape, states of stateful layers, the place in the random numbers.

use crate::layers::{Cx, Gathered, LayerRef, States, WeightTree};
use crate::model::{LoweredModel, lower_model};
use crate::{Error, Result};
use cornu_cpu::{Feed, Fetch, Part, Program, ProgramSpec, Shard, SlotId, Store, Threads, shard_rows};
use cornu_ir::{Builder, DType, Graph, Op, Spec, Tensor, ValueId, Var};
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
    /// Operations of floating point of the matrix products of a step, by the operation that takes them.
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
    programs: HashMap<(Mode, Vec<Spec>), Prepared>,
    /// States of stateful layers: layer, state, number of rows.
    states: HashMap<(usize, usize, usize), SlotId>,
}

/// Programs kept at most: beyond it the cache starts anew (shapes of ragged batches come and go).
const MAX_PROGRAMS: usize = 256;

/// What a mode adds to the lowered model: outputs of the shard graph with where they go.
pub(crate) struct ShardBody<'g> {
    pub(crate) lowered: LoweredModel<'g>,
    pub(crate) gathered: Gathered<'g>,
}

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
    }

    /// Cuts gradients after so many timesteps, or leaves them whole.
    pub(crate) fn set_stretch(&mut self, timesteps: Option<usize>) {
        if self.stretch != timesteps {
            self.stretch = timesteps;
            self.programs.retain(|(mode, _), _| *mode != Mode::Train);
        }
    }

    /// Timesteps that gradients reach back at most, where they are cut.
    pub(crate) fn stretch(&self) -> Option<usize> {
        self.stretch
    }

    /// Forgets programs: their meaning has changed.
    pub(crate) fn forget(&mut self) {
        self.programs.clear();
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
    pub(crate) fn set_state(&mut self, store: &mut Store, key: (usize, usize, usize), value: &Tensor) {
        match self.states.get(&key) {
            Some(slot) if store.spec(*slot) == value.spec() => store.replace(*slot, value),
            _ => {
                self.states.insert(key, store.push(value));
            }
        }
    }

    /// The program of a mode for batches of these specs, prepared when first asked for.
    pub(crate) fn prepared(&mut self, mode: Mode, specs: &[Spec], make: impl FnOnce(&mut Self) -> Result<Prepared>) -> Result<(&mut Prepared, &Threads)> {
        let key = (mode, specs.to_vec());
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

    /// The slot of a state for batches of so many rows.
    fn state_slot(&mut self, store: &mut Store, key: (usize, usize), rows: usize, spec: &Spec) -> Result<SlotId> {
        let mut dims = spec.numbers().ok_or_else(|| Error::Config("a stateful layer needs states of known size".into()))?;
        dims[0] = rows;
        let kept = self.states.get(&(key.0, key.1, rows)).copied();
        if let Some(slot) = kept.filter(|slot| store.spec(*slot) == Spec::known(spec.dtype, &dims)) {
            return Ok(slot);
        }
        let slot = store.push(&Tensor::zeros(spec.dtype, &dims));
        self.states.insert((key.0, key.1, rows), slot);
        Ok(slot)
    }
}

/// The seams of a shard program: how the inputs of its graph are fed.
pub(crate) struct Seams<'a> {
    pub(crate) layer: &'a LayerRef,
    pub(crate) tree: &'a WeightTree,
    pub(crate) slots: &'a [SlotId],
    /// Specs of the batch: entries of the model first.
    pub(crate) specs: &'a [Spec],
    /// How many of them are entries.
    pub(crate) n_entries: usize,
    pub(crate) training: bool,
    /// Whether the last spec is the mask of sequences of unequal length.
    pub(crate) ragged: bool,
    /// The batch must stay in one graph.
    pub(crate) whole: bool,
    /// How recurrent layers treat their states.
    pub(crate) states: States,
}

/// A value that a shard program gives out.
pub(crate) struct Out<'g> {
    pub(crate) name: String,
    pub(crate) value: Var<'g>,
    pub(crate) fetch: Fetch,
}

/// Writes the shard graphs of a batch and says how they are fed. `finish` turns the lowered model and the further data (targets,
/// weights) into the outputs of the graph; it is called once for each size of shard and must give the same outputs each time.
pub(crate) fn shard_program(
    runtime: &mut Runtime,
    store: &mut Store,
    seams: &Seams<'_>,
    finish: &mut dyn for<'g> FnMut(&Cx<'g>, ShardBody<'g>, &[Var<'g>]) -> Result<Vec<Out<'g>>>,
) -> Result<ProgramSpec> {
    let batch = seams.specs[0].dims[0].ok_or_else(|| Error::Config("a batch of known size is needed".into()))?;
    let rows_meet = std::cell::Cell::new(seams.whole);
    let mut write = |rows: usize| -> Result<Part> {
        let b = Builder::new();
        let cx = Cx::new(&b, seams.training, Some(batch)).with_states(seams.states);
        let specs: Vec<Spec> = seams
            .specs
            .iter()
            .map(|s| {
                let mut s = s.clone();
                s.dims[0] = Some(rows);
                s
            })
            .collect();
        let n_data = specs.len() - seams.ragged as usize;
        let timesteps = if seams.ragged { specs[n_data].dims[1] } else { None };
        let lowered = lower_model(&cx, seams.layer, seams.tree, &specs[..seams.n_entries], timesteps)?;
        let further: Vec<Var<'_>> = specs[seams.n_entries..n_data].iter().enumerate().map(|(i, s)| b.input(format!("y{i}"), s.clone())).collect();
        let gathered = cx.take_gathered();
        let mut feeds: HashMap<ValueId, Feed> = HashMap::new();
        feeds.extend(lowered.inputs.iter().chain(&further).enumerate().map(|(i, v)| (v.id(), Feed::Rows(i))));
        feeds.extend(lowered.mask.iter().map(|m| (m.id(), Feed::Rows(n_data))));
        feeds.extend(lowered.weights.iter().zip(seams.slots).map(|(v, s)| (v.id(), Feed::State(*s))));
        if let Some((key, row)) = gathered.random {
            feeds.insert(key.id(), Feed::Whole(seams.specs.len()));
            feeds.insert(row.id(), Feed::FirstRow);
        }
        let mut state_slots = Vec::new();
        for s in &gathered.states {
            let slot = runtime.state_slot(store, s.key, batch, &s.before.spec())?;
            feeds.insert(s.before.id(), Feed::StateRows(slot));
            state_slots.push((s.after, slot));
        }
        let updates: Vec<(SlotId, Var<'_>)> = gathered.updates.iter().map(|(n, v)| (seams.slots[*n], *v)).collect();
        let lowered_whole = gathered.whole;
        let outs = finish(&cx, ShardBody { lowered, gathered }, &further)?;
        // Losses and metrics may say so as well as layers.
        rows_meet.set(rows_meet.get() || lowered_whole || cx.take_gathered().whole);
        let mut fetches = Vec::new();
        for o in outs {
            b.output(o.name, o.value);
            fetches.push(o.fetch);
        }
        for (after, slot) in state_slots {
            b.output("state", after);
            fetches.push(Fetch::StateRows(slot));
        }
        if seams.training {
            for (slot, v) in updates {
                b.output("update", v);
                fetches.push(Fetch::State(slot));
            }
        }
        b.check()?;
        let graph = b.finish()?;
        let feeds = graph.inputs.iter().map(|p| feeds[&p.value]).collect();
        Ok(Part { graph: cornu_ir::passes::run(graph), feeds, fetches })
    };
    let whole = write(batch)?;
    let rows = if rows_meet.get() { batch } else { shard_rows(batch, flops(&whole.graph) / batch.max(1) as f64, step_bytes(&whole.graph)) };
    if rows >= batch {
        return Ok(ProgramSpec { shard_graphs: vec![whole], shards: vec![Shard { part: 0, first_row: 0, rows: batch }], update: None });
    }
    let mut sizes: Vec<usize> = vec![];
    let mut shards = vec![];
    for first_row in (0..batch).step_by(rows) {
        let n = rows.min(batch - first_row);
        let part = sizes.iter().position(|s| *s == n).unwrap_or_else(|| {
            sizes.push(n);
            sizes.len() - 1
        });
        shards.push(Shard { part, first_row, rows: n });
    }
    let shard_graphs = sizes.into_iter().map(write).collect::<Result<_>>()?;
    Ok(ProgramSpec { shard_graphs, shards, update: None })
}

/// Operations of floating point of a concrete graph, roughly: products exactly, everything else one an element.
pub(crate) fn flops(g: &Graph) -> f64 {
    g.nodes.iter().map(|node| flops_of(g, node)).sum()
}

fn flops_of(g: &Graph, node: &cornu_ir::graph::Node) -> f64 {
    let n = |v: &ValueId| g.spec(*v).n_elements().unwrap_or(0) as f64;
    let product_of_weights = |node: &cornu_ir::graph::Node, first: usize| {
        let rows = g.spec(node.ins[0]).dims[0].unwrap_or(0) as f64;
        2.0 * rows * node.ins[first..].iter().filter(|v| g.spec(**v).rank() == 2 && g.spec(**v).dims[0] != g.spec(node.ins[0]).dims[0]).map(n).sum::<f64>()
    };
    match &node.op {
        Op::MatMul(m) => {
            let s = g.spec(node.ins[0]);
            let k = if m.transpose_a { s.dims[s.rank() - 2] } else { s.dims[s.rank() - 1] };
            2.0 * n(&node.outs[0]) * k.unwrap_or(0) as f64
        }
        Op::Scan(s) => s.steps.unwrap_or(0) as f64 * flops(&s.body),
        op if ["Lstm", "Gru", "SimpleRnn"].contains(&op.name()) => product_of_weights(node, 1),
        op if op.name().ends_with("Grad") => 2.0 * product_of_weights(node, 1),
        Op::Constant(_) | Op::Reshape(_) => 0.0,
        _ => node.outs.iter().map(n).sum(),
    }
}

/// Bytes of the largest recurrent weights: what a timestep reads.
fn step_bytes(g: &Graph) -> usize {
    let recurrent = g.nodes.iter().filter(|n| ["Lstm", "Gru", "SimpleRnn"].contains(&n.op.name()));
    recurrent.map(|n| g.spec(n.ins[2])).map(|s| s.n_elements().unwrap_or(0) * s.dtype.size_bytes()).max().unwrap_or(0)
}

/// Operations of floating point of the matrix products of a step, by the operation that takes them.
fn product_flops(spec: &ProgramSpec) -> Vec<(&'static str, f64)> {
    let mut all: Vec<(&'static str, f64)> = Vec::new();
    for shard in &spec.shards {
        let g = &spec.shard_graphs[shard.part].graph;
        let uses = g.use_counts();
        for node in &g.nodes {
            let flops = node_product_flops(g, node, &uses);
            match all.iter_mut().find(|(name, _)| *name == node.op.name()) {
                Some(row) => row.1 += flops,
                None => all.push((node.op.name(), flops)),
            }
        }
    }
    all
}

fn node_product_flops(g: &Graph, node: &cornu_ir::graph::Node, uses: &[u32]) -> f64 {
    let n = |v: ValueId| g.spec(v).n_elements().unwrap_or(0) as f64;
    let rows = || g.spec(node.ins[0]).dims[0].unwrap_or(0) as f64;
    match &node.op {
        Op::MatMul(_) => flops_of(g, node),
        Op::Scan(s) => {
            let uses = s.body.use_counts();
            s.steps.unwrap_or(0) as f64 * s.body.nodes.iter().map(|node| node_product_flops(&s.body, node, &uses)).sum::<f64>()
        }
        Op::Lstm(_) | Op::Gru(_) | Op::SimpleRnn(_) => 2.0 * rows() * (n(node.ins[1]) + n(node.ins[2])),
        // The gradient of the inputs is taken only where something reads it.
        Op::LstmGrad(_) | Op::GruGrad(_) | Op::SimpleRnnGrad(_) => {
            let inputs = if uses[node.outs[0].0 as usize] > 0 { 2.0 } else { 1.0 };
            2.0 * rows() * (inputs * n(node.ins[1]) + 2.0 * n(node.ins[2]))
        }
        _ => 0.0,
    }
}

/// A program with buffers for results of these specs.
pub(crate) fn prepare(spec: ProgramSpec, results: &[Spec], started: std::time::Instant) -> Prepared {
    let results = results.iter().map(|s| Tensor::zeros(s.dtype, &s.numbers().expect("results of known size"))).collect();
    let product_flops = product_flops(&spec);
    let program = Program::new(spec);
    Prepared { program, results, partial_counts: vec![], ended: vec![], plan_s: started.elapsed().as_secs_f64(), product_flops }
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
