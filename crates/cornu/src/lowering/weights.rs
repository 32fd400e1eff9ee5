//! The weights of a layer as values of a graph.

use super::layer_states::LayerStates;
use super::weight_tree::WeightTree;
use cornu_ir::Var;
use std::borrow::Cow;
use std::iter::Peekable;

/// Weight as a value of a graph.
#[derive(Clone, Debug)]
pub struct Weight<'g> {
    /// Keras's name.
    pub name: Cow<'static, str>,
    /// Value of the weight.
    pub value: Var<'g>,
    /// Number among all weights of the model.
    pub number: usize,
}

/// Weights of a layer as values of a graph.
#[derive(Clone, Debug)]
pub struct Weights<'g> {
    /// Weights of the layer itself.
    pub vars: Vec<Weight<'g>>,
    /// Weights of the inner layers.
    pub children: Vec<(String, Weights<'g>)>,
    /// True if the layer and all above it are trainable.
    pub trainable: bool,
    /// Number of the layer's first weight.
    pub first: usize,
    /// What holds the states that the layer keeps from batch to batch.
    pub(crate) states: Option<LayerStates>,
}

impl<'g> Weights<'g> {
    /// Binds a tree to values with their numbers, in the order of the tree. A weight that occurs
    /// twice has one number.
    pub fn bind(tree: &WeightTree, values: &[(usize, Var<'g>)]) -> Self {
        Self::bind_from(tree, &mut values.iter().copied().peekable(), true)
    }

    fn bind_from(
        tree: &WeightTree,
        values: &mut Peekable<impl Iterator<Item = (usize, Var<'g>)>>,
        trainable: bool,
    ) -> Self {
        let first = values.peek().map_or(usize::MAX, |(number, _)| *number);
        let vars = tree
            .vars
            .iter()
            .map(|s| {
                let (number, value) = values.next().expect("a value for each weight");
                Weight { name: s.name.clone(), value, number }
            })
            .collect();
        let inside = tree.trains_inside(trainable);
        let children = tree
            .children
            .iter()
            .map(|(n, t)| (n.clone(), Weights::bind_from(t, values, inside)))
            .collect();
        let (trainable, states) = (trainable && tree.trainable.get(), tree.states.clone());
        Self { vars, children, trainable, first, states }
    }

    /// Returns the weight of a name, which the layer's `weights` declared.
    ///
    /// # Panics
    /// The layer declared no weight of this name.
    pub fn var(&self, name: &str) -> Var<'g> {
        self.get(name).unwrap_or_else(|| {
            panic!(
                "weight `{name}` is not declared; there are {:?}",
                self.vars.iter().map(|w| &w.name).collect::<Vec<_>>()
            )
        })
    }

    /// Returns the weight of a name, if the layer has it.
    pub fn get(&self, name: &str) -> Option<Var<'g>> {
        self.weight(name).map(|w| w.value)
    }

    /// Returns the weight of a name with its number.
    pub fn weight(&self, name: &str) -> Option<&Weight<'g>> {
        self.vars.iter().find(|w| w.name == name)
    }

    /// Returns the values, in the order of the tree.
    pub fn values(&self) -> Vec<Var<'g>> {
        let own = self.vars.iter().map(|w| w.value);
        own.chain(self.children.iter().flat_map(|(_, c)| c.values())).collect()
    }

    /// Replaces all values, in the order of the tree, for the body of a scan.
    pub fn rebind<'b>(&self, values: &[Var<'b>]) -> Weights<'b> {
        self.rebound(&mut values.iter().copied())
    }

    fn rebound<'b>(&self, values: &mut impl Iterator<Item = Var<'b>>) -> Weights<'b> {
        let mut next = || values.next().expect("a value for each weight");
        let vars = self
            .vars
            .iter()
            .map(|w| Weight { name: w.name.clone(), value: next(), number: w.number })
            .collect();
        let children = self.children.iter().map(|(n, c)| (n.clone(), c.rebound(values))).collect();
        let states = self.states.clone();
        Weights { vars, children, trainable: self.trainable, first: self.first, states }
    }

    /// Returns the weights of an inner layer.
    pub fn child(&self, name: &str) -> &Weights<'g> {
        &self
            .children
            .iter()
            .find(|(n, _)| n == name)
            .unwrap_or_else(|| panic!("layer `{name}` is not declared inside"))
            .1
    }
}
