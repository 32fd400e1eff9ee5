//! A batch cut in shards: the graph of each, and how it is fed.

use super::packed_rows::PackedRows;
use super::runtime::Runtime;
use super::work::{flops, step_bytes};
use crate::layers::{Cx, Flow, Gathered, LayerRef, States, WeightTree};
use crate::model::{LoweredModel, PackedEntries, lower_model};
use crate::{Error, Result};
use cornu_cpu::{
    Feed, Fetch, Part, ProgramSpec, Shard, SlotId, Store, prediction_rows, shard_rows,
};
use cornu_ir::{Builder, Spec, ValueId, Var};
use std::collections::HashMap;

/// What a mode adds to the lowered model: outputs of the shard graph with where they go.
pub(crate) struct ShardBody<'g> {
    pub(crate) lowered: LoweredModel<'g>,
    pub(crate) gathered: Gathered<'g>,
}

/// The seams of a shard program: how the inputs of its graph are fed.
pub(crate) struct Seams<'a> {
    pub(crate) layer: &'a LayerRef,
    pub(crate) tree: &'a WeightTree,
    pub(crate) slots: &'a [SlotId],
    /// Specs of the batch's arrays: entries of the model first; what tells the ends of packed
    /// sequences last.
    pub(crate) specs: &'a [Spec],
    /// How many of them are entries.
    pub(crate) n_entries: usize,
    pub(crate) training: bool,
    /// How sequences of unequal length stand in packed rows, and which arrays do.
    pub(crate) packed: Option<(&'a PackedRows, &'a [bool])>,
    /// The batch must stay in one graph.
    pub(crate) whole: bool,
    /// How recurrent layers treat their states.
    pub(crate) states: States,
    /// Threads that a prediction is cut for; what is added over rows is cut by shapes alone.
    pub(crate) threads: Option<usize>,
}

/// A value that a shard program gives out.
pub(crate) struct Out<'g> {
    pub(crate) name: String,
    pub(crate) value: Var<'g>,
    pub(crate) fetch: Fetch,
}

/// Turns the lowered model and the further data (targets, weights) into the outputs of the graph.
/// It is called once for each size of shard and must give the same outputs each time.
pub(crate) type Finish<'a> =
    dyn for<'g> FnMut(&Cx<'g>, ShardBody<'g>, &[Flow<'g>]) -> Result<Vec<Out<'g>>> + 'a;

/// Writes shard graphs of one batch.
struct ShardWriter<'a, 'f> {
    runtime: &'a mut Runtime,
    store: &'a mut Store,
    seams: &'a Seams<'a>,
    finish: &'a mut Finish<'f>,
    batch: usize,
    /// Whether a graph has shown that rows meet, so that the batch must not be cut.
    rows_meet: bool,
}

impl<'a, 'f> ShardWriter<'a, 'f> {
    fn new(
        runtime: &'a mut Runtime,
        store: &'a mut Store,
        seams: &'a Seams<'a>,
        finish: &'a mut Finish<'f>,
    ) -> Result<Self> {
        let unknown = || Error::Config("a batch of known size is needed".into());
        let batch =
            seams.packed.map(|(p, _)| p.batch()).or(seams.specs[0].dims[0]).ok_or_else(unknown)?;
        Ok(Self { runtime, store, seams, finish, batch, rows_meet: seams.whole })
    }

    /// The graph of a shard of so many samples.
    fn write(&mut self, samples: usize) -> Result<Part> {
        let Seams { specs, n_entries, packed, .. } = *self.seams;
        let b = Builder::new();
        let cx = Cx::new(&b, self.seams.training, Some(self.batch)).with_states(self.seams.states);
        let in_rows = |i: usize| packed.is_some_and(|(_, in_rows)| in_rows.get(i) == Some(&true));
        let rows_of = |i: usize| packed.filter(|_| in_rows(i)).map_or(samples, |(p, _)| p.rows);
        let here = |(i, s): (usize, &Spec)| {
            Spec::new(s.dtype, [&[Some(rows_of(i))], &s.dims[1..]].concat())
        };
        let n_data = specs.len() - packed.is_some() as usize;
        let data: Vec<Spec> = specs[..n_data].iter().enumerate().map(here).collect();
        let entries: Vec<bool> = (0..n_entries).map(in_rows).collect();
        let entries = packed.map(|(p, _)| PackedEntries {
            batch_and_timesteps: [samples, p.timesteps],
            rows: p.rows,
            entries: &entries,
        });
        let lowered = lower_model(
            &cx,
            self.seams.layer,
            self.seams.tree,
            &data[..n_entries],
            entries.as_ref(),
        )?;
        let packing = lowered.packing;
        let cx = packing.map_or_else(|| cx.clone(), |p| cx.with_packing(p));
        let further: Vec<Var<'_>> = data[n_entries..]
            .iter()
            .enumerate()
            .map(|(i, s)| b.input(format!("y{i}"), s.clone()))
            .collect();
        let gathered = cx.take_gathered();
        let mut feeds: HashMap<ValueId, Feed> = HashMap::new();
        let feed = |i: usize| if in_rows(i) { Feed::Share(i) } else { Feed::Rows(i) };
        feeds.extend(
            lowered.inputs.iter().chain(&further).enumerate().map(|(i, v)| (v.id(), feed(i))),
        );
        feeds.extend(packing.iter().map(|p| (p.own.id(), Feed::Rows(n_data))));
        feeds.extend(
            lowered.weights.iter().zip(self.seams.slots).map(|(v, s)| (v.id(), Feed::State(*s))),
        );
        if let Some((key, row)) = gathered.random {
            feeds.insert(key.id(), Feed::Whole(specs.len()));
            feeds.insert(row.id(), Feed::FirstRow);
        }
        let mut state_slots = Vec::new();
        for s in &gathered.states {
            let slot = self.runtime.state_slot(self.store, s.key, self.batch, &s.before.spec())?;
            feeds.insert(s.before.id(), Feed::StateRows(slot));
            state_slots.push((s.after, slot));
        }
        let updates: Vec<(SlotId, Var<'_>)> =
            gathered.updates.iter().map(|(n, v)| (self.seams.slots[*n], *v)).collect();
        let lowered_whole = gathered.whole;
        let further: Vec<Flow<'_>> = further
            .iter()
            .enumerate()
            .map(|(i, v)| if in_rows(n_entries + i) { cx.of_rows(*v) } else { Flow::new(*v) })
            .collect();
        let outs = (self.finish)(&cx, ShardBody { lowered, gathered }, &further)?;
        // Losses and metrics may say so as well as layers.
        self.rows_meet |= lowered_whole | cx.take_gathered().whole;
        let mut fetches = Vec::new();
        for o in outs {
            b.output(o.name, o.value);
            fetches.push(o.fetch);
        }
        for (after, slot) in state_slots {
            b.output("state", after);
            fetches.push(Fetch::StateRows(slot));
        }
        if self.seams.training {
            for (slot, v) in updates {
                b.output("update", v);
                fetches.push(Fetch::State(slot));
            }
        }
        b.check()?;
        let graph = b.finish()?;
        let feeds = graph.inputs.iter().map(|p| feeds[&p.value]).collect();
        Ok(Part { graph: cornu_ir::passes::run(graph), feeds, fetches })
    }

    /// Samples of a shard of the batch, by the graph of the whole.
    fn shard_of(&self, whole: &Part) -> usize {
        let flops_per_row = flops(&whole.graph) / self.batch.max(1) as f64;
        match (self.rows_meet, self.seams.threads) {
            (true, _) => self.batch,
            (false, Some(threads)) => prediction_rows(self.batch, flops_per_row, threads),
            (false, None) => shard_rows(self.batch, flops_per_row, step_bytes(&whole.graph)),
        }
    }
}

/// In how many shards a batch of sequences of unequal length is cut; the seams are those of the
/// batch in one.
pub(crate) fn count_shards(
    runtime: &mut Runtime,
    store: &mut Store,
    seams: &Seams<'_>,
    finish: &mut Finish<'_>,
) -> Result<usize> {
    let mut writer = ShardWriter::new(runtime, store, seams, finish)?;
    let whole = writer.write(writer.batch)?;
    Ok(writer.batch.div_ceil(writer.shard_of(&whole)))
}

/// Writes the shard graphs of a batch and says how they are fed.
pub(crate) fn shard_program(
    runtime: &mut Runtime,
    store: &mut Store,
    seams: &Seams<'_>,
    finish: &mut Finish<'_>,
) -> Result<ProgramSpec> {
    let mut writer = ShardWriter::new(runtime, store, seams, finish)?;
    let batch = writer.batch;
    let samples: Vec<usize> = match seams.packed {
        Some((packed, _)) => packed.shards.clone(),
        None => {
            let whole = writer.write(batch)?;
            let rows = writer.shard_of(&whole);
            if rows >= batch {
                return Ok(ProgramSpec {
                    shard_graphs: vec![whole],
                    shards: vec![Shard { part: 0, first_row: 0, rows: batch }],
                    update: None,
                });
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
    let shard_graphs = sizes.into_iter().map(|n| writer.write(n)).collect::<Result<_>>()?;
    Ok(ProgramSpec { shard_graphs, shards, update: None })
}
