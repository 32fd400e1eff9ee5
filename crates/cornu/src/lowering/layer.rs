//! The traits of layers and cells, and the object that carries a layer's name.

use super::call::Call;
use super::context::Cx;
use super::dropped::Dropped;
use super::flow::Flow;
use super::layer_states::LayerStates;
use super::preprocess::{Decoder, Encoder, Lookup};
use super::ragged_form::RaggedForm;
use super::sample::Sample;
use super::walk::Walk;
use super::weight_tree::{Trainable, WeightTree};
use super::weights::Weights;
use super::whole_cell::WholeCell;
use crate::config::{DTypePolicy, snake_case};
use crate::data::Data;
use crate::eager::Programs;
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_cpu::Variable;
use cornu_ir::{Dim, Spec, Var};
use serde_json::{Map, Value};
use std::any::Any;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// How a layer handles the mask of its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskRule {
    /// The outputs carry the mask of the (first) input.
    Pass,
    /// The outputs carry no mask.
    Drop,
    /// `lower` itself sets the masks of its outputs.
    Own,
}

/// Trait of layers: settings, weights and formula. The weights are held by the [`LayerRef`] of the
/// layer; shapes come with each call.
pub trait Layer: Any + std::fmt::Debug + Send + Sync {
    /// Returns Keras's name of the class, as `LSTM`.
    fn class(&self) -> &str;

    /// Returns the name of the class in Keras's source, which summaries show, if it differs from
    /// the exported name.
    fn own_class(&self) -> &str {
        self.class()
    }

    /// Returns the default name of a layer, also used in weights files, as `lstm`.
    fn stem(&self) -> String {
        snake_case(self.own_class())
    }

    /// Returns the settings under Keras's keys, without name, trainable and dtype.
    fn config(&self) -> Value;

    /// Returns the weights for inputs of these shapes.
    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree>;

    /// Writes the layer's operations for a call into the graph. Also run on unknown dims, which
    /// gives the output shapes.
    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>>;

    /// Returns how the layer handles the mask of its inputs.
    fn mask_rule(&self) -> MaskRule {
        MaskRule::Drop
    }

    /// Returns how the layer handles sequences of unequal length. By default it refuses them.
    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Refused
    }

    /// True if the output at a timestep depends only on timesteps up to it, so that the layer can
    /// run on streams.
    fn is_causal(&self) -> bool {
        let runs_forward = self.as_recurrent().is_some_and(|r| !r.walk().go_backwards);
        runs_forward || matches!(self.ragged_form(), RaggedForm::ByTimestep(_))
    }

    /// Returns the number of ids, for a layer that reads ids from 0 on.
    fn n_ids(&self) -> Option<usize> {
        None
    }

    /// True if the result of a sample in training depends on other samples of the batch.
    fn counts_over_batch(&self) -> bool {
        false
    }

    /// True if the result of a sample depends on other samples of the batch in prediction, too.
    fn reads_across_batch(&self) -> bool {
        false
    }

    /// True if inner layers take over the `trainable` that a file holds for this layer.
    fn passes_trainable_on(&self) -> bool {
        false
    }

    /// True if `lower` itself sets the ends of sequences of unequal length on its outputs.
    /// Otherwise outputs that keep the axis of time get the ends of the first input.
    fn tells_ends(&self) -> bool {
        self.as_recurrent().is_some()
    }

    /// Returns the regularizer of the outputs.
    fn activity_regularizer(&self) -> Option<&Regularizer> {
        None
    }

    /// Returns Keras's module of the class; empty for a class of your own.
    fn module(&self) -> &str {
        "keras.layers"
    }

    /// True for an operation of `keras.ops`, which Keras does not count among a model's layers.
    fn is_operation(&self) -> bool {
        false
    }

    /// True if the layer is always trainable, whatever `trainable` is in a file.
    fn ignores_trainable_of_file(&self) -> bool {
        false
    }

    /// Returns the registered name, for classes outside `keras.layers`.
    fn registered_name(&self) -> Option<&str> {
        None
    }

    /// True if a call removes the masks of its inputs, so that calls that Keras runs later find
    /// none.
    fn takes_masks_off(&self) -> bool {
        false
    }

    /// True if a `mask` of the call stays on the caller's value, so that calls that Keras runs
    /// later find it there. `given` is input number `input` as the caller has it.
    fn leaves_mask_on(&self, _input: usize, _given: &Spec) -> bool {
        false
    }

    /// Returns which of the keys name, trainable and dtype the config holds; `dtype_name` is a
    /// dtype as its name alone.
    fn common_keys(&self) -> &'static [&'static str] {
        &["name", "trainable", "dtype"]
    }

    /// Returns the cell, if the layer is one.
    fn as_cell(&self) -> Option<&dyn Cell> {
        None
    }

    /// Returns the recurrent layer, if the layer is one.
    fn as_recurrent(&self) -> Option<&dyn Recurrent> {
        None
    }

    /// Returns the lookup, for layers with a vocabulary.
    fn as_lookup(&self) -> Option<&dyn Lookup> {
        None
    }

    /// Returns the encoder, for layers that read raw inputs before the graph runs.
    fn as_encoder(&self) -> Option<&dyn Encoder> {
        None
    }

    /// Returns the decoder, for layers whose outputs are words.
    fn as_decoder(&self) -> Option<&dyn Decoder> {
        None
    }

    /// Checks the data of a model input that the layer reads directly.
    fn check_entry(&self, _data: &Data) -> Result<()> {
        Ok(())
    }

    /// Returns the layer adapted to data before training: with a vocabulary, statistics or
    /// boundaries.
    ///
    /// # Errors
    /// A layer without `adapt`; data of the wrong kind.
    fn adapt_to(&self, _data: &Data) -> Result<Box<dyn Layer>> {
        Err(Error::Unsupported(format!("{} has nothing to adapt to data", self.class())))
    }

    /// True if the layer reads numbers and arrays of a call as Keras wrote them; for other layers
    /// they become values of the graph.
    fn reads_literals(&self) -> bool {
        false
    }

    /// Returns the layers inside a wrapper: attribute and layer.
    fn inner(&self) -> Vec<(&'static str, &LayerRef)> {
        vec![]
    }

    /// Returns the cases of the conformance tests. A layer on sequences whose settings all have
    /// defaults needs none.
    fn samples() -> Vec<Sample>
    where
        Self: Sized,
    {
        vec![Sample::new(Value::Object(Map::new()))]
    }

    /// Returns the layers directly inside: those of a wrapper or of a model.
    fn contained(&self) -> Vec<&LayerRef> {
        self.inner().into_iter().map(|(_, l)| l).collect()
    }
}

/// Trait of cells: one timestep of a recurrent layer. [`Rnn`](crate::Rnn) runs a cell over time; a
/// cell of your own needs the first five methods.
///
/// A cell is a [`Layer`] too, as in Keras: called on `[x, state, …]` it does one step.
///
/// # Shapes
/// x (B, …) is one timestep of the sequence, a state (B, …).
pub trait Cell: std::fmt::Debug + Send + Sync {
    /// Returns Keras's name of the class, as `GRUCell`.
    fn class(&self) -> &str;

    /// Returns the settings under Keras's keys, without name, trainable and dtype.
    fn config(&self) -> Value;

    /// Returns the weights for timesteps of this shape.
    fn weights(&self, x: &Spec) -> Result<WeightTree>;

    /// Returns the dims of each state, without the batch.
    fn state_dims(&self, x: &Spec) -> Result<Vec<Vec<Dim>>>;

    /// Computes one timestep: the output and the next states. `dropped` has one entry for each of
    /// [`Cell::n_dropped`].
    fn step<'g>(
        &self,
        w: &Weights<'g>,
        dropped: &[Dropped<'g>],
        x: Var<'g>,
        states: &[Var<'g>],
    ) -> Result<(Var<'g>, Vec<Var<'g>>)>;

    /// Returns the dims of the output, without the batch.
    fn output_dims(&self, x: &Spec) -> Result<Vec<Dim>> {
        self.state_dims(x)?
            .into_iter()
            .next()
            .ok_or_else(|| Error::argument("", "a cell needs a state", "none"))
    }

    /// Returns the index of the state that replaces the output at masked timesteps.
    fn output_state(&self, _: &Spec) -> Result<usize> {
        Ok(0)
    }

    /// Returns the number of axes of a timestep, with the batch.
    fn step_rank(&self) -> usize {
        2
    }

    /// Draws the dropout masks of a batch, the same for all timesteps.
    fn draw<'g>(&self, _: &Cx<'g>, _: &Spec) -> Result<Vec<Dropped<'g>>> {
        Ok(vec![Dropped::default(); self.n_dropped()])
    }

    /// Returns the number of inner cells with their own dropout.
    fn n_dropped(&self) -> usize {
        1
    }

    /// Returns the operation that computes all timesteps at once, if there is one for these
    /// settings.
    fn whole(&self) -> Option<&dyn WholeCell> {
        None
    }

    /// Returns the inner cells: attribute and cell.
    fn inner(&self) -> Vec<(&'static str, &LayerRef)> {
        vec![]
    }

    /// Returns the cases of the conformance tests: one timestep and the states.
    fn samples() -> Vec<Sample>
    where
        Self: Sized,
    {
        vec![]
    }

    /// Returns Keras's module of the class.
    fn module(&self) -> &str {
        "keras.layers"
    }

    /// Returns the registered name, for classes outside `keras.layers`.
    fn registered_name(&self) -> Option<&str> {
        None
    }
}

/// Trait of recurrent layers, which [`Bidirectional`](crate::Bidirectional) can wrap.
pub trait Recurrent {
    /// Returns direction, state and outputs of the layer.
    fn walk(&self) -> Walk;
    /// Copy of the layer with another direction, state and outputs.
    fn walking(&self, walk: Walk) -> Box<dyn Layer>;
}

impl dyn Layer {
    /// True if the layer takes sequences of unequal length in one batch.
    pub fn takes_ragged(&self) -> bool {
        self.ragged_form() != RaggedForm::Refused
    }
}

/// Layer with a name, which can be called, shared and saved. Clones are handles of the same layer.
///
/// A layer holds its weights. They are made by the first call, and every model with the layer
/// shares them, as in Keras.
#[derive(Clone, Debug)]
pub struct LayerRef(pub(super) Arc<LayerObject>);

#[derive(Debug)]
pub(super) struct LayerObject {
    /// Rises with each layer made: the order of creation, after which unnamed layers are named.
    pub(super) id: u64,
    pub(super) name: Option<String>,
    pub(super) trainable: Trainable,
    /// As read from a file: `trainable` speaks of the layer's own weights, not of the layers
    /// inside.
    pub(super) from_file: AtomicBool,
    pub(super) dtype: DTypePolicy,
    /// As read from a file: what Keras keeps beside the config (`build_config`, of models also
    /// `compile_config`).
    pub(super) beside: Map<String, Value>,
    pub(super) rule: Arc<dyn Layer>,
    /// Its own weights, without those of the layers inside, in the order of its tree. Empty before
    /// the first call.
    pub(super) held: Mutex<Vec<Variable>>,
    /// What it keeps from batch to batch, where it is a stateful recurrent layer.
    pub(super) states: LayerStates,
    /// The programs by which it runs alone.
    pub(super) programs: Programs,
}
