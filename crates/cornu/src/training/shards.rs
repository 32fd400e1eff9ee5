//! A batch cut in shards: the graph of each, and where its inputs come from.

use super::task::{ShardBody, Stage, Task};
use crate::Result;
use crate::lowering::{Cx, Flow, RowState};
use crate::model::{LoweredModel, PackedEntries, lower_model};
use crate::runtime::{BatchShape, Mode};
use cornu_cpu::{Feed, Fetch, Part, ProgramSpec, Shard, SlotId, Store};
use cornu_cpu::{prediction_rows, shard_rows};
use cornu_ir::{Builder, Spec, ValueId, Var};
use std::collections::HashMap;

/// The shards of a batch, and the store that they run on.
pub(crate) struct Shards {
    pub(crate) spec: ProgramSpec,
    /// The stage's store, then the states of stateful layers.
    pub(crate) store: Store,
    /// Specs of the states that the task keeps itself, which come in behind the batch's arrays and
    /// the random key, and go out behind the task's own outputs.
    pub(crate) kept: Vec<Spec>,
}

/// Writes the graphs of the shards of one batch.
pub(crate) struct ShardWriter<'a> {
    stage: Stage<'a>,
    shape: &'a BatchShape,
    task: &'a mut dyn Task,
    store: Store,
    /// Where the states of stateful layers stand in the store: layer, state.
    states: HashMap<(usize, usize), SlotId>,
    kept: Vec<Spec>,
    batch: usize,
    /// Whether a graph has shown that results of a row depend on other rows, so that the batch must
    /// not be cut.
    couples_rows: bool,
}

impl<'a> ShardWriter<'a> {
    /// A writer for a task on batches of a shape.
    ///
    /// # Errors
    /// The number of samples is not known.
    pub(crate) fn new(
        stage: Stage<'a>,
        shape: &'a BatchShape,
        task: &'a mut dyn Task,
    ) -> Result<Self> {
        let couples_rows = task.lowering().whole;
        let (store, states, kept) = (stage.store.clone(), HashMap::new(), vec![]);
        Ok(Self { stage, shape, batch: shape.samples()?, task, store, states, kept, couples_rows })
    }

    /// In how many shards the batch is to be cut, by the graph of the whole; the shards too, if
    /// there is but one.
    pub(crate) fn count(mut self) -> Result<(usize, Option<Shards>)> {
        let whole = self.part(self.batch)?;
        let n = self.batch.div_ceil(self.rows_of_shard(&whole));
        Ok((n, (n == 1).then(|| self.in_one(whole))))
    }

    /// Writes the graph of each size of shard.
    pub(crate) fn write(mut self) -> Result<Shards> {
        let batch = self.batch;
        let samples: Vec<usize> = match &self.shape.packed {
            Some(packed) => packed.shards.clone(),
            None => {
                let whole = self.part(batch)?;
                let rows = self.rows_of_shard(&whole);
                if rows >= batch {
                    return Ok(self.in_one(whole));
                }
                (0..batch).step_by(rows).map(|first| rows.min(batch - first)).collect()
            }
        };
        let mut sizes: Vec<usize> = vec![];
        let mut shards = vec![];
        let mut first_row = 0;
        for n in samples {
            let part = sizes.iter().position(|s| *s == n).unwrap_or_else(|| {
                sizes.push(n);
                sizes.len() - 1
            });
            shards.push(Shard { part, first_row, rows: n });
            first_row += n;
        }
        let shard_graphs = sizes.into_iter().map(|n| self.part(n)).collect::<Result<_>>()?;
        let spec = ProgramSpec { shard_graphs, shards, update: None };
        Ok(Shards { spec, store: self.store, kept: self.kept })
    }

    fn in_one(self, whole: Part) -> Shards {
        let shards = vec![Shard { part: 0, first_row: 0, rows: self.batch }];
        let spec = ProgramSpec { shard_graphs: vec![whole], shards, update: None };
        Shards { spec, store: self.store, kept: self.kept }
    }

    /// Samples of a shard, by the graph of the whole batch.
    fn rows_of_shard(&self, whole: &Part) -> usize {
        let flops_per_row = whole.graph.flops() / self.batch.max(1) as f64;
        match (self.couples_rows, self.task.lowering().threads) {
            (true, _) => self.batch,
            (false, Some(threads)) => prediction_rows(self.batch, flops_per_row, threads),
            (false, None) => shard_rows(self.batch, flops_per_row, whole.graph.step_bytes()),
        }
    }

    /// The graph of a shard of so many samples.
    fn part(&mut self, samples: usize) -> Result<Part> {
        let lowering = self.task.lowering();
        let training = lowering.mode == Mode::Train;
        let (shape, n_entries) = (self.shape, lowering.n_entries);
        let b = Builder::new();
        let cx = Cx::new(&b, training, Some(self.batch)).with_states(lowering.states);
        let data: Vec<Spec> = (0..shape.n_data()).map(|i| shape.of_shard(i, samples)).collect();
        let in_rows: Vec<bool> = (0..n_entries).map(|i| shape.stands_in_rows(i)).collect();
        let packed = shape.packed.as_ref().map(|p| PackedEntries {
            batch_and_timesteps: [samples, p.timesteps],
            rows: p.rows,
            entries: &in_rows,
        });
        let Stage { model, tree, .. } = self.stage;
        let lowered =
            lower_model(&cx, model.as_layer(), tree, &data[..n_entries], packed.as_ref())?;
        let packing = lowered.packing;
        let cx = packing.map_or_else(|| cx.clone(), |p| cx.with_packing(p));
        let further: Vec<Var<'_>> = data[n_entries..]
            .iter()
            .enumerate()
            .map(|(i, s)| b.input(format!("y{i}"), s.clone()))
            .collect();
        let gathered = cx.take_gathered();
        let mut feeds = self.data_feeds(&lowered, &further);
        if let Some((key, row)) = gathered.random {
            feeds.insert(key.id(), Feed::Whole(shape.specs.len()));
            feeds.insert(row.id(), Feed::FirstRow);
        }
        let mut states = Vec::new();
        self.kept.clear();
        for (k, s) in gathered.states.iter().enumerate() {
            if lowering.states.kept {
                self.kept.push(s.before.spec());
                feeds.insert(s.before.id(), Feed::Rows(shape.specs.len() + 1 + k));
                states.push((s.after, None));
            } else {
                let slot = self.state_slot(s)?;
                feeds.insert(s.before.id(), Feed::StateRows(slot));
                states.push((s.after, Some(slot)));
            }
        }
        let updates: Vec<(SlotId, Var<'_>)> =
            gathered.updates.iter().map(|(n, v)| (SlotId(*n), *v)).collect();
        self.couples_rows |= gathered.whole;
        let further: Vec<Flow<'_>> =
            further
                .iter()
                .enumerate()
                .map(|(i, v)| {
                    if shape.stands_in_rows(n_entries + i) { cx.of_rows(*v) } else { Flow::new(*v) }
                })
                .collect();
        let outs = self.task.outputs(&cx, ShardBody { lowered, gathered }, &further)?;
        // Losses and metrics may say so as well as layers.
        self.couples_rows |= cx.take_gathered().whole;
        let mut fetches = Vec::new();
        for o in outs {
            b.output(o.name, o.value);
            fetches.push(o.fetch);
        }
        let n_outs = fetches.len();
        for (k, (after, slot)) in states.into_iter().enumerate() {
            b.output("state", after);
            fetches.push(slot.map_or(Fetch::Rows(n_outs + k), Fetch::StateRows));
        }
        for (slot, v) in updates.into_iter().filter(|_| training) {
            b.output("update", v);
            fetches.push(Fetch::State(slot));
        }
        b.check()?;
        let graph = b.finish()?;
        let feeds = graph.inputs.iter().map(|p| feeds[&p.value]).collect();
        Ok(Part { graph: cornu_ir::passes::run(graph), feeds, fetches })
    }

    /// Where the batch's arrays and the weights come from.
    fn data_feeds(
        &self,
        lowered: &LoweredModel<'_>,
        further: &[Var<'_>],
    ) -> HashMap<ValueId, Feed> {
        let data = lowered.inputs.iter().chain(further).enumerate();
        let of_data =
            |i: usize| if self.shape.stands_in_rows(i) { Feed::Share(i) } else { Feed::Rows(i) };
        let own = lowered.packing.iter().map(|p| (p.own.id(), Feed::Rows(self.shape.n_data())));
        let weights = lowered.weights.iter().enumerate();
        data.map(|(i, v)| (v.id(), of_data(i)))
            .chain(own)
            .chain(weights.map(|(i, v)| (v.id(), Feed::State(SlotId(i)))))
            .collect()
    }

    fn state_slot(&mut self, state: &RowState<'_>) -> Result<SlotId> {
        if let Some(slot) = self.states.get(&state.key) {
            return Ok(*slot);
        }
        let variable = state.held.state(state.key.1, self.batch, &state.before.spec())?;
        let slot = self.store.push(variable);
        self.states.insert(state.key, slot);
        Ok(slot)
    }
}
