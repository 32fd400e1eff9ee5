//! Running a step: shards in threads, their sums, the update.

use crate::frame::{Frame, Layout};
use crate::memory::{address, address_mut};
use crate::spec::{Feed, Fetch, Part, ProgramSpec, Shard};
use crate::store::{SlotId, Store};
use crate::sums::{Sum, add_tree};
use crate::threads::Threads;
use crate::workspace::Workspace;
use cornu_ir::graph::Port;
use cornu_ir::plan::{ALIGN_BYTES, OutputPlace};
use cornu_ir::{DType, Graph, Op, View, ViewMut};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// A step of training or prediction, laid out and ready to run any number of times.
#[derive(Debug)]
pub struct Program {
    parts: Vec<BoundPart>,
    shards: Vec<ShardRun>,
    /// Steps between meetings: the same number in every part.
    n_segments: usize,
    sums: Vec<BoundSum>,
    update: Option<(BoundPart, Frame)>,
}

#[derive(Debug)]
struct BoundPart {
    layout: Arc<Layout>,
    feeds: Vec<Feed>,
    fetches: Vec<Fetch>,
    tables: Vec<TableSum>,
    meetings: Vec<usize>,
    /// Where each output that a shard keeps to itself lies, behind what the plan takes of the
    /// shard's arena.
    own: Vec<Option<usize>>,
    arena_bytes: usize,
}

/// A sum and the outputs of the shards that are its terms.
#[derive(Debug)]
struct BoundSum {
    sum: Sum,
    values: usize,
    index: Option<usize>,
}

/// A sum whose terms are rows of a table: the outputs that hold the rows and the table's row of
/// each.
#[derive(Clone, Copy, Debug, PartialEq)]
struct TableSum {
    values: usize,
    index: usize,
    rows: usize,
    width: usize,
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
            tables.push(TableSum {
                values: i,
                index: graph.outputs.len(),
                rows: dims[0],
                width: dims[1..].iter().product(),
            });
            graph.outputs[i].value = values;
            graph.outputs.push(Port { name: String::new(), value: index });
        }
    }
    (graph, tables)
}

#[derive(Debug)]
struct ShardRun {
    shard: Shard,
    layout: Arc<Layout>,
    segments: Vec<Range<usize>>,
    frame: Frame,
    arena: *mut u8,
    first_row: Box<i64>,
}

// SAFETY: the arena is used by the shard's frame and, when no shard runs, by the program.
unsafe impl Send for ShardRun {}
// SAFETY: a shared shard changes nothing.
unsafe impl Sync for ShardRun {}

impl BoundPart {
    fn new(
        part: Part,
        tables: Vec<TableSum>,
        places: &[OutputPlace],
        keeps: impl Fn(Option<&Fetch>) -> bool,
    ) -> BoundPart {
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
        BoundPart {
            layout,
            feeds: part.feeds,
            fetches: part.fetches,
            tables,
            meetings,
            own,
            arena_bytes,
        }
    }

    /// The steps before, between and after the meetings.
    fn segments(&self, meet: bool) -> Vec<Range<usize>> {
        let end = self.layout.steps.len();
        if !meet {
            return std::iter::once(0..end).collect();
        }
        let starts = std::iter::once(0).chain(self.meetings.iter().map(|m| m + 1));
        starts.zip(self.meetings.iter().copied().chain([end])).map(|(a, b)| a..b).collect()
    }
}

impl Program {
    /// Lays out a step. The graphs must be concrete and agree with each other: both are checked
    /// with a panic, for they are written by the lowering and not by a user.
    pub fn new(spec: ProgramSpec) -> Program {
        let whole = spec.shards.len() == 1;
        let parts: Vec<BoundPart> = (spec.shard_graphs.into_iter())
            .map(|p| {
                let (graph, tables) = without_tables(&p);
                let places = vec![OutputPlace::Own; graph.outputs.len()];
                BoundPart::new(Part { graph, ..p }, tables, &places, |f| {
                    !matches!(f, Some(Fetch::Rows(_)))
                })
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
                "shard graphs with the same meetings"
            );
        }
        let shards: Vec<ShardRun> = (spec.shards.iter())
            .map(|&shard| {
                let part = &parts[shard.part];
                ShardRun {
                    shard,
                    layout: part.layout.clone(),
                    segments: part.segments(!whole),
                    frame: Frame::new(&part.layout),
                    arena: std::ptr::null_mut(),
                    first_row: Box::new(shard.first_row as i64),
                }
            })
            .collect();
        let mut sums: Vec<(usize, BoundSum)> = Vec::new();
        if let Some(first) = shards.first() {
            let part = &parts[first.shard.part];
            for (i, f) in part.fetches.iter().enumerate() {
                let Fetch::Sum(k) = *f else { continue };
                let shape = part.layout.output(i);
                let (sum, index) = match part.tables.iter().find(|t| t.values == i) {
                    Some(&TableSum { index, rows, width, .. }) => (
                        Sum::rows(rows, width, shards.iter().map(|s| s.layout.output(index).n)),
                        Some(index),
                    ),
                    None => {
                        assert!(
                            shards.iter().all(|s| s.layout.output(i).dims == shape.dims),
                            "sums of one shape"
                        );
                        (Sum::dense(shape.dtype, shape.n, shards.len()), None)
                    }
                };
                sums.push((k, BoundSum { sum, values: i, index }));
            }
        }
        sums.sort_by_key(|s| s.0);
        assert!(sums.iter().enumerate().all(|(i, (k, _))| i == *k), "sums numbered from 0");
        let update = spec.update.map(|p| {
            let replaced = |slot: SlotId| {
                p.feeds
                    .iter()
                    .position(|f| *f == Feed::State(slot))
                    .map_or(OutputPlace::Own, OutputPlace::Replaces)
            };
            let places: Vec<OutputPlace> = p
                .fetches
                .iter()
                .map(|f| if let Fetch::State(s) = f { replaced(*s) } else { OutputPlace::Own })
                .collect();
            let part = BoundPart::new(p, vec![], &places, |_| false);
            let frame = Frame::new(&part.layout);
            (part, frame)
        });
        let n_segments = shards.first().map_or(0, |s| s.segments.len());
        Program { parts, shards, n_segments, sums: sums.into_iter().map(|s| s.1).collect(), update }
    }

    /// Bytes that the program takes of the memory it shares with the other programs on its store:
    /// the arenas of all shards with what they keep, the tables of sums, the arena of the update.
    pub fn arena_bytes(&self) -> usize {
        let shards: usize = self.shards.iter().map(|s| self.parts[s.shard.part].arena_bytes).sum();
        let tables: usize = self.sums.iter().map(|s| s.sum.table_bytes()).sum();
        shards + tables + self.update.as_ref().map_or(0, |(p, _)| p.arena_bytes)
    }

    /// Runs the step: reads `inputs` and the store, writes `results` and the store.
    pub fn run(
        &mut self,
        threads: &Threads,
        store: &mut Store,
        inputs: &[View<'_>],
        results: &mut [ViewMut<'_>],
    ) {
        self.bind(store, inputs, results);
        let state = store.state();
        self.shards.iter_mut().for_each(|s| s.frame.set_store(state));
        for segment in 0..self.n_segments {
            threads.each(&mut self.shards, |s| {
                // SAFETY: `bind` gave the frame inputs and outputs of its shapes, apart from each
                // other.
                unsafe { s.frame.run(&s.layout, s.segments[segment].clone(), None) }
            });
            self.meet(segment);
        }
        self.finish(threads);
        if let Some((part, frame)) = &mut self.update {
            // SAFETY: `bind` gave the frame inputs and outputs of its shapes; outputs replace
            // inputs as the plan was told.
            unsafe {
                frame.run(&part.layout, 0..part.layout.steps.len(), Some(threads));
                frame.copy_outputs(&part.layout);
            }
        }
        self.clear_tables();
        self.keep_states(store);
        if self.writes_store() {
            store.note_write();
        }
    }

    /// Whether a run changes the store.
    fn writes_store(&self) -> bool {
        let mut parts = self.parts.iter().chain(self.update.iter().map(|u| &u.0));
        parts.any(|p| p.fetches.iter().any(|f| matches!(f, Fetch::State(_) | Fetch::StateRows(_))))
    }

    /// Runs the step on this thread and tells where its time went: operation or phase, calls,
    /// seconds, largest first.
    pub fn profile(
        &mut self,
        store: &mut Store,
        inputs: &[View<'_>],
        results: &mut [ViewMut<'_>],
    ) -> Vec<(&'static str, usize, f64)> {
        let threads = Threads::new(1);
        let mut times: Vec<(&'static str, usize, f64)> = Vec::new();
        let mut last = Instant::now();
        let mut note = |name: &'static str| {
            let elapsed_s = last.elapsed().as_secs_f64();
            match times.iter_mut().find(|t| t.0 == name) {
                Some(t) => (t.1, t.2) = (t.1 + 1, t.2 + elapsed_s),
                None => times.push((name, 1, elapsed_s)),
            }
            last = Instant::now();
        };
        self.bind(store, inputs, results);
        note("(bind)");
        for segment in 0..self.n_segments {
            for s in &mut self.shards {
                for step in s.segments[segment].clone() {
                    // SAFETY: as in `run`.
                    unsafe { s.frame.step(&s.layout, step, None) }
                    note(s.layout.op(step).name());
                }
            }
            self.meet(segment);
            note("(meet)");
        }
        self.finish(&threads);
        note("(sums)");
        if let Some((part, frame)) = &mut self.update {
            for step in 0..part.layout.steps.len() {
                // SAFETY: as in `run`.
                unsafe { frame.step(&part.layout, step, Some(&threads)) }
                note(part.layout.op(step).name());
            }
            // SAFETY: as in `run`.
            unsafe { frame.copy_outputs(&part.layout) }
        }
        self.clear_tables();
        self.keep_states(store);
        if self.writes_store() {
            store.note_write();
        }
        note("(states)");
        times.sort_by(|a, b| b.2.total_cmp(&a.2));
        times
    }

    /// The layouts of the shard graphs and the update graph as text.
    pub fn plans(&self) -> Vec<String> {
        self.parts
            .iter()
            .chain(self.update.as_ref().map(|u| &u.0))
            .map(|p| p.layout.plan.to_string())
            .collect()
    }

    /// Takes the program's place in the shared memory. What lies in it moves only when some program
    /// has asked for more.
    fn settle(&mut self, workspace: &mut Workspace) {
        let mut moved = false;
        for (n, s) in self.shards.iter_mut().enumerate() {
            s.arena = workspace.arena(n + 1, self.parts[s.shard.part].arena_bytes);
            moved |= s.frame.move_to(&s.layout, s.arena);
        }
        for (k, s) in self.sums.iter_mut().enumerate() {
            if s.index.is_some() {
                s.sum.place_table(workspace.table(k, s.sum.table_bytes()));
            }
            if moved {
                for (n, shard) in self.shards.iter().enumerate() {
                    let at = |i: usize| {
                        shard.arena.wrapping_add(
                            self.parts[shard.shard.part].own[i].expect("terms are kept"),
                        )
                    };
                    s.sum.place(n, at(s.values), s.index.map(|i| at(i).cast_const()));
                }
            }
        }
        if let Some((part, frame)) = &mut self.update {
            frame.move_to(&part.layout, workspace.arena(0, part.arena_bytes));
        }
    }

    /// Gives every frame the addresses of this run, all checked against their shapes.
    fn bind(&mut self, store: &mut Store, inputs: &[View<'_>], results: &mut [ViewMut<'_>]) {
        self.settle(&mut store.workspace);
        for (n, s) in self.shards.iter_mut().enumerate() {
            let part = &self.parts[s.shard.part];
            let Shard { first_row, rows, .. } = s.shard;
            for (i, feed) in part.feeds.iter().enumerate() {
                let shape = part.layout.input(i);
                let at = match *feed {
                    Feed::Rows(k) => {
                        rows_of(&inputs[k], "input", k, shape.dtype, &shape.dims, first_row)
                    }
                    Feed::Share(k) => rows_of(
                        &inputs[k],
                        "input",
                        k,
                        shape.dtype,
                        &shape.dims,
                        n * shape.dims.first().copied().unwrap_or(0),
                    ),
                    Feed::Whole(k) => whole(&inputs[k], k, shape.dtype, shape.n),
                    Feed::State(slot) => store.address(slot, shape.dtype, shape.n).cast_const(),
                    Feed::StateRows(slot) => rows_of(
                        &store.view(slot),
                        "slot",
                        slot.0,
                        shape.dtype,
                        &shape.dims,
                        first_row,
                    ),
                    Feed::FirstRow => {
                        assert!(
                            shape.dtype == DType::I64 && shape.n == 1,
                            "the first row is an i64 scalar"
                        );
                        std::ptr::from_ref::<i64>(&s.first_row).cast()
                    }
                    Feed::Sum(_) => panic!("sums are known to the update graph alone"),
                };
                s.frame.set_input(&part.layout, i, at);
            }
            for i in 0..part.own.len() {
                let shape = part.layout.output(i);
                let at = match part.fetches.get(i).copied() {
                    Some(Fetch::Rows(k)) => {
                        debug_assert_eq!(shape.dims.first(), Some(&rows), "rows of the shard");
                        let result = &mut results[k];
                        let at = rows_of(
                            &as_view(result),
                            "result",
                            k,
                            shape.dtype,
                            &shape.dims,
                            first_row,
                        );
                        at.cast_mut()
                    }
                    Some(Fetch::First(k)) if n == 0 => result_at(results, k, shape.dtype, shape.n),
                    Some(Fetch::Value(_)) => panic!("values are results of the update graph alone"),
                    _ => s.arena.wrapping_add(part.own[i].expect("kept by the shard")),
                };
                s.frame.set_output(&part.layout, i, at);
            }
        }
        if let Some((part, frame)) = &mut self.update {
            for (i, feed) in part.feeds.iter().enumerate() {
                let shape = part.layout.input(i);
                let at = match *feed {
                    Feed::Rows(k) | Feed::Share(k) | Feed::Whole(k) => {
                        whole(&inputs[k], k, shape.dtype, shape.n)
                    }
                    Feed::State(slot) | Feed::StateRows(slot) => {
                        store.address(slot, shape.dtype, shape.n).cast_const()
                    }
                    Feed::FirstRow => panic!("the update graph belongs to no shard"),
                    Feed::Sum(k) => self.sums[k].sum.total(shape.dtype, shape.n),
                };
                frame.set_input(&part.layout, i, at);
            }
            for (i, fetch) in part.fetches.iter().enumerate() {
                let shape = part.layout.output(i);
                let at = match *fetch {
                    Fetch::State(slot) => store.address(slot, shape.dtype, shape.n),
                    Fetch::Value(k) => result_at(results, k, shape.dtype, shape.n),
                    _ => panic!("the update graph fetches states and values"),
                };
                frame.set_output(&part.layout, i, at);
            }
        }
    }

    /// Adds what the shards bring to the meeting after a segment and hands each of them the sum.
    fn meet(&self, segment: usize) {
        let Some(first) = self.shards.first().filter(|_| segment + 1 < self.n_segments) else {
            return;
        };
        let at = first.segments[segment].end;
        let shape = &first.layout.shapes
            [first.layout.plan.graph.nodes[first.layout.steps[at].node].outs[0].0 as usize];
        let ends = |s: &ShardRun| s.frame.ends(&s.layout, s.segments[segment].end);
        // SAFETY: each shard's input and output of the meeting hold values of one shape, apart from
        // each other; no shard runs.
        unsafe {
            for s in &self.shards {
                let (from, to) = ends(s);
                std::ptr::copy_nonoverlapping(from, to, shape.bytes());
            }
            let outs = |i: usize| ends(&self.shards[i]).1;
            add_tree(shape.dtype, 0..shape.n, self.shards.len(), &outs);
            for i in 1..self.shards.len() {
                std::ptr::copy_nonoverlapping(outs(0).cast_const(), outs(i), shape.bytes());
            }
        }
    }

    /// Copies the outputs of the shards that no step could write to their place, then adds the
    /// sums.
    fn finish(&mut self, threads: &Threads) {
        for s in &self.shards {
            // SAFETY: all steps have run, on buffers that `bind` gave.
            unsafe { s.frame.copy_outputs(&s.layout) }
        }
        for sum in &self.sums {
            // SAFETY: the shards' arenas hold the terms and no shard runs.
            unsafe { sum.sum.add(threads) }
        }
    }

    /// Makes the tables of sums zero again for the next run.
    fn clear_tables(&self) {
        for sum in &self.sums {
            // SAFETY: the update has read the sums, no shard has run since.
            unsafe { sum.sum.clear() }
        }
    }

    /// Writes the states that the shards have made.
    fn keep_states(&self, store: &mut Store) {
        for (n, s) in self.shards.iter().enumerate() {
            let part = &self.parts[s.shard.part];
            for (i, fetch) in part.fetches.iter().enumerate() {
                let shape = part.layout.output(i);
                let to = match *fetch {
                    Fetch::State(slot) if n == 0 => store.address(slot, shape.dtype, shape.n),
                    Fetch::StateRows(slot) => rows_of(
                        &store.view(slot),
                        "slot",
                        slot.0,
                        shape.dtype,
                        &shape.dims,
                        s.shard.first_row,
                    )
                    .cast_mut(),
                    _ => continue,
                };
                // SAFETY: the slot was checked to hold these rows; the shard's arena holds the
                // value.
                unsafe {
                    std::ptr::copy_nonoverlapping(s.frame.output(i).cast_const(), to, shape.bytes())
                }
            }
        }
    }
}

/// A view of a result, to ask for its dims and address.
fn as_view<'a>(v: &'a mut ViewMut<'_>) -> View<'a> {
    let (dtype, dims) = (v.dtype(), v.dims);
    let at = address_mut(v);
    // SAFETY: the elements of the view, borrowed as long as the result.
    unsafe { crate::memory::view_at(dtype, dims, dims.iter().product(), at) }
}

/// The address of a shard's rows of a whole value.
fn rows_of(
    v: &View<'_>,
    what: &str,
    k: usize,
    dtype: DType,
    dims: &[usize],
    first_row: usize,
) -> *const u8 {
    let fits = v.dtype() == dtype
        && v.dims.len() == dims.len()
        && !dims.is_empty()
        && v.dims[1..] == dims[1..]
        && first_row + dims[0] <= v.dims[0];
    assert!(
        fits,
        "{what} {k}: the program takes rows {first_row}.. of {dtype} for {dims:?}. Received: \
            {}{:?}",
        v.dtype(),
        v.dims
    );
    address(v).wrapping_add(first_row * dims[1..].iter().product::<usize>() * dtype.size_bytes())
}

fn whole(v: &View<'_>, k: usize, dtype: DType, n: usize) -> *const u8 {
    let fits = v.dtype() == dtype && v.dims.iter().product::<usize>() == n;
    assert!(
        fits,
        "input {k}: the program takes {n} elements of {dtype}. Received: {}{:?}",
        v.dtype(),
        v.dims
    );
    address(v)
}

fn result_at(results: &mut [ViewMut<'_>], k: usize, dtype: DType, n: usize) -> *mut u8 {
    let r = &mut results[k];
    let fits = r.dtype() == dtype && r.dims.iter().product::<usize>() == n;
    assert!(
        fits,
        "result {k}: the program makes {n} elements of {dtype}. Received: {}{:?}",
        r.dtype(),
        r.dims
    );
    address_mut(r)
}
