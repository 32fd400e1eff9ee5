//! What a program is made of: graphs, where their inputs come from and where their outputs go.

use crate::store::SlotId;
use cornu_ir::Graph;

/// Where an input of a graph comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// The k-th data input, of which a shard gets its rows of axis 0.
    Rows(usize),
    /// The k-th data input, of which a shard gets as many rows of axis 0 as its graph takes, behind
    /// those of the shards before it: all take alike.
    Share(usize),
    /// The k-th data input, whole for each shard.
    Whole(usize),
    /// A slot of the store.
    State(SlotId),
    /// A shard's rows of a slot of the store.
    StateRows(SlotId),
    /// The number of the shard's first row, an i64 scalar.
    FirstRow,
    /// In the update graph: the k-th sum over the shards.
    Sum(usize),
}

/// Where an output of a graph goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// A shard's rows of the k-th result.
    Rows(usize),
    /// Added to the k-th sum over the shards, in a fixed tree.
    Sum(usize),
    /// The k-th result, as the first shard has it.
    First(usize),
    /// A slot of the store: in a shard graph as the first shard has it, written when the run is
    /// over; in the update graph in place.
    State(SlotId),
    /// A shard's rows of a slot of the store, written when the run is over.
    StateRows(SlotId),
    /// In the update graph: the k-th result.
    Value(usize),
}

/// A graph with its feeds and fetches, in the order of its inputs and outputs.
#[derive(Clone, Debug)]
pub struct Part {
    /// A concrete graph.
    pub graph: Graph,
    /// Where its inputs come from.
    pub feeds: Vec<Feed>,
    /// Where its outputs go.
    pub fetches: Vec<Fetch>,
}

/// Rows of the batch that go through a graph together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Index of its graph.
    pub part: usize,
    /// First row of the batch.
    pub first_row: usize,
    /// Number of rows.
    pub rows: usize,
}

/// A step of training or prediction.
#[derive(Clone, Debug, Default)]
pub struct ProgramSpec {
    /// A graph for each number of rows that occurs; all have the same inputs, outputs and order of
    /// [`CrossSum`](cornu_ir::ops::CrossSum)s.
    pub shard_graphs: Vec<Part>,
    /// The shards of the batch, in order.
    pub shards: Vec<Shard>,
    /// What runs once after the shards.
    pub update: Option<Part>,
}

/// Below this many operations of floating point a batch is one shard: threads would cost more than
/// they save.
const WHOLE_FLOPS: f64 = 1.5e6;
/// Rows of a shard at least.
const LEAST_ROWS: usize = 16;
/// Shards of a batch at most.
const MOST_SHARDS: usize = 8;
/// Weights beyond these bytes leave the cache near a core between two timesteps: twice the rows
/// share each reading.
const NEAR_BYTES: usize = 1 << 20;

/// Rows of a shard for a batch of rows that cost `flops_per_row` each, where a timestep reads
/// `step_bytes` of weights. It depends on the model and the batch alone, never on the threads.
///
/// ```
/// assert_eq!(cornu_cpu::shard_rows(10, 1e4, 0), 10);
/// assert_eq!(cornu_cpu::shard_rows(32, 1e8, 1 << 18), 16);
/// assert_eq!(cornu_cpu::shard_rows(64, 1e8, 1 << 22), 32);
/// assert_eq!(cornu_cpu::shard_rows(256, 1e8, 1 << 18), 32);
/// ```
pub fn shard_rows(batch: usize, flops_per_row: f64, step_bytes: usize) -> usize {
    if batch as f64 * flops_per_row < WHOLE_FLOPS {
        return batch.max(1);
    }
    let least = if step_bytes > NEAR_BYTES && batch >= 4 * LEAST_ROWS {
        2 * LEAST_ROWS
    } else {
        LEAST_ROWS
    };
    batch.div_ceil(MOST_SHARDS).max(least)
}

/// Rows of a shard of a prediction at most: more share no more of what they read.
const MOST_PREDICTED_ROWS: usize = 128;

/// Rows of a shard of a prediction on so many threads. Rows are independent, so no bit depends on
/// how they are cut, and they are cut so that every thread gets as many: the fewer shards, the
/// fewer times weights are packed and read.
///
/// ```
/// assert_eq!(cornu_cpu::prediction_rows(10, 1e4, 2), 10);
/// assert_eq!(cornu_cpu::prediction_rows(128, 1e8, 2), 64);
/// assert_eq!(cornu_cpu::prediction_rows(128, 1e8, 16), 16);
/// assert_eq!(cornu_cpu::prediction_rows(300, 1e8, 2), 75);
/// ```
pub fn prediction_rows(batch: usize, flops_per_row: f64, threads: usize) -> usize {
    if batch as f64 * flops_per_row < WHOLE_FLOPS {
        return batch.max(1);
    }
    let turns = batch.div_ceil(threads.max(1) * MOST_PREDICTED_ROWS);
    batch.div_ceil(threads.max(1) * turns).max(LEAST_ROWS)
}
