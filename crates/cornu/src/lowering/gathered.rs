//! What lowering gathers besides the outputs, and how it treats the states of recurrent layers.

use super::layer_states::LayerStates;
use cornu_ir::Var;

/// A state that a layer keeps from batch to batch, a row a sample.
pub struct RowState<'g> {
    /// Identity: the layer's first weight, and which of its states.
    pub key: (usize, usize),
    /// Before the batch.
    pub before: Var<'g>,
    /// After the batch.
    pub after: Var<'g>,
    /// What holds the states of the layer.
    pub(crate) held: LayerStates,
}

/// What lowering gathers besides the outputs.
#[derive(Default)]
pub struct Gathered<'g> {
    /// Penalties that depend on the batch: each shard's part of the sum.
    pub losses: Vec<Var<'g>>,
    /// New values of weights that change in the forward pass: number of the weight, value.
    pub updates: Vec<(usize, Var<'g>)>,
    /// States kept from batch to batch.
    pub states: Vec<RowState<'g>>,
    /// The key of the random numbers and the number of the shard's first row, once something draws.
    pub random: Option<(Var<'g>, Var<'g>)>,
    /// Rows of the batch meet in a way that no sum over shards can say: the batch must not be cut.
    pub whole: bool,
    pub(super) n_random: u64,
}

/// How recurrent layers treat their states, besides their own settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States {
    /// In training, no gradient passes back over the borders between stretches of so many
    /// timesteps, counted from the end walked to. The states do pass.
    pub stretch: Option<usize>,
    /// Every layer goes on from call to call with the state of the same row.
    pub kept: bool,
}
