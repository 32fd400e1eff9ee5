//! A model: a graph of layers with its weights.

use super::variables::{self, Variable};
use crate::architecture::{
    Container, Functional, InputLayer, IntoLayers, IntoSymbols, Maker, MemberKind, Nest, Nodes,
    Sequential, Symbol, TensorRef, trace,
};
use crate::data::{Array, array_of, tensor_of};
use crate::extension::for_file;
use crate::lowering::{Call, LayerRef, Registry, WeightTree};
use crate::runtime::Runtime;
use crate::{Error, Result};
use cornu_cpu::{SlotId, Store};
use cornu_ir::{Spec, Tensor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Model: a graph of layers with their weights.
///
/// A model is a cheap handle: clones share everything, and any number of threads may use it at the
/// same time. The weights belong to the layers: models with the same layers share them, and
/// training one changes the other. [`Model::compile`] returns a model that can be trained.
///
/// - Threads: [`Model::set_threads`], all cores unless set; see [`crate::guide::speed`].
/// - Sharing: [`Model::clone_model`] makes layers of its own, and so weights.
/// - Fine-tuning: [`Model::symbol`], [`Model::layer`]; see [`crate::guide::fine_tuning`].
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

/// Data that the handles of a model share.
struct Parts {
    /// The symbols of the layers' calls: those that the model was made from, or made when asked.
    nodes: OnceLock<Nodes>,
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

impl Model {
    /// Returns the model from input symbols to output symbols. Weights without values are
    /// initialized from seed 0; see [`Model::seed`].
    ///
    /// A model made of layers of other models has their weights. Call [`Model::seed`] to initialize
    /// them again.
    pub fn new(inputs: impl IntoSymbols, outputs: impl IntoSymbols) -> Result<Self> {
        let ((inputs, one_in), (outputs, one_out)) =
            (inputs.into_symbols(), outputs.into_symbols());
        let (graph, nodes) = trace(&inputs, &outputs, one_in, one_out)?;
        let model = Self::of(LayerRef::new(graph).name("functional"), 0)?;
        model.0.nodes.get_or_init(|| nodes);
        Ok(model)
    }

    /// Returns a model of layers one after the other: a tuple, an array or a vector of them.
    ///
    /// # Errors
    /// An input that is not made by `Input`; a layer that does not take what the one before gives.
    ///
    /// ```
    /// use cornu::{Dense, Dropout, Input, Lstm, Model};
    /// let layers = (Lstm::new(4), Dropout::new(0.2), Dense::new(1));
    /// assert_eq!(Model::sequential(&Input::new([20, 3]), layers)?.count_params(), 133);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn sequential(input: &Symbol, layers: impl IntoLayers) -> Result<Self> {
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
        let rule = Sequential::new(Some(input), layers.into_layers())?;
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
        let (nodes, class_names) = (OnceLock::new(), Mutex::default());
        Ok(Self(Arc::new(Parts {
            nodes,
            layer,
            tree,
            variables,
            store,
            runtime,
            assets,
            class_names,
        })))
    }

    fn tree_of(layer: &LayerRef) -> Result<WeightTree> {
        let graph = Self::graph_of(layer)?;
        let specs = graph
            .inputs
            .flatten()
            .into_iter()
            .map(|t| graph.members[t.member].outputs[t.call][t.output].clone());
        layer.weight_tree(&Call::list(specs))
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

    /// Returns the model of a Keras config (the content of config.json), with weights initialized
    /// from seed 0.
    pub fn from_json(v: &Value) -> Result<Self> {
        Self::from_json_with(v, &Registry::new())
    }

    /// Returns the model of a Keras config, with the classes of a registry.
    ///
    /// # Errors
    /// A class that is not in the registry; settings that a class does not take.
    pub fn from_json_with(v: &Value, registry: &Registry) -> Result<Self> {
        Self::of(LayerRef::from_json(v, &for_file(registry, v, None)?)?, 0)
    }

    /// Initializes all weights from a seed, which also seeds dropout and noise in training. Other
    /// models with the same layers get these weights too.
    pub fn seed(self, seed: u64) -> Result<Self> {
        let first = |(i, v): (usize, &Variable)| v.first_value(seed, i);
        let values = self.variables().iter().enumerate().map(first).collect::<Result<Vec<_>>>()?;
        self.replace_weights(&values);
        self.set_seed(seed);
        Ok(self)
    }

    /// Sets the seed of dropout and noise in training.
    pub fn set_seed(&self, seed: u64) {
        self.runtime().set_seed(seed);
    }

    /// Sets the number of threads; by default all cores. Results do not depend on it.
    pub fn set_threads(&self, n: usize) {
        self.runtime().set_threads(n);
    }

    /// Sets all layers trainable or frozen. It takes effect at the next `compile`, as in Keras.
    pub fn set_trainable(&self, trainable: bool) {
        self.as_layer().set_trainable(trainable);
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

    /// True if any layer, at any depth, keeps its state from batch to batch.
    pub fn is_stateful(&self) -> bool {
        self.as_layer().any(&|l| l.rule().as_recurrent().is_some_and(|r| r.walk().stateful))
    }

    /// Returns the model with a name; layers and weights are shared.
    pub fn name(self, name: &str) -> Self {
        let runtime = self.runtime().renewed();
        let layer = self.as_layer().clone().name(name);
        let tree = Self::tree_of(&layer).expect("a model's layer, under another name");
        let Parts { variables, store, assets, .. } = &*self.0;
        let variables = variables.clone();
        let (store, assets) = (store.clone(), assets.clone());
        let class_names = Mutex::new(self.kept_class_names().clone());
        let nodes = OnceLock::new();
        Self(Arc::new(Parts { nodes, layer, tree, variables, store, runtime, assets, class_names }))
    }

    /// Returns the architecture as Keras's config.
    pub fn to_json(&self) -> Value {
        self.as_layer().to_json()
    }

    /// Returns the graph of layers.
    pub fn graph(&self) -> &Functional {
        Self::graph_of(self.as_layer()).expect("a model has a graph: it was made from one")
    }

    /// Returns the model as a layer, to be called inside another model with the same weights.
    pub fn as_layer(&self) -> &LayerRef {
        &self.0.layer
    }

    /// The symbols of the layers' calls.
    pub(super) fn nodes(&self) -> Result<&Nodes> {
        if let Some(nodes) = self.0.nodes.get() {
            return Ok(nodes);
        }
        let nodes = Nodes::of(self.graph())?;
        Ok(self.0.nodes.get_or_init(|| nodes))
    }

    /// Returns the weights as a tree, grouped as in files.
    pub fn tree(&self) -> &WeightTree {
        &self.0.tree
    }

    /// Returns the variables of the weights, in Keras's order.
    pub fn variables(&self) -> &[Variable] {
        &self.0.variables
    }

    /// The values of all weights, in Keras's order, as one step left them.
    pub(crate) fn tensors(&self) -> Vec<Tensor> {
        let store = self.store().read();
        (0..self.variables().len()).map(|i| store.view(SlotId(i)).to_tensor()).collect()
    }

    /// Returns the values of all weights, in Keras's order. During a training they are those after
    /// a whole step.
    ///
    /// ```
    /// use cornu::{Dense, Input, Model};
    /// let x = Input::new([3]);
    /// let model = Model::new(&x, &Dense::new(2).call(&x)?)?;
    /// let weights = model.weights();
    /// assert_eq!((weights[0].shape(), weights[1].shape()), (&[3, 2][..], &[2][..]));
    /// model.set_weights(&weights)?;
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn weights(&self) -> Vec<Array> {
        self.tensors().iter().map(array_of).collect()
    }

    /// Returns the value of the `i`-th weight.
    pub fn weight(&self, i: usize) -> Array {
        array_of(&self.variables()[i].value.tensor())
    }

    /// Sets the value of the `i`-th weight.
    ///
    /// # Errors
    /// A wrong shape.
    pub fn set_weight(&self, i: usize, value: impl Into<Array>) -> Result<()> {
        let v = &self.variables()[i];
        v.value.set(&fitted(v, value.into())?);
        Ok(())
    }

    /// Sets the values of all weights, in Keras's order.
    ///
    /// # Errors
    /// A wrong number of weights, or a wrong shape; no weight is set then.
    pub fn set_weights<A: Clone + Into<Array>>(&self, values: &[A]) -> Result<()> {
        let n = self.variables().len();
        if values.len() != n {
            let rule = format!("the model has {n} weights");
            return Err(Error::argument("set_weights", rule, values.len()));
        }
        let fitted = self.variables().iter().zip(values).map(|(v, a)| fitted(v, a.clone().into()));
        self.replace_weights(&fitted.collect::<Result<Vec<_>>>()?);
        Ok(())
    }

    /// Gives all weights their values at once, which were checked to be of the right shapes.
    pub(crate) fn replace_weights(&self, values: &[Tensor]) {
        let mut store = self.store().write();
        values.iter().enumerate().for_each(|(i, value)| store.replace(SlotId(i), value));
    }

    /// Returns the number of parameters.
    pub fn count_params(&self) -> usize {
        self.variables().iter().map(|v| v.spec.n_elements()).sum()
    }

    /// Returns the inputs with their names, in the order of Keras's `model.inputs`.
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

    /// Returns type and dims of each output, in the order of Keras's `model.outputs`.
    pub fn output_specs(&self) -> &[Spec] {
        &self.graph().output_specs
    }

    /// Returns the names of the outputs: those of their layers.
    pub fn output_names(&self) -> Vec<String> {
        let g = self.graph();
        g.outputs.flatten().into_iter().map(|t| g.members[t.member].name.clone()).collect()
    }

    /// Returns the structure of the outputs: one, a list, or by name.
    pub fn output_nest(&self) -> &Nest {
        &self.graph().outputs
    }
}

/// An array as the value of a weight.
fn fitted(v: &Variable, array: Array) -> Result<Tensor> {
    if array.shape() != v.spec.shape {
        let rule = format!("weight `{}` has shape {:?}", v.path, v.spec.shape);
        return Err(Error::argument("set_weights", rule, format!("{:?}", array.shape())));
    }
    tensor_of(&array, v.spec.dtype())
}
