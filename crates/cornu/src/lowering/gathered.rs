//! Losses, updates and states that lowering gathers, and the rules for the states of recurrent
//! layers.

use super::layer_states::LayerStates;
use cornu_ir::Var;

/// A state that a layer keeps from batch to batch, one row for each sample.
pub struct RowState<'g> {
    /// Number of the layer's first weight, and index of the state.
    pub key: (usize, usize),
    /// State at the start of the batch.
    pub before: Var<'g>,
    /// Value after the batch.
    pub after: Var<'g>,
    /// What holds the states of the layer.
    pub(crate) held: LayerStates,
}

/// Losses, updates and states that layers hand to the lowering context.
#[derive(Default)]
pub struct Gathered<'g> {
    /// Penalties that depend on the batch: each shard's part of the sum.
    pub losses: Vec<Var<'g>>,
    /// New values of weights that change in the forward pass: number of the weight, value.
    pub updates: Vec<(usize, Var<'g>)>,
    /// States kept from batch to batch.
    pub states: Vec<RowState<'g>>,
    /// Key of the random numbers and number of the shard's first row; present once a layer draws.
    pub random: Option<(Var<'g>, Var<'g>)>,
    /// True if the batch must not be cut in shards: rows depend on each other beyond sums over the
    /// shards.
    pub whole: bool,
    pub(super) n_random: u64,
}

/// Treatment of the states of recurrent layers, besides their settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States {
    /// Truncated backpropagation: in training, gradients pass back over at most this many
    /// timesteps, counted from the last one processed. The states do pass.
    pub stretch: Option<usize>,
    /// True if every layer continues from call to call with the state of the same row.
    pub kept: bool,
}
