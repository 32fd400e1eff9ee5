//! A model: a graph of layers with its weights.

use super::variables::{self, Variable};
use crate::architecture::{
    Container, Functional, InputLayer, Maker, MemberKind, Nest, Sequential, Symbol, TensorRef,
    trace,
};
use crate::layers::{Call, LayerRef, Registry, WeightTree};
use crate::runtime::Runtime;
use crate::{Error, Result};
use cornu_cpu::{SlotId, Store};
use cornu_ir::{Spec, Tensor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A model: a graph of layers with its weights.
///
/// A model is a cheap handle: clones share everything, and any number of threads may use it at the
/// same time. Its weights belong to its layers: models over the same layers have the same weights,
/// and training one moves the other. [`Model::compile`] gives the stage that can be trained.
///
/// ```
/// use cornu::{Dense, Input, Lstm, Model};
/// let inputs = Input::new([20, 1]);
/// let x = Lstm::new(5).return_sequences(true).call(&inputs)?;
/// let x = Lstm::new(4).call(&x)?;
/// let outputs = Dense::new(1).activation("sigmoid").call(&x)?;
/// let model = Model::new(&inputs, &outputs)?;
/// assert_eq!(model.count_params(), 305);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone)]
pub struct Model(Arc<Parts>);

/// What the handles of a model share.
struct Parts {
    layer: LayerRef,
    tree: WeightTree,
    variables: Vec<Variable>,
    /// The values of `variables`, in their order.
    store: Store,
    runtime: Runtime,
    /// What a file brought along for layers: vocabularies.
    assets: Vec<(String, Vec<u8>)>,
    /// Names of the classes by output.
    class_names: Mutex<BTreeMap<String, Vec<String>>>,
}

/// One symbol or several.
pub trait IntoSymbols {
    /// The symbols, and whether it is one alone.
    fn into_symbols(self) -> (Vec<Symbol>, bool);
}

impl IntoSymbols for &Symbol {
    fn into_symbols(self) -> (Vec<Symbol>, bool) {
        (vec![self.clone()], true)
    }
}

impl<const N: usize> IntoSymbols for [&Symbol; N] {
    fn into_symbols(self) -> (Vec<Symbol>, bool) {
        (self.into_iter().cloned().collect(), false)
    }
}

impl IntoSymbols for &[Symbol] {
    fn into_symbols(self) -> (Vec<Symbol>, bool) {
        (self.to_vec(), false)
    }
}

impl Model {
    /// The model between symbols. Weights that have no value yet get their first, drawn from seed 0
    /// by their number in this model; see [`Model::seed`].
    ///
    /// A model over layers of several models that were made before has their weights. Call
    /// [`Model::seed`] to draw them anew, each by its number there.
    pub fn new(inputs: impl IntoSymbols, outputs: impl IntoSymbols) -> Result<Self> {
        let ((inputs, one_in), (outputs, one_out)) =
            (inputs.into_symbols(), outputs.into_symbols());
        Self::of(LayerRef::new(trace(&inputs, &outputs, one_in, one_out)?).name("functional"), 0)
    }

    /// A model of layers one after the other.
    pub fn sequential(input: &Symbol, layers: impl IntoIterator<Item = LayerRef>) -> Result<Self> {
        let input = match &input.node.maker {
            Maker::Input(i) => InputLayer::clone(i),
            Maker::Layer(l) => {
                return Err(Error::argument(
                    "Sequential",
                    "its entry must be made by Input",
                    l.shown_name(),
                ));
            }
        };
        let rule = Sequential::new(Some(input), layers.into_iter().collect())?;
        Self::of(LayerRef::new(rule).name("sequential"), 0)
    }

    /// The model of a layer that is one. Weights that have no value yet get their first, drawn from
    /// the seed.
    pub(crate) fn of(layer: LayerRef, seed: u64) -> Result<Self> {
        let model = Self::blank(layer, vec![])?;
        for (i, v) in model.variables().iter().enumerate().filter(|(_, v)| !v.value.is_set()) {
            v.value.set(&v.first_value(seed, i)?);
        }
        model.runtime().set_seed(seed);
        Ok(model)
    }

    /// The model of a layer that is one, its weights to be filled in, with what a file brought
    /// along for layers.
    pub(crate) fn blank(layer: LayerRef, assets: Vec<(String, Vec<u8>)>) -> Result<Self> {
        let layer = layer.into_model();
        let tree = Self::tree_of(&layer)?;
        let variables = variables::variables(&tree)?;
        let store = Store::of(variables.iter().map(|v| v.value.clone()));
        let runtime = Runtime::default();
        let class_names = Mutex::default();
        Ok(Self(Arc::new(Parts { layer, tree, variables, store, runtime, assets, class_names })))
    }

    fn tree_of(layer: &LayerRef) -> Result<WeightTree> {
        let graph = Self::graph_of(layer)?;
        let specs = graph
            .inputs
            .flatten()
            .into_iter()
            .map(|t| graph.members[t.member].outputs[t.call][t.output].clone());
        layer.weights(&Call::list(specs))
    }

    fn graph_of(layer: &LayerRef) -> Result<&Functional> {
        match layer.as_container() {
            Some(Container::Functional(f)) => Ok(f),
            Some(Container::Sequential(s)) => s.chain().ok_or_else(|| {
                Error::Config(format!(
                    "Sequential `{}`: the shape of its input is not known; put an Input first, or \
                        save it after it was built",
                    layer.shown_name()
                ))
            }),
            None => Err(Error::Config(format!(
                "expected a model. Received: a layer of class \
                {}",
                layer.class()
            ))),
        }
    }

    /// Reads the architecture from Keras's config (the whole of config.json), with first weights
    /// from seed 0.
    pub fn from_json(v: &Value) -> Result<Self> {
        Self::of(LayerRef::from_json(v, &Registry::builtin())?, 0)
    }

    /// Returns the model with first weights from a seed, which also draws what is random in
    /// training. Other models over its layers get these weights, too.
    pub fn seed(self, seed: u64) -> Result<Self> {
        let first = |(i, v): (usize, &Variable)| v.first_value(seed, i);
        let values = self.variables().iter().enumerate().map(first).collect::<Result<Vec<_>>>()?;
        self.replace_weights(&values);
        self.set_seed(seed);
        Ok(self)
    }

    /// Sets the seed of what is random in training: dropout, noise.
    pub fn set_seed(&self, seed: u64) {
        self.runtime().set_seed(seed);
    }

    /// Sets how many threads run; all cores unless set. Results do not depend on it.
    pub fn set_threads(&self, n: usize) {
        self.runtime().set_threads(n);
    }

    /// Makes all layers trainable or frozen. It takes effect when the model is compiled the next
    /// time, as in Keras.
    pub fn set_trainable(&self, trainable: bool) {
        self.layer().set_trainable(trainable);
    }

    /// Sets the states of stateful layers to 0.
    pub fn reset_states(&self) {
        self.tree().states().iter().for_each(|(_, states)| states.reset());
    }

    /// What the model keeps between runs.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    /// The values of the weights.
    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    /// What a file brought along for layers.
    pub(crate) fn brought_assets(&self) -> &[(String, Vec<u8>)] {
        &self.0.assets
    }

    /// Names of the classes by output.
    pub(super) fn kept_class_names(&self) -> MutexGuard<'_, BTreeMap<String, Vec<String>>> {
        self.0.class_names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a layer, at any depth, keeps its state from batch to batch.
    pub fn is_stateful(&self) -> bool {
        self.layer().any(&|l| l.rule().as_recurrent().is_some_and(|r| r.walk().stateful))
    }

    /// Returns a model of the same layers, and so the same weights, with a name.
    pub fn name(self, name: &str) -> Self {
        let runtime = self.runtime().renewed();
        let layer = self.layer().clone().name(name);
        let tree = Self::tree_of(&layer).expect("a model's layer, under another name");
        let Parts { variables, store, assets, .. } = &*self.0;
        let variables = variables.clone();
        let (store, assets) = (store.clone(), assets.clone());
        let class_names = Mutex::new(self.kept_class_names().clone());
        Self(Arc::new(Parts { layer, tree, variables, store, runtime, assets, class_names }))
    }

    /// The model's own architecture as Keras's config.
    pub fn to_json(&self) -> Value {
        self.layer().to_json()
    }

    /// The graph of layers.
    pub fn graph(&self) -> &Functional {
        Self::graph_of(self.layer()).expect("a model has a graph: it was made from one")
    }

    /// The model as a layer, to be called inside another model, with the same weights.
    pub fn layer(&self) -> &LayerRef {
        &self.0.layer
    }

    /// The weights as a tree, as files group them.
    pub fn tree(&self) -> &WeightTree {
        &self.0.tree
    }

    /// The weights, in Keras's order.
    pub fn variables(&self) -> &[Variable] {
        &self.0.variables
    }

    /// The value of the `i`-th weight.
    pub fn weight(&self, i: usize) -> Tensor {
        self.variables()[i].value.tensor()
    }

    /// Gives the `i`-th weight a value.
    ///
    /// # Errors
    /// The shape is not the weight's.
    pub fn set_weight(&self, i: usize, value: &Tensor) -> Result<()> {
        self.check_weight(i, value)?;
        self.variables()[i].value.set(value);
        Ok(())
    }

    /// Fails unless a value has the shape and type of the `i`-th weight.
    fn check_weight(&self, i: usize, value: &Tensor) -> Result<()> {
        let v = &self.variables()[i];
        if value.dims != v.spec.shape || value.dtype() != v.spec.dtype() {
            let (shape, dtype) = (&v.spec.shape, v.spec.dtype());
            let rule = format!("weight `{}` has shape {shape:?} and type {dtype}", v.file_path());
            let received = format!("{:?} of type {}", value.dims, value.dtype());
            return Err(Error::argument("set_weight", rule, received));
        }
        Ok(())
    }

    /// The values of all weights, in Keras's order, as one step left them.
    pub fn weights(&self) -> Vec<Tensor> {
        let store = self.store().read();
        (0..self.variables().len()).map(|i| store.view(SlotId(i)).to_tensor()).collect()
    }

    /// Gives all weights their values, in Keras's order.
    ///
    /// # Errors
    /// Another number of weights, or a shape that is not the weight's; none is set then.
    pub fn set_weights(&self, values: &[Tensor]) -> Result<()> {
        let n = self.variables().len();
        if values.len() != n {
            let rule = format!("the model has {n} weights");
            return Err(Error::argument("set_weights", rule, values.len()));
        }
        values.iter().enumerate().try_for_each(|(i, value)| self.check_weight(i, value))?;
        self.replace_weights(values);
        Ok(())
    }

    /// Gives all weights their values at once, which were checked to be of the right shapes.
    pub(crate) fn replace_weights(&self, values: &[Tensor]) {
        let mut store = self.store().write();
        values.iter().enumerate().for_each(|(i, value)| store.replace(SlotId(i), value));
    }

    /// Number of parameters.
    pub fn count_params(&self) -> usize {
        self.variables().iter().map(|v| v.spec.n_elements()).sum()
    }

    /// The entries with their names, in the order of `model.inputs`.
    pub fn inputs(&self) -> Vec<(String, InputLayer)> {
        let g = self.graph();
        let entry = |t: TensorRef| match &g.members[t.member].kind {
            MemberKind::Input(i) => (g.members[t.member].name.clone(), i.clone()),
            MemberKind::Layer(_) => (
                g.members[t.member].name.clone(),
                InputLayer {
                    batch_shape: g.members[t.member].outputs[t.call][t.output].dims.clone(),
                    ..InputLayer::default()
                },
            ),
        };
        g.inputs.flatten().into_iter().map(entry).collect()
    }

    /// Specs of the outputs, in the order of `model.outputs`.
    pub fn output_specs(&self) -> &[Spec] {
        &self.graph().output_specs
    }

    /// Names of the outputs: the layers that give them.
    pub fn output_names(&self) -> Vec<String> {
        let g = self.graph();
        g.outputs.flatten().into_iter().map(|t| g.members[t.member].name.clone()).collect()
    }

    /// The structure of the outputs.
    pub fn output_nest(&self) -> &Nest {
        &self.graph().outputs
    }
}
