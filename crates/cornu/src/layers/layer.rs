//! What a layer says of itself, and the object that carries its name.

use super::call::Call;
use super::cell::Cell;
use super::encoder::{Decoder, Encoder};
use super::form::Form;
use super::lowering::{Cx, Flow, Weights};
use super::recurrence::Recurrent;
use super::vocabulary::Lookup;
use super::weights::WeightTree;
use crate::config::{DTypePolicy, object, parts, short, snake_case};
use crate::data::Data;
use crate::model::{Container, MemberKind};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::Spec;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
pub trait Layer: std::fmt::Debug + Send + Sync {
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
            _ if self.as_container().is_some() => Form::Either,
            MaskRule::Pass if self.takes_ragged() => Form::ByTimestep(3),
            _ => Form::Padded,
        }
    }

    /// Whether `lower` itself says where sequences of unequal length end in its outputs. Otherwise
    /// outputs that keep the axis of time end where the first input does.
    fn tells_ends(&self) -> bool {
        self.as_recurrent().is_some() || self.as_container().is_some()
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

    /// The model inside, for layers that are models.
    fn as_container(&self) -> Option<crate::model::Container<'_>> {
        None
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
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// The recurrent layers that make their cell themselves, which is frozen with them.
const RECURRENT_WITH_OWN_CELL: [&str; 3] = ["LSTM", "GRU", "SimpleRNN"];

/// A layer with a name: what is called, shared and saved.
#[derive(Clone, Debug)]
pub struct LayerRef(Arc<LayerObject>);

#[derive(Debug)]
struct LayerObject {
    /// Rises with each layer made: the order of creation, after which unnamed layers are named.
    id: u64,
    name: Option<String>,
    trainable: bool,
    /// As read from a file: `trainable` speaks of the layer's own weights, not of the layers
    /// inside.
    from_file: bool,
    dtype: DTypePolicy,
    /// As read from a file: what Keras keeps beside the config (`build_config`, of models also
    /// `compile_config`).
    beside: Map<String, Value>,
    rule: Box<dyn Layer>,
}

/// Key beside the config of a recurrent layer whose products cornu takes with weights of eight
/// bits; Keras passes over it.
pub(crate) const INT8_WEIGHTS: &str = "int8_weights";

/// Whether a layer's config has Keras's policy of weights of eight bits.
fn is_int8(config: &Value) -> bool {
    config.get("dtype").is_some_and(|v| DTypePolicy::from_json(v).is_ok_and(|p| p.is_int8()))
}

impl LayerRef {
    /// An unnamed layer.
    pub fn new(rule: impl Layer + 'static) -> Self {
        Self::with(None, Box::new(rule))
    }

    fn with(name: Option<String>, rule: Box<dyn Layer>) -> Self {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(LayerObject {
            id,
            name,
            trainable: true,
            from_file: false,
            dtype: DTypePolicy::default(),
            beside: Map::new(),
            rule,
        }))
    }

    fn edit(self, f: impl FnOnce(&mut LayerObject)) -> Self {
        match Arc::try_unwrap(self.0) {
            Ok(mut object) => {
                f(&mut object);
                Self(Arc::new(object))
            }
            Err(shared) => Self(shared),
        }
    }

    /// With a name. Only before the first call: a layer in use keeps its name.
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.edit(|o| o.name = Some(name))
    }

    /// Trainable or frozen. Only before the first call.
    pub fn trainable(self, trainable: bool) -> Self {
        self.edit(|o| o.trainable = trainable)
    }

    /// With a dtype policy. Only before the first call.
    pub fn dtype(self, policy: DTypePolicy) -> Self {
        self.edit(|o| o.dtype = policy)
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
        self.0.trainable
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
        let contained = || match self.rule().as_container() {
            Some(Container::Functional(f)) => {
                f.members.iter().any(|m| matches!(&m.kind, MemberKind::Layer(l) if l.any(is)))
            }
            Some(Container::Sequential(s)) => s.layers.iter().any(|(_, l)| l.any(is)),
            None => false,
        };
        is(self) || self.rule().inner().iter().any(|(_, l)| l.any(is)) || contained()
    }

    /// The weights for inputs of these shapes.
    pub fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let mut tree =
            self.rule().weights(call).map_err(|e| e.of_layer(self.class(), &self.shown_name()))?;
        tree.set_dtype(self.0.dtype.float());
        let freezes_inside = !self.0.from_file
            || self
                .rule()
                .as_recurrent()
                .is_some_and(|_| RECURRENT_WITH_OWN_CELL.contains(&self.class()));
        Ok(WeightTree {
            trainable: self.0.trainable,
            freezes_inside,
            label: self.shown_name(),
            ..tree
        })
    }

    /// The same layer with other settings and maybe another name, not yet in use.
    pub(super) fn remade(&self, name: Option<String>, rule: Box<dyn Layer>) -> Self {
        let from = &self.0;
        let made = Self::with(name.or_else(|| from.name.clone()), rule);
        made.edit(|o| {
            (o.trainable, o.from_file, o.dtype, o.beside) =
                (from.trainable, from.from_file, from.dtype.clone(), from.beside.clone())
        })
    }

    /// The layer as a whole model: frozen, it freezes all inside.
    pub(crate) fn into_model(self) -> Self {
        self.edit(|o| o.from_file = o.from_file && o.trainable)
    }

    /// The place of a lowering as this layer's policies have it.
    fn place<'g>(&self, cx: &Cx<'g>) -> Cx<'g> {
        cx.with_policy(&self.0.dtype)
            .with_int8(self.0.beside.get(INT8_WEIGHTS) == Some(&json!(true)))
    }

    /// Lowers what Keras's `layer.call` does, without mask and penalty: how wrappers call the layer
    /// inside.
    pub(super) fn lower_inner<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let here = |e: Error| e.of_layer(self.class(), &self.shown_name());
        let outs = self.rule().lower(&self.place(cx), w, call).map_err(here)?;
        cx.builder.check().map_err(|e| here(e.into()))?;
        Ok(outs)
    }

    /// Lowers a call: the layer's own operations, then its mask and the penalty on its activity.
    pub fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let cx = self.place(cx);
        let here = |e: Error| e.of_layer(self.class(), &self.shown_name());
        if call.inputs().iter().any(|f| f.ends.is_some()) && !self.rule().takes_ragged() {
            let rule = "sequences of unequal length cannot meet in one batch here, for what the \
                layer gives at one timestep depends on how many there are; \
                        take batches of equal length (batches = \"equal-length\") or batch size 1";
            return Err(here(Error::shapes(
                rule,
                &call.inputs().iter().map(|f| f.spec()).collect::<Vec<_>>(),
            )));
        }
        let call = &cx.in_form(call, self.rule().form());
        let first = call.inputs().into_iter().find(|f| f.ends.is_some()).copied();
        let mut outs = self.rule().lower(&cx, w, call).map_err(here)?;
        cx.builder.check().map_err(|e| here(e.into()))?;
        match self.rule().mask_rule() {
            MaskRule::Own => {}
            MaskRule::Drop => outs.iter_mut().for_each(|o| o.mask = None),
            MaskRule::Pass => {
                let mask = call
                    .kwarg_value("mask")
                    .map(|m| m.value)
                    .or_else(|| call.inputs().first().and_then(|f| f.mask));
                outs.iter_mut().for_each(|o| o.mask = mask);
            }
        }
        if let Some((ends, packed)) =
            first.filter(|_| !self.rule().tells_ends()).and_then(|f| Some((f.ends?, f.packed)))
        {
            outs.iter_mut()
                .filter(|o| o.value.rank() > 1 && o.value.dim(1) == ends.dim(1))
                .for_each(|o| (o.ends, o.packed) = (Some(ends), packed));
        }
        if let Some(r) = self.rule().activity_regularizer() {
            for o in &outs {
                cx.add_loss(r.of(o.own(o.value)) / cx.batch.unwrap_or(1) as f64);
            }
        }
        Ok(outs)
    }

    /// The same layer adapted to data: its vocabulary, its statistics, its boundaries.
    ///
    /// # Errors
    /// As [`Layer::adapt_to`].
    pub fn adapt(&self, data: &Data) -> Result<Self> {
        let rule =
            self.rule().adapt_to(data).map_err(|e| e.of_layer(self.class(), &self.shown_name()))?;
        let (trainable, dtype, beside) =
            (self.0.trainable, self.0.dtype.clone(), self.0.beside.clone());
        Ok(Self::with(self.0.name.clone(), rule).edit(|o| {
            o.trainable = trainable;
            o.dtype = dtype;
            o.beside = beside;
        }))
    }

    /// As Keras serializes it, under a name.
    pub fn to_json_named(&self, name: &str) -> Value {
        let rule = self.rule();
        let mut config = Map::new();
        for key in rule.common_keys() {
            config.insert(
                key.trim_end_matches("_name").into(),
                match *key {
                    "dtype_name" => json!(self.0.dtype.variable_name()),
                    "name" => json!(name),
                    "trainable" => json!(self.0.trainable),
                    _ => self.0.dtype.to_json(),
                },
            );
        }
        if let Some(r) = rule.activity_regularizer() {
            config.insert("activity_regularizer".into(), r.to_json());
        }
        if let Value::Object(own) = rule.config() {
            config.extend(own);
        }
        let mut config = Value::Object(config);
        if !self.0.trainable && !self.0.from_file {
            freeze_inside(&mut config);
        }
        let mut v = object(rule.module(), self.class(), config);
        if let Some(registered) = rule.registered_name() {
            v["registered_name"] = json!(registered);
        }
        for (key, value) in &self.0.beside {
            v[key] = value.clone();
        }
        v
    }

    /// As Keras serializes it.
    pub fn to_json(&self) -> Value {
        self.to_json_named(&self.shown_name())
    }

    /// Reads what Keras writes.
    pub fn from_json(v: &Value) -> Result<Self> {
        let parts = parts("layer", v)?;
        let name = parts.config.get("name").and_then(Value::as_str).map(str::to_string);
        let shown = name.clone().unwrap_or_else(|| snake_case(parts.class));
        let here = |e: Error| match e {
            Error::Config(m) => Error::Config(format!("{} `{shown}`: {m}", parts.class)),
            other => other.of_layer(parts.class, &shown),
        };
        let mut settings = parts.config.clone();
        if is_int8(&settings) {
            settings["int8"] = json!(true);
        }
        let (rule, read) = super::from_class(parts.module, parts.class, &settings).map_err(here)?;
        let policy = if rule.common_keys().iter().any(|k| k.starts_with("dtype")) {
            parts.config.get("dtype")
        } else {
            None
        };
        let dtype = DTypePolicy::from_json(policy.unwrap_or(&Value::Null)).map_err(here)?;
        // A Sequential read by Keras is trainable whatever its config says; its layers say for
        // themselves.
        let trainable = parts.class == "Sequential"
            || parts.config.get("trainable").and_then(Value::as_bool).unwrap_or(true);
        super::warn_unknown_keys(parts.class, &shown, &parts.config, &read, rule.common_keys());
        let layer = Self::with(name, rule);
        let beside = ["build_config", "compile_config", INT8_WEIGHTS]
            .into_iter()
            .filter_map(|k| Some((k.to_string(), v.get(k)?.clone())))
            .collect();
        Ok(layer.edit(|o| {
            o.trainable = trainable;
            o.from_file = true;
            o.dtype = dtype;
            o.beside = beside;
        }))
    }
}

/// Marks the layers within a config as frozen, as setting `trainable` in Keras does.
fn freeze_inside(config: &mut Value) {
    match config {
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::Object(own) if key == "config" && own.contains_key("trainable") => {
                        own.insert("trainable".into(), false.into());
                        freeze_inside(value);
                    }
                    _ => freeze_inside(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(freeze_inside),
        _ => {}
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

impl serde::Serialize for LayerRef {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        self.to_json().serialize(s)
    }
}

impl<'de> serde::Deserialize<'de> for LayerRef {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let v = Value::deserialize(d)?;
        if !v.is_object() {
            return Err(serde::de::Error::custom(format!(
                "expected a layer. Received: {}",
                short(&v)
            )));
        }
        LayerRef::from_json(&v).map_err(serde::de::Error::custom)
    }
}
