//! Running a step: shards in threads, their sums, the update.

use crate::addresses::{input, input_rows, result, result_rows, variable_rows};
use crate::frame::{Frame, Layout};
use crate::lock_set::{ReadLock, WriteLock};
use crate::program_layout::{PartLayout, ProgramLayout};
use crate::spec::{Feed, Fetch, ProgramSpec, Shard};
use crate::store::Store;
use crate::sums::{Sum, add_tree};
use crate::threads::Threads;
use crate::workspace::Workspace;
use cornu_ir::{View, ViewMut};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// A step of training or prediction, ready to run any number of times.
///
/// Programs of one [`ProgramLayout`] may run at the same time, each in a [`Workspace`] of its own.
#[derive(Debug)]
pub struct Program {
    layout: Arc<ProgramLayout>,
    shards: Vec<ShardRun>,
    sums: Vec<Sum>,
    update: Option<Frame>,
}

/// A shard of a run.
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

/// The lock of a store that a run holds: for writing where the program writes to it.
#[allow(dead_code)] // Held, never read.
enum RunLock {
    Read(ReadLock),
    Write(WriteLock),
}

impl From<ProgramSpec> for Program {
    fn from(spec: ProgramSpec) -> Self {
        Self::new(Arc::new(ProgramLayout::new(spec)))
    }
}

impl Program {
    /// A program of a layout.
    pub fn new(layout: Arc<ProgramLayout>) -> Self {
        let whole = layout.shards.len() == 1;
        let run = |&shard: &Shard| {
            let part = layout.part(&shard);
            ShardRun {
                shard,
                layout: part.layout.clone(),
                segments: part.segments(!whole),
                frame: Frame::new(&part.layout),
                arena: std::ptr::null_mut(),
                first_row: Box::new(shard.first_row as i64),
            }
        };
        let shards: Vec<ShardRun> = layout.shards.iter().map(run).collect();
        let sums = layout.sums.iter().map(|s| sum(&layout, &shards, s.values)).collect();
        let update = layout.update.as_ref().map(|p| Frame::new(&p.layout));
        Self { layout, shards, sums, update }
    }

    /// What the program shares with others of its layout.
    pub fn layout(&self) -> &Arc<ProgramLayout> {
        &self.layout
    }

    /// Bytes that the program takes of a workspace: the arenas of all shards with what they keep,
    /// the tables of sums, the arena of the update.
    pub fn arena_bytes(&self) -> usize {
        let shards: usize =
            self.shards.iter().map(|s| self.layout.part(&s.shard).arena_bytes).sum();
        let tables: usize = self.sums.iter().map(Sum::table_bytes).sum();
        shards + tables + self.layout.update.as_ref().map_or(0, |p| p.arena_bytes)
    }

    /// Runs the step: reads `inputs` and the store, writes `results` and the store. The store is
    /// locked meanwhile: for writing if the program writes to it, for reading if not.
    pub fn run(
        &mut self,
        threads: &Threads,
        workspace: &mut Workspace,
        store: &Store,
        inputs: &[View<'_>],
        results: &mut [ViewMut<'_>],
    ) {
        let _lock = self.bind(workspace, store, inputs, results);
        for segment in 0..self.layout.n_segments {
            threads.each(&mut self.shards, |s| {
                // SAFETY: `bind` gave the frame inputs and outputs of its shapes, apart from each
                // other.
                unsafe { s.frame.run(&s.layout, s.segments[segment].clone(), None) }
            });
            self.all_reduce(segment);
        }
        self.finish(threads);
        if let (Some(part), Some(frame)) = (&self.layout.update, &mut self.update) {
            // SAFETY: `bind` gave the frame inputs and outputs of its shapes; outputs replace
            // inputs as the plan was told.
            unsafe {
                frame.run(&part.layout, 0..part.layout.steps.len(), Some(threads));
                frame.copy_outputs(&part.layout);
            }
        }
        self.end(store);
    }

    /// Runs the step on this thread and tells where its time went: operation or phase, calls,
    /// seconds, largest first.
    pub fn profile(
        &mut self,
        workspace: &mut Workspace,
        store: &Store,
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
        let _lock = self.bind(workspace, store, inputs, results);
        note("(bind)");
        for segment in 0..self.layout.n_segments {
            for s in &mut self.shards {
                for step in s.segments[segment].clone() {
                    // SAFETY: as in `run`.
                    unsafe { s.frame.step(&s.layout, step, None) }
                    note(s.layout.op(step).name());
                }
            }
            self.all_reduce(segment);
            note("(meet)");
        }
        self.finish(&threads);
        note("(sums)");
        if let (Some(part), Some(frame)) = (&self.layout.update, &mut self.update) {
            for step in 0..part.layout.steps.len() {
                // SAFETY: as in `run`.
                unsafe { frame.step(&part.layout, step, Some(&threads)) }
                note(part.layout.op(step).name());
            }
            // SAFETY: as in `run`.
            unsafe { frame.copy_outputs(&part.layout) }
        }
        self.end(store);
        note("(states)");
        times.sort_by(|a, b| b.2.total_cmp(&a.2));
        times
    }

    /// Takes the program's part of a workspace. What lies in it moves only when the workspace is
    /// another one, or has grown.
    fn settle(&mut self, workspace: &mut Workspace) {
        let Self { layout, shards, sums, update } = self;
        let mut moved = false;
        for (n, s) in shards.iter_mut().enumerate() {
            s.arena = workspace.arena(n + 1, layout.part(&s.shard).arena_bytes);
            moved |= s.frame.move_to(&s.layout, s.arena);
        }
        for (k, (sum, place)) in sums.iter_mut().zip(&layout.sums).enumerate() {
            if place.index.is_some() {
                sum.place_table(workspace.table(k, sum.table_bytes()));
            }
            if moved {
                for (n, s) in shards.iter().enumerate() {
                    let own = |i: usize| layout.part(&s.shard).own[i].expect("terms are kept");
                    let at = |i: usize| s.arena.wrapping_add(own(i));
                    sum.place(n, at(place.values), place.index.map(|i| at(i).cast_const()));
                }
            }
        }
        if let (Some(part), Some(frame)) = (&layout.update, update) {
            frame.move_to(&part.layout, workspace.arena(0, part.arena_bytes));
        }
    }

    /// Locks the store and gives every frame the addresses of this run, all checked against their
    /// shapes.
    #[must_use]
    fn bind(
        &mut self,
        workspace: &mut Workspace,
        store: &Store,
        inputs: &[View<'_>],
        results: &mut [ViewMut<'_>],
    ) -> RunLock {
        self.settle(workspace);
        let lock = match self.layout.writes_store {
            true => RunLock::Write(store.lock_for_writing()),
            false => RunLock::Read(store.lock_for_reading()),
        };
        let Self { layout, shards, sums, update } = self;
        for (n, s) in shards.iter_mut().enumerate() {
            let part = layout.part(&s.shard);
            bind_inputs(&mut s.frame, part, store, |feed, shape| match feed {
                Feed::Rows(k) => {
                    input_rows(&inputs[k], k, shape.dtype, &shape.dims, s.shard.first_row)
                }
                Feed::Share(k) => {
                    let first_row = n * shape.dims.first().copied().unwrap_or(0);
                    input_rows(&inputs[k], k, shape.dtype, &shape.dims, first_row)
                }
                Feed::Whole(k) => input(&inputs[k], k, shape.dtype, shape.n),
                Feed::StateRows(slot) => {
                    let (v, first_row) = (store.variable(slot), s.shard.first_row);
                    // SAFETY: the store is locked.
                    unsafe { variable_rows(v, slot.0, shape.dtype, &shape.dims, first_row) }
                }
                Feed::FirstRow => std::ptr::from_ref::<i64>(&s.first_row).cast(),
                _ => panic!("sums are known to the update graph alone"),
            });
            for i in 0..part.own.len() {
                let shape = part.layout.output(i);
                let at = match part.fetches.get(i).copied() {
                    Some(Fetch::Rows(k)) => {
                        let first_row = s.shard.first_row;
                        result_rows(&mut results[k], k, shape.dtype, &shape.dims, first_row)
                    }
                    Some(Fetch::First(k)) if n == 0 => {
                        result(&mut results[k], k, shape.dtype, shape.n)
                    }
                    Some(Fetch::Value(_)) => {
                        panic!("values are results of the update graph alone")
                    }
                    _ => s.arena.wrapping_add(part.own[i].expect("kept by the shard")),
                };
                s.frame.set_output(&part.layout, i, at);
            }
        }
        if let (Some(part), Some(frame)) = (&layout.update, update) {
            bind_inputs(frame, part, store, |feed, shape| match feed {
                Feed::Rows(k) | Feed::Share(k) | Feed::Whole(k) => {
                    input(&inputs[k], k, shape.dtype, shape.n)
                }
                Feed::Sum(k) => sums[k].total(shape.dtype, shape.n),
                _ => panic!("the update graph belongs to no shard"),
            });
            for (i, fetch) in part.fetches.iter().enumerate() {
                let shape = part.layout.output(i);
                let at = match *fetch {
                    // SAFETY: the store is locked.
                    Fetch::State(slot) => unsafe {
                        store.variable(slot).address(shape.dtype, shape.n)
                    },
                    Fetch::Value(k) => result(&mut results[k], k, shape.dtype, shape.n),
                    _ => panic!("the update graph fetches states and values"),
                };
                frame.set_output(&part.layout, i, at);
            }
        }
        lock
    }

    /// Adds what the shards bring to the all-reduce after a segment and hands each of them the sum.
    fn all_reduce(&self, segment: usize) {
        let after = segment + 1 < self.layout.n_segments;
        let Some(first) = self.shards.first().filter(|_| after) else {
            return;
        };
        let step = &first.layout.steps[first.segments[segment].end];
        let out = first.layout.plan.graph.nodes[step.node].outs[0];
        let shape = &first.layout.shapes[out.0 as usize];
        let ends = |s: &ShardRun| s.frame.ends(&s.layout, s.segments[segment].end);
        // SAFETY: each shard's input and output of the step hold values of one shape, apart from
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
            unsafe { sum.add(threads) }
        }
    }

    /// Makes the tables of sums zero again for the next run, writes the states that the shards have
    /// made and notes what was written.
    fn end(&self, store: &Store) {
        for sum in &self.sums {
            // SAFETY: the update has read the sums, no shard has run since.
            unsafe { sum.clear() }
        }
        for (n, s) in self.shards.iter().enumerate() {
            let part = self.layout.part(&s.shard);
            for (i, fetch) in part.fetches.iter().enumerate() {
                let shape = part.layout.output(i);
                let (dtype, dims, first_row) = (shape.dtype, &shape.dims, s.shard.first_row);
                // SAFETY: the store is locked for writing, since the program writes to it; the
                // shard's arena holds the value, of as many bytes as the rows that are checked.
                let (to, slot) = unsafe {
                    match *fetch {
                        Fetch::State(slot) if n == 0 => {
                            (store.variable(slot).address(dtype, shape.n), slot)
                        }
                        Fetch::StateRows(slot) => {
                            let v = store.variable(slot);
                            (variable_rows(v, slot.0, dtype, dims, first_row), slot)
                        }
                        _ => continue,
                    }
                };
                // SAFETY: as above.
                unsafe {
                    std::ptr::copy_nonoverlapping(s.frame.output(i).cast_const(), to, shape.bytes())
                }
                store.variable(slot).note_write();
            }
        }
        for fetch in self.layout.update.iter().flat_map(|p| &p.fetches) {
            if let Fetch::State(slot) = fetch {
                store.variable(*slot).note_write();
            }
        }
    }
}

/// A sum of the shards' outputs, numbered as those of a part.
fn sum(layout: &ProgramLayout, shards: &[ShardRun], values: usize) -> Sum {
    let part = layout.part(&shards[0].shard);
    match part.tables.iter().find(|t| t.values == values) {
        Some(t) => {
            let n_rows = shards.iter().map(|s| s.layout.output(t.index).n);
            Sum::rows(t.rows, t.width, n_rows)
        }
        None => {
            let shape = part.layout.output(values);
            let alike = shards.iter().all(|s| s.layout.output(values).dims == shape.dims);
            assert!(alike, "sums of one shape");
            Sum::dense(shape.dtype, shape.n, shards.len())
        }
    }
}

/// Gives a frame the addresses of its inputs: of the store's variables here, of others by `place`.
fn bind_inputs(
    frame: &mut Frame,
    part: &PartLayout,
    store: &Store,
    place: impl Fn(Feed, &crate::call::Shape) -> *const u8,
) {
    for (i, feed) in part.feeds.iter().enumerate() {
        let shape = part.layout.input(i);
        let at = match *feed {
            Feed::State(slot) => {
                let variable = store.variable(slot);
                frame.set_stamp(i, variable.stamp());
                // SAFETY: the caller holds the store's lock.
                unsafe { variable.address(shape.dtype, shape.n).cast_const() }
            }
            other => place(other, shape),
        };
        frame.set_input(&part.layout, i, at);
    }
}
