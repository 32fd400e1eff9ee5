//! What a layer and a cell say of themselves, and the object that carries a layer's name.

use super::call::Call;
use super::context::Cx;
use super::dropped::Dropped;
use super::flow::Flow;
use super::form::Form;
use super::preprocess::{Decoder, Encoder, Lookup};
use super::walk::Walk;
use super::weight_tree::{Trainable, WeightTree};
use super::weights::Weights;
use super::whole_cell::WholeCell;
use crate::config::{DTypePolicy, snake_case};
use crate::data::Data;
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_cpu::Variable;
use cornu_ir::{Dim, Spec, Var};
use serde_json::{Map, Value};
use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What becomes of the mask that came with a layer's inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskRule {
    /// The outputs carry the mask of the (first) input.
    Pass,
    /// The mask ends here.
    Drop,
    /// `lower` itself says what mask its outputs carry.
    Own,
}

/// A layer: its settings alone. Weights belong to the model, shapes to the call.
pub trait Layer: Any + std::fmt::Debug + Send + Sync {
    /// Class, in Keras's word: `LSTM`.
    fn class(&self) -> &'static str;

    /// The class's name in Keras's source, where it is exported under another; summaries show it.
    fn own_class(&self) -> &'static str {
        self.class()
    }

    /// The stem of the names of unnamed layers and of the groups in a weights file: `lstm`.
    fn stem(&self) -> String {
        snake_case(self.own_class())
    }

    /// Settings under Keras's keys, but for name, trainable and dtype.
    fn config(&self) -> Value;

    /// The weights for inputs of these shapes.
    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree>;

    /// The meaning: writes the layer's operations for a call. Also run on unknown dims, which gives
    /// the output shapes.
    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>>;

    /// What becomes of a mask.
    fn mask_rule(&self) -> MaskRule {
        MaskRule::Drop
    }

    /// Whether sequences of unequal length may meet in one batch here: no timestep past a
    /// sequence's end may enter its result. A layer that hands the mask on works timestep by
    /// timestep unless it says otherwise.
    fn takes_ragged(&self) -> bool {
        self.mask_rule() != MaskRule::Drop
    }

    /// In which form sequences of unequal length come. A layer that hands the mask on works on the
    /// last axes alone unless it says otherwise.
    fn form(&self) -> Form {
        match self.mask_rule() {
            MaskRule::Pass if self.takes_ragged() => Form::ByTimestep(3),
            _ => Form::Padded,
        }
    }

    /// Whether `lower` itself says where sequences of unequal length end in its outputs. Otherwise
    /// outputs that keep the axis of time end where the first input does.
    fn tells_ends(&self) -> bool {
        self.as_recurrent().is_some()
    }

    /// The penalty on what the layer gives out.
    fn activity_regularizer(&self) -> Option<&Regularizer> {
        None
    }

    /// Where Keras keeps the class.
    fn module(&self) -> &'static str {
        "keras.layers"
    }

    /// Keras's registered name, for classes outside `keras.layers`.
    fn registered_name(&self) -> Option<&'static str> {
        None
    }

    /// Whether the call takes the masks off its inputs, so that the calls that Keras runs later
    /// find none on them.
    fn takes_masks_off(&self) -> bool {
        false
    }

    /// Which of name, trainable and dtype stand in the config; `dtype_name` is a dtype written as
    /// its name alone.
    fn common_keys(&self) -> &'static [&'static str] {
        &["name", "trainable", "dtype"]
    }

    /// The cell, for layers that are cells of a recurrence.
    fn as_cell(&self) -> Option<&dyn Cell> {
        None
    }

    /// The walk, for layers that run along sequences.
    fn as_recurrent(&self) -> Option<&dyn Recurrent> {
        None
    }

    /// The vocabulary, for layers that look tokens up.
    fn as_lookup(&self) -> Option<&dyn Lookup> {
        None
    }

    /// What encodes entries before the graph runs, for layers that read text.
    fn as_encoder(&self) -> Option<&dyn Encoder> {
        None
    }

    /// What writes words from ids after the graph has run, for layers that give text.
    fn as_decoder(&self) -> Option<&dyn Decoder> {
        None
    }

    /// Refuses data of an entry that it reads as they come.
    fn check_entry(&self, _data: &Data) -> Result<()> {
        Ok(())
    }

    /// The layer with what it takes from data before training: a vocabulary, statistics,
    /// boundaries.
    ///
    /// # Errors
    /// A layer that takes nothing from data; data of another kind.
    fn adapt_to(&self, _data: &Data) -> Result<Box<dyn Layer>> {
        Err(Error::Unsupported(format!("{} has nothing to adapt to data", self.class())))
    }

    /// The layers inside, for wrappers: attribute and layer.
    fn inner(&self) -> Vec<(&'static str, &LayerRef)> {
        vec![]
    }

    /// All layers directly inside: what a wrapper wraps, the layers of a model.
    fn contained(&self) -> Vec<&LayerRef> {
        self.inner().into_iter().map(|(_, l)| l).collect()
    }
}

/// One step of a recurrence. [`Rnn`](crate::Rnn) runs it over time; a cell of your own needs the
/// first five methods.
///
/// A cell is a [`Layer`] too, as in Keras: called on `[x, state, …]` it does one step.
///
/// # Shapes
/// x (B, …) is one timestep of the sequence, a state (B, …).
pub trait Cell: std::fmt::Debug + Send + Sync {
    /// Class, in Keras's word: `GRUCell`.
    fn class(&self) -> &'static str;

    /// Settings under Keras's keys, but for name, trainable and dtype.
    fn config(&self) -> Value;

    /// The weights for steps of this shape.
    fn weights(&self, x: &Spec) -> Result<WeightTree>;

    /// Dims of each state, without the batch.
    fn state_dims(&self, x: &Spec) -> Result<Vec<Vec<Dim>>>;

    /// The step: the output and the next states. `dropped` has an entry for each of
    /// [`Cell::n_dropped`].
    fn step<'g>(
        &self,
        w: &Weights<'g>,
        dropped: &[Dropped<'g>],
        x: Var<'g>,
        states: &[Var<'g>],
    ) -> Result<(Var<'g>, Vec<Var<'g>>)>;

    /// Dims of the output, without the batch.
    fn output_dims(&self, x: &Spec) -> Result<Vec<Dim>> {
        self.state_dims(x)?
            .into_iter()
            .next()
            .ok_or_else(|| Error::argument("", "a cell needs a state", "none"))
    }

    /// The state that stands for the output where a timestep is masked.
    fn output_state(&self, _: &Spec) -> Result<usize> {
        Ok(0)
    }

    /// Axes of a step, batch first.
    fn step_rank(&self) -> usize {
        2
    }

    /// The masks of dropout for the steps of a batch in training, the same at every timestep.
    fn draw<'g>(&self, _: &Cx<'g>, _: &Spec) -> Result<Vec<Dropped<'g>>> {
        Ok(vec![Dropped::default(); self.n_dropped()])
    }

    /// How many cells with dropout of their own it is made of.
    fn n_dropped(&self) -> usize {
        1
    }

    /// The primitive that does all timesteps at once, when there is one for these settings.
    fn whole(&self) -> Option<&dyn WholeCell> {
        None
    }

    /// The cells inside: attribute and cell.
    fn inner(&self) -> Vec<(&'static str, &LayerRef)> {
        vec![]
    }

    /// Where Keras keeps the class.
    fn module(&self) -> &'static str {
        "keras.layers"
    }

    /// Keras's registered name, for classes outside `keras.layers`.
    fn registered_name(&self) -> Option<&'static str> {
        None
    }
}

/// A layer that walks along sequences: what [`Bidirectional`](crate::Bidirectional) wraps.
pub trait Recurrent {
    /// How it walks and what it gives.
    fn walk(&self) -> Walk;
    /// The same layer walking otherwise.
    fn walking(&self, walk: Walk) -> Box<dyn Layer>;
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// A layer with a name: what is called, shared and saved. Clones are handles of the same layer.
///
/// A layer holds its weights: they are made when it is first called, and every model that it stands
/// in has them, as in Keras.
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
}

impl LayerRef {
    /// An unnamed layer.
    pub fn new(rule: impl Layer + 'static) -> Self {
        Self::with(None, Arc::new(rule))
    }

    pub(super) fn with(name: Option<String>, rule: Arc<dyn Layer>) -> Self {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(LayerObject {
            id,
            name,
            trainable: Trainable::new(true),
            from_file: AtomicBool::new(false),
            dtype: DTypePolicy::default(),
            beside: Map::new(),
            rule,
            held: Mutex::default(),
        }))
    }

    /// This layer, changed, if nothing else holds it; else a copy that is changed, with weights of
    /// its own.
    pub(super) fn edit(self, f: impl FnOnce(&mut LayerObject)) -> Self {
        let mut object = Arc::try_unwrap(self.0).unwrap_or_else(|shared| LayerObject {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            name: shared.name.clone(),
            trainable: Trainable::new(shared.trainable.get()),
            from_file: AtomicBool::new(shared.from_file.load(Ordering::Relaxed)),
            dtype: shared.dtype.clone(),
            beside: shared.beside.clone(),
            rule: shared.rule.clone(),
            held: Mutex::default(),
        });
        f(&mut object);
        Self(Arc::new(object))
    }

    /// Returns the layer with a name.
    ///
    /// A layer keeps its name once it is called or held by a clone. Then this returns another layer
    /// of the same settings, with weights of its own.
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.edit(|o| o.name = Some(name))
    }

    /// Returns the layer with a dtype policy.
    ///
    /// A layer keeps its policy once it is called or held by a clone. Then this returns another
    /// layer of the same settings, with weights of its own.
    pub fn dtype(self, policy: DTypePolicy) -> Self {
        self.edit(|o| o.dtype = policy)
    }

    /// Returns the layer trainable or frozen; see [`LayerRef::set_trainable`].
    pub fn trainable(self, trainable: bool) -> Self {
        self.set_trainable(trainable);
        self
    }

    /// Makes the layer and all layers inside it trainable or frozen, wherever it stands. It takes
    /// effect when a model with the layer is compiled the next time.
    ///
    /// # Source
    /// `Layer.trainable` of keras/src/layers/layer.py, Keras 3.15.1.
    pub fn set_trainable(&self, trainable: bool) {
        self.0.trainable.set(trainable);
        self.0.from_file.store(false, Ordering::Relaxed);
        self.rule().contained().iter().for_each(|l| l.set_trainable(trainable));
    }

    /// Identity and order of creation.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Class, in Keras's word.
    pub fn class(&self) -> &'static str {
        self.0.rule.class()
    }

    /// The name given, if one was.
    pub fn given_name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The name given, or the class's.
    pub fn shown_name(&self) -> String {
        self.0.name.clone().unwrap_or_else(|| self.rule().stem())
    }

    /// Whether its weights may be trained.
    pub fn is_trainable(&self) -> bool {
        self.0.trainable.get()
    }

    /// Its dtype policy.
    pub fn policy(&self) -> &DTypePolicy {
        &self.0.dtype
    }

    /// Its settings.
    pub fn rule(&self) -> &dyn Layer {
        &*self.0.rule
    }

    /// Whether it, or a layer inside it at any depth, fulfils a condition.
    pub fn any(&self, is: &dyn Fn(&LayerRef) -> bool) -> bool {
        is(self) || self.rule().contained().iter().any(|l| l.any(is))
    }
}

impl PartialEq for LayerRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<L: Layer + 'static> From<L> for LayerRef {
    fn from(rule: L) -> Self {
        Self::new(rule)
    }
}
