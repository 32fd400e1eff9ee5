//! A model with loss, metrics and optimizer: the stage that is trained and evaluated.

use super::compile::{Compile, Settings};
use super::engine::Engine;
use super::task::Stage;
use crate::compile::{Compiled, ModelOutputs};
use crate::config::Classes;
use crate::losses::Loss;
use crate::lowering::WeightTree;
use crate::optimizers::{Optimizer, VarInfo};
use crate::runtime::Programs;
use crate::{Model, Result};
use cornu_cpu::{SlotId, Store, Variable};
use cornu_ir::{Spec, Tensor};
use serde_json::Value;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};

/// A compiled model: a [`Model`] with loss, metrics, an optimizer and its state.
///
/// It derefs to its model, with which it shares the weights, so it has all functions of a model
/// (`predict`, `summary`, `weights`). A saved compiled model keeps settings and state of the
/// optimizer.
///
/// A model that is not compiled cannot be trained:
///
/// ```compile_fail
/// use cornu::{Dense, Fit, Input, Model};
/// let x = Input::new([2]);
/// let model = Model::new(&x, &Dense::new(1).call(&x)?)?;
/// model.fit(&ndarray::arr2(&[[1.0f32, 0.0]]), &ndarray::arr2(&[[1.0f32]]), Fit::new())?;
/// # Ok::<(), cornu::Error>(())
/// ```
///
/// Training changes the weights of the model and of every other model with the same layers:
///
/// ```
/// use cornu::{Compile, Dense, Input, Model, Predict};
/// let x = Input::new([2]);
/// let model = Model::new(&x, &Dense::new(1).call(&x)?)?;
/// let mut compiled = model.compile(Compile::new("sgd", "mse"))?;
/// let (x, y) = (ndarray::arr2(&[[1.0f32, 0.0]]), ndarray::arr2(&[[9.0f32]]));
/// let before = model.predict(&x, Predict::new())?;
/// compiled.train_on_batch(&x, &y)?;
/// assert_ne!(model.predict(&x, Predict::new())?, before);
/// # Ok::<(), cornu::Error>(())
/// ```
pub struct CompiledModel {
    model: Model,
    settings: Value,
    /// What reads losses and metrics of users' own classes in the settings.
    classes: Classes,
    pub(super) optimizer: Optimizer,
    /// The weights, with what was trainable when the model was compiled.
    tree: WeightTree,
    /// Numbers of the weights that the optimizer moves.
    pub(super) trainable: Vec<usize>,
    /// The same as the optimizer sees them.
    pub(super) vars: Vec<VarInfo>,
    /// The weights, then the optimizer's variables in the order in which Keras saves them.
    store: Store,
    pub(super) programs: Programs,
    /// Whether the settings came with a file: Keras makes the optimizer's variables on loading,
    /// else at the first step.
    from_file: bool,
    /// Whether a training step has run.
    pub(super) has_stepped: AtomicBool,
}

/// Reference to a model or a compiled model.
#[derive(Clone, Copy)]
pub struct ModelRef<'a> {
    model: &'a Model,
    compiled: Option<&'a CompiledModel>,
}

impl<'a> ModelRef<'a> {
    /// Returns the model.
    pub fn model(self) -> &'a Model {
        self.model
    }

    /// Returns the compiled model, if it is one.
    pub fn compiled(self) -> Option<&'a CompiledModel> {
        self.compiled
    }
}

impl<'a> From<&'a Model> for ModelRef<'a> {
    fn from(model: &'a Model) -> Self {
        Self { model, compiled: None }
    }
}

impl<'a> From<&'a CompiledModel> for ModelRef<'a> {
    fn from(compiled: &'a CompiledModel) -> Self {
        Self { model: compiled, compiled: Some(compiled) }
    }
}

impl Deref for CompiledModel {
    type Target = Model;

    fn deref(&self) -> &Model {
        &self.model
    }
}

impl Model {
    /// Compiles the model with losses, metrics and an optimizer, whose state is new.
    ///
    /// The model itself is not changed and shares its weights with the compiled model. `compile`
    /// decides which weights are trained: [`Model::set_trainable`] takes effect at the next
    /// `compile`, as in Keras.
    ///
    /// # Errors
    /// Invalid settings: an unknown name of an optimizer, loss, metric or output, or a value out of
    /// range.
    ///
    /// # Source
    /// `compile` of keras/src/trainers/trainer.py, Keras 3.15.1.
    pub fn compile(&self, settings: Compile) -> Result<CompiledModel> {
        let settings = settings.into_settings()?;
        let outputs = self.named_outputs();
        settings.classes.scope(|| Compiled::check(&settings.config, &outputs))?;
        CompiledModel::new(self.clone(), settings, false)
    }
}

impl CompiledModel {
    /// Compiles a model with settings that a file holds.
    pub(crate) fn from_config(model: Model, config: &Value, classes: &Classes) -> Result<Self> {
        let settings = classes.scope(|| Compile::from_json(config))?.into_settings()?;
        Self::new(model, Settings { classes: classes.clone(), ..settings }, true)
    }

    fn new(model: Model, settings: Settings, from_file: bool) -> Result<Self> {
        let Settings { optimizer, config: mut settings, classes } = settings;
        let tree = model.tree().with_trainable_settled();
        let variables = crate::model::variables(&tree)?;
        let trainable: Vec<usize> =
            (0..variables.len()).filter(|i| variables[*i].trainable).collect();
        let vars: Vec<VarInfo> = trainable.iter().map(|i| VarInfo::from(&variables[*i])).collect();
        optimizer.check(&vars)?;
        settings["optimizer"] = optimizer.to_json();
        let weights: Vec<Tensor> =
            trainable.iter().map(|i| model.variables()[*i].value.tensor()).collect();
        let mut store = model.store().clone();
        for spec in optimizer.state(&vars) {
            store.push(&spec.first_value(&weights));
        }
        let (programs, has_stepped) = (Programs::default(), AtomicBool::new(false));
        Ok(Self {
            model,
            settings,
            classes,
            optimizer,
            tree,
            trainable,
            vars,
            store,
            programs,
            from_file,
            has_stepped,
        })
    }

    /// Returns the compiled model under another name.
    pub fn name(self, name: &str) -> Self {
        Self { model: self.model.name(name), ..self }
    }

    /// Returns losses, metrics and their weights as Keras's compile config.
    pub fn settings(&self) -> &Value {
        &self.settings
    }

    /// Returns the loss on an output, the first where it has several; `crossentropy` is that of
    /// class ids.
    ///
    /// # Errors
    /// A loss of the compile settings that cannot be read.
    ///
    /// ```
    /// use cornu::{Compile, Dense, Input, Model};
    /// let x = Input::new([3]);
    /// let model = Model::new(&x, &Dense::new(4).call(&x)?)?.compile(Compile::new("adam", "ce"))?;
    /// assert_eq!(model.loss(0)?.unwrap().name(), "sparse_categorical_crossentropy");
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn loss(&self, output: usize) -> Result<Option<Loss>> {
        let outputs = self.named_outputs();
        self.classes.scope(|| Compiled::loss_of(&self.settings, &outputs, output))
    }

    /// Losses and metrics for targets of these specs.
    pub(crate) fn resolve(&self, targets: &[Spec]) -> Result<Compiled> {
        self.classes.scope(|| Compiled::resolve(&self.settings, &self.named_outputs(), targets))
    }

    /// Returns the optimizer.
    pub fn optimizer(&self) -> &Optimizer {
        &self.optimizer
    }

    /// Returns the model without its compile settings.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The weights and the optimizer's variables.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Slots of the optimizer's variables, in the order in which Keras saves them.
    pub(super) fn state_slots(&self) -> impl ExactSizeIterator<Item = SlotId> + use<> {
        let n_weights = self.model.variables().len();
        (0..self.store.len() - n_weights).map(move |i| SlotId(n_weights + i))
    }

    /// The optimizer's variables, in the order in which Keras saves them.
    pub(crate) fn state(&self) -> &[Variable] {
        &self.store.variables()[self.model.variables().len()..]
    }

    /// The values of the weights and of the optimizer's variables, as one step left them.
    pub(crate) fn values(&self) -> (Vec<Tensor>, Vec<Tensor>) {
        let store = self.store.read();
        let value = |i: usize| store.view(SlotId(i)).to_tensor();
        let n_weights = self.model.variables().len();
        ((0..n_weights).map(value).collect(), (n_weights..self.store.len()).map(value).collect())
    }

    /// Specs of the optimizer's variables, once Keras would have made them.
    pub(crate) fn optimizer_specs(&self) -> Option<Vec<Spec>> {
        let made = self.from_file || self.has_stepped.load(Ordering::Relaxed);
        made.then(|| self.state().iter().map(Variable::spec).collect())
    }

    /// What runs evaluation and training.
    pub(super) fn engine(&self) -> Engine<'_> {
        let stage = Stage { model: &self.model, tree: &self.tree, store: &self.store };
        Engine { stage, programs: &self.programs }
    }

    /// The compile config as Keras writes it, the learning rate as it stands in values of the
    /// optimizer's variables.
    pub(crate) fn compile_config(&self, state: &[Tensor]) -> Value {
        let mut json = self.settings.clone();
        let at = |i: usize| state[i].to_f64()[0];
        json["optimizer"] = self.optimizer.clone().with_learning_rates(&self.vars, &at).to_json();
        json
    }
}

impl Model {
    /// The outputs as losses and metrics are assigned to them.
    pub(crate) fn named_outputs(&self) -> ModelOutputs {
        let nest = self.output_nest();
        let keys = nest.keys().map(|k| k.into_iter().map(str::to_string).collect());
        ModelOutputs {
            names: self.output_names(),
            keys,
            specs: self.output_specs().to_vec(),
            within: nest.places(),
        }
    }
}
