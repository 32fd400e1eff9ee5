//! What all runs of a step share: its graphs laid out, which of their outputs are summed.

use crate::frame::Layout;
use crate::spec::{Feed, Fetch, Part, ProgramSpec, Shard};
use crate::store::SlotId;
use cornu_ir::graph::Port;
use cornu_ir::plan::{ALIGN_BYTES, OutputPlace};
use cornu_ir::{DType, Graph, Op};
use std::ops::Range;
use std::sync::Arc;

/// A step laid out. Any number of [`Program`](crate::Program)s run it, each in memory of its own.
#[derive(Debug)]
pub struct ProgramLayout {
    pub(crate) parts: Vec<PartLayout>,
    pub(crate) shards: Vec<Shard>,
    /// Steps between all-reduces of the shards: the same number in every part.
    pub(crate) n_segments: usize,
    pub(crate) sums: Vec<SumLayout>,
    pub(crate) update: Option<PartLayout>,
    /// Whether a run changes variables of the store.
    pub(crate) writes_store: bool,
}

/// A graph laid out, with its feeds and fetches.
#[derive(Debug)]
pub(crate) struct PartLayout {
    pub(crate) layout: Arc<Layout>,
    pub(crate) feeds: Vec<Feed>,
    pub(crate) fetches: Vec<Fetch>,
    pub(crate) tables: Vec<TableSum>,
    meetings: Vec<usize>,
    /// Where each output that a shard keeps to itself lies, behind what the plan takes of the
    /// shard's arena.
    pub(crate) own: Vec<Option<usize>>,
    pub(crate) arena_bytes: usize,
}

/// A sum over the shards: the output that holds its terms, and of rows of a table the output that
/// holds their indices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SumLayout {
    pub(crate) values: usize,
    pub(crate) index: Option<usize>,
}

/// A sum whose terms are rows of a table: the outputs that hold the rows and the table's row of
/// each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TableSum {
    pub(crate) values: usize,
    pub(crate) index: usize,
    pub(crate) rows: usize,
    pub(crate) width: usize,
}

/// A shard's graph in which tables made by [`ScatterAdd`](cornu_ir::ops::ScatterAdd) only to be
/// summed are not made: their outputs are the rows, and outputs behind all others are the indices.
fn without_tables(part: &Part) -> (Graph, Vec<TableSum>) {
    let mut graph = part.graph.clone();
    let uses = graph.use_counts();
    let mut tables = Vec::new();
    for (i, _) in part.fetches.iter().enumerate().filter(|(_, f)| matches!(f, Fetch::Sum(_))) {
        let v = graph.outputs[i].value;
        let Some(node) = graph
            .producer(v)
            .filter(|n| matches!(n.op, Op::ScatterAdd(_)) && uses[v.0 as usize] == 1)
        else {
            continue;
        };
        let (values, index) = (node.ins[0], node.ins[1]);
        let dims = graph.spec(v).numbers().expect("a concrete graph");
        if graph.spec(v).dtype == DType::F32 {
            let (rows, width) = (dims[0], dims[1..].iter().product());
            tables.push(TableSum { values: i, index: graph.outputs.len(), rows, width });
            graph.outputs[i].value = values;
            graph.outputs.push(Port { name: String::new(), value: index });
        }
    }
    (graph, tables)
}

impl PartLayout {
    fn new(
        part: Part,
        tables: Vec<TableSum>,
        places: &[OutputPlace],
        keeps: impl Fn(Option<&Fetch>) -> bool,
    ) -> Self {
        assert_eq!(part.graph.inputs.len(), part.feeds.len(), "a feed for each input");
        assert_eq!(
            part.graph.outputs.len(),
            part.fetches.len() + tables.len(),
            "a fetch for each output"
        );
        let mut layout = Layout::new(part.graph, places);
        layout.mark_states(|i| matches!(part.feeds[i], Feed::State(_)));
        let layout = Arc::new(layout);
        let mut arena_bytes = layout.plan.arena_bytes.next_multiple_of(ALIGN_BYTES);
        let mut take = |bytes: usize| {
            arena_bytes += bytes.next_multiple_of(ALIGN_BYTES);
            arena_bytes - bytes.next_multiple_of(ALIGN_BYTES)
        };
        let own = (0..places.len())
            .map(|i| keeps(part.fetches.get(i)).then(|| take(layout.output(i).bytes())))
            .collect();
        let meetings = layout.meetings();
        let (feeds, fetches) = (part.feeds, part.fetches);
        Self { layout, feeds, fetches, tables, meetings, own, arena_bytes }
    }

    /// The steps before, between and after the all-reduces.
    pub(crate) fn segments(&self, reduce: bool) -> Vec<Range<usize>> {
        let end = self.layout.steps.len();
        if !reduce {
            return std::iter::once(0..end).collect();
        }
        let starts = std::iter::once(0).chain(self.meetings.iter().map(|m| m + 1));
        starts.zip(self.meetings.iter().copied().chain([end])).map(|(a, b)| a..b).collect()
    }

    fn writes_store(&self) -> bool {
        self.fetches.iter().any(|f| matches!(f, Fetch::State(_) | Fetch::StateRows(_)))
    }
}

impl ProgramLayout {
    /// Lays out a step. The graphs must be concrete and agree with each other: both are checked
    /// with a panic, for they are written by the lowering and not by a user.
    pub fn new(spec: ProgramSpec) -> Self {
        let parts: Vec<PartLayout> = (spec.shard_graphs.into_iter())
            .map(|p| {
                let (graph, tables) = without_tables(&p);
                let places = vec![OutputPlace::Own; graph.outputs.len()];
                let kept = |f: Option<&Fetch>| !matches!(f, Some(Fetch::Rows(_)));
                PartLayout::new(Part { graph, ..p }, tables, &places, kept)
            })
            .collect();
        for p in parts.iter().skip(1) {
            assert!(
                p.feeds == parts[0].feeds
                    && p.fetches == parts[0].fetches
                    && p.tables == parts[0].tables,
                "shard graphs with the same inputs and outputs"
            );
            assert_eq!(
                p.meetings.len(),
                parts[0].meetings.len(),
                "shard graphs with the same all-reduces"
            );
        }
        let whole = spec.shards.len() == 1;
        let n_segments = spec.shards.first().map_or(0, |s| parts[s.part].segments(!whole).len());
        let sums = spec.shards.first().map_or(vec![], |first| sums(&parts[first.part]));
        let update = spec.update.map(|p| {
            let replaced = |slot: SlotId| {
                let at = p.feeds.iter().position(|f| *f == Feed::State(slot));
                at.map_or(OutputPlace::Own, OutputPlace::Replaces)
            };
            let place = |f: &Fetch| match f {
                Fetch::State(s) => replaced(*s),
                _ => OutputPlace::Own,
            };
            let places: Vec<OutputPlace> = p.fetches.iter().map(place).collect();
            PartLayout::new(p, vec![], &places, |_| false)
        });
        for p in parts.iter().chain(&update) {
            let mut written: Vec<usize> = p.fetches.iter().filter_map(written_slot).collect();
            written.sort_unstable();
            assert!(written.windows(2).all(|w| w[0] != w[1]), "a slot is written once");
        }
        let writes_store = parts.iter().chain(&update).any(PartLayout::writes_store);
        Self { parts, shards: spec.shards, n_segments, sums, update, writes_store }
    }

    /// The part of a shard.
    pub(crate) fn part(&self, shard: &Shard) -> &PartLayout {
        &self.parts[shard.part]
    }

    /// The layouts of the shard graphs and the update graph as text.
    pub fn plans(&self) -> Vec<String> {
        self.parts.iter().chain(&self.update).map(|p| p.layout.plan.to_string()).collect()
    }
}

/// The slot that an output is written to.
fn written_slot(fetch: &Fetch) -> Option<usize> {
    match fetch {
        Fetch::State(slot) | Fetch::StateRows(slot) => Some(slot.0),
        _ => None,
    }
}

/// The sums of a part, numbered from 0.
fn sums(part: &PartLayout) -> Vec<SumLayout> {
    let mut sums: Vec<(usize, SumLayout)> = Vec::new();
    for (values, f) in part.fetches.iter().enumerate() {
        let Fetch::Sum(k) = *f else { continue };
        let index = part.tables.iter().find(|t| t.values == values).map(|t| t.index);
        sums.push((k, SumLayout { values, index }));
    }
    sums.sort_by_key(|s| s.0);
    assert!(sums.iter().enumerate().all(|(i, (k, _))| i == *k), "sums numbered from 0");
    sums.into_iter().map(|s| s.1).collect()
}
