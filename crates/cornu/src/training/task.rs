//! What a mode (prediction, evaluation, training) adds to the lowered model.

use crate::lowering::{Cx, Flow, Gathered, States, WeightTree};
use crate::model::LoweredModel;
use crate::runtime::Mode;
use crate::{Model, Result};
use cornu_cpu::{Fetch, Part, Store};
use cornu_ir::{Spec, Var};

/// How a model is lowered for a task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lowering {
    pub(crate) mode: Mode,
    /// How many of the batch's arrays are entries of the model; they come first.
    pub(crate) n_entries: usize,
    /// True if the batch must stay in one graph.
    pub(crate) whole: bool,
    /// How recurrent layers treat their states.
    pub(crate) states: States,
    /// Threads that a prediction is cut for; what is added over rows is cut by shapes alone.
    pub(crate) threads: Option<usize>,
}

/// A stage of a model, for which programs are written.
#[derive(Clone, Copy)]
pub(crate) struct Stage<'a> {
    pub(crate) model: &'a Model,
    /// The weights, with what is frozen as the stage has it.
    pub(crate) tree: &'a WeightTree,
    /// The weights, then the stage's own variables.
    pub(crate) store: &'a Store,
}

/// The model in the graph of a shard.
pub(crate) struct ShardBody<'g> {
    pub(crate) lowered: LoweredModel<'g>,
    pub(crate) gathered: Gathered<'g>,
}

/// A value that a shard program gives out.
pub(crate) struct Out<'g> {
    pub(crate) name: String,
    pub(crate) value: Var<'g>,
    pub(crate) fetch: Fetch,
}

/// What a program has beside its shards.
pub(crate) struct Finish {
    /// What runs once after the shards.
    pub(crate) update: Option<Part>,
    /// Specs of the results.
    pub(crate) results: Vec<Spec>,
    /// How many of the results belong to each metric.
    pub(crate) partial_counts: Vec<usize>,
    /// The outputs by timestep of sequences of unequal length, whose lengths are the last results.
    pub(crate) ended: Vec<usize>,
}

/// A task: what a program computes from a model and a batch.
pub(crate) trait Task {
    /// How the model is lowered.
    fn lowering(&self) -> Lowering;

    /// Turns the lowered model and the further data (targets, weights) into the outputs of a
    /// shard's graph. Called once for each size of shard; gives the same outputs each time.
    fn outputs<'g>(
        &mut self,
        cx: &Cx<'g>,
        body: ShardBody<'g>,
        further: &[Flow<'g>],
    ) -> Result<Vec<Out<'g>>>;

    /// What follows the shards of a batch of so many samples, once their graphs are written.
    fn finish(&self, samples: usize) -> Result<Finish>;
}
