//! The weights of a layer: names, shapes and how they start, in the tree under which Keras saves
//! them.

use super::layer_states::LayerStates;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_cpu::Variable;
use cornu_ir::spec::dims_text;
use cornu_ir::{DType, Spec};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One weight.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightSpec {
    /// Keras's name: `kernel`.
    pub name: &'static str,
    /// Dims.
    pub shape: Vec<usize>,
    /// How it starts.
    pub initializer: Initializer,
    /// True if an optimizer may move it.
    pub trainable: bool,
    /// The penalty on it.
    pub regularizer: Option<Regularizer>,
    /// The projection after each update.
    pub constraint: Option<Constraint>,
    /// Part of a bias that starts at 1, from and to (the forget gates of an LSTM).
    pub ones: Option<(usize, usize)>,
    /// Values it starts from in place of the initializer's.
    pub start: Option<Vec<f64>>,
    /// The type it is kept in; set from the layer's policy.
    pub dtype: Option<DType>,
    /// What holds its value; set when the layer is called.
    pub variable: Option<Variable>,
    /// True if its numbers are whole, from -127 to 127, and stand in files in eight bits.
    pub int8: bool,
    /// Of a matrix of LoRA, what the product is multiplied by before it joins the kernel. Files
    /// hold the sum as the kernel.
    pub lora: Option<f64>,
}

impl WeightSpec {
    /// Returns a trainable weight.
    pub fn new(name: &'static str, shape: &[usize], initializer: &Initializer) -> Self {
        Self {
            name,
            shape: shape.to_vec(),
            initializer: initializer.clone(),
            trainable: true,
            regularizer: None,
            constraint: None,
            ones: None,
            start: None,
            dtype: None,
            variable: None,
            int8: false,
            lora: None,
        }
    }

    /// With a penalty.
    pub fn regularizer(mut self, r: &Option<Regularizer>) -> Self {
        self.regularizer = r.clone();
        self
    }

    /// With a projection.
    pub fn constraint(mut self, c: &Option<Constraint>) -> Self {
        self.constraint = c.clone();
        self
    }

    /// Starting from values of its own, if there are some.
    pub fn starting_at(mut self, values: Option<Vec<f64>>) -> Self {
        self.start = values;
        self
    }

    /// Whole numbers of eight bits, never trained.
    pub fn int8(self) -> Self {
        Self { int8: true, trainable: false, ..self }
    }

    /// One of two matrices of LoRA, the first of which stands before the second.
    pub fn lora(self, scale: f64) -> Self {
        Self { lora: Some(scale), ..self }
    }

    /// Never trained.
    pub fn fixed(mut self) -> Self {
        self.trainable = false;
        self
    }

    /// Returns the type it is kept in.
    pub fn dtype(&self) -> DType {
        self.dtype.unwrap_or(DType::F32)
    }

    /// Returns the number of elements.
    pub fn n_elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Whether a layer is trainable: one setting for all handles of the layer.
#[derive(Clone, Debug)]
pub struct Trainable(Arc<AtomicBool>);

impl Trainable {
    /// Returns a setting of its own.
    pub fn new(trainable: bool) -> Self {
        Self(Arc::new(AtomicBool::new(trainable)))
    }

    /// True if the layer is trainable now.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, trainable: bool) {
        self.0.store(trainable, Ordering::Relaxed);
    }
}

impl PartialEq for Trainable {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

/// The weights of a layer and of the layers inside it, in Keras's order of creation.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightTree {
    /// Its own weights.
    pub vars: Vec<WeightSpec>,
    /// The layers inside, under the attribute by which Keras's files name them.
    pub children: Vec<(String, WeightTree)>,
    /// True if the layer is trainable.
    pub trainable: Trainable,
    /// True if the layers inside are frozen with it. In Keras setting `trainable` goes down to
    /// them, making or reading a layer with `trainable=False` does not.
    pub freezes_inside: bool,
    /// A weight of a layer inside (its group, its number) that Keras's files hold a second time,
    /// before this layer's own.
    pub held_twice: Option<(String, usize)>,
    /// The layer's name, which files note beside its weights.
    pub label: String,
    /// What holds the states that a recurrent layer keeps from batch to batch.
    pub(crate) states: Option<LayerStates>,
}

impl Default for WeightTree {
    fn default() -> Self {
        Self {
            vars: vec![],
            children: vec![],
            trainable: Trainable::new(true),
            freezes_inside: true,
            held_twice: None,
            label: String::new(),
            states: None,
        }
    }
}

impl WeightTree {
    /// Returns a layer without weights.
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns a layer with weights of its own only.
    pub fn of(vars: Vec<WeightSpec>) -> Self {
        Self { vars, ..Self::default() }
    }

    /// Returns a layer whose weights stand in layers inside it.
    pub fn inside(children: impl IntoIterator<Item = (impl Into<String>, WeightTree)>) -> Self {
        Self {
            children: children.into_iter().map(|(n, t)| (n.into(), t)).collect(),
            ..Self::default()
        }
    }

    /// Calls `f` for each weight with the path of its group, its number in it, and whether it is
    /// trained under what is above.
    pub fn walk<'a>(
        &'a self,
        path: &str,
        trainable: bool,
        f: &mut impl FnMut(&str, usize, bool, &'a WeightSpec),
    ) {
        let first = usize::from(self.held_twice.is_some());
        self.vars.iter().enumerate().for_each(|(i, w)| {
            f(path, first + i, trainable && self.trainable.get() && w.trainable, w)
        });
        for (name, child) in &self.children {
            let at = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            child.walk(&at, self.trains_inside(trainable), f);
        }
    }

    /// True if the layers inside may be trained, given what is above.
    pub fn trains_inside(&self, above: bool) -> bool {
        above && (self.trainable.get() || !self.freezes_inside)
    }

    /// Fails if an initializer, a regularizer or a constraint was given by a name that none has.
    pub(super) fn check_names(&self) -> Result<()> {
        for w in &self.vars {
            w.initializer.check()?;
            w.regularizer.as_ref().map_or(Ok(()), |r| r.check())?;
            w.constraint.as_ref().map_or(Ok(()), |c| c.check())?;
        }
        self.children.iter().try_for_each(|(_, c)| c.check_names())
    }

    /// Gives a type to the weights that have none yet.
    pub(super) fn set_dtype(&mut self, dtype: DType) {
        self.vars.iter_mut().for_each(|w| w.dtype = w.dtype.or(Some(dtype)));
        self.children.iter_mut().for_each(|(_, c)| c.set_dtype(dtype));
    }

    /// The tree with what is trainable as it is now: later changes do not reach it.
    pub(crate) fn with_trainable_settled(&self) -> Self {
        let children = self.children.iter().map(|(n, c)| (n.clone(), c.with_trainable_settled()));
        Self {
            vars: self.vars.clone(),
            children: children.collect(),
            trainable: Trainable::new(self.trainable.get()),
            freezes_inside: self.freezes_inside,
            held_twice: self.held_twice.clone(),
            label: self.label.clone(),
            states: self.states.clone(),
        }
    }

    /// Returns the number of each weight, in the tree's order, among those that differ: a layer
    /// that stands in the tree twice has the same weights there.
    pub fn numbers(&self) -> Vec<usize> {
        let mut numbers = Vec::new();
        let mut seen: HashMap<usize, usize> = HashMap::new();
        let mut n = 0;
        self.walk("", true, &mut |_, _, _, w| {
            let number = match &w.variable {
                Some(v) => *seen.entry(v.id()).or_insert(n),
                None => n,
            };
            n += usize::from(number == n);
            numbers.push(number);
        });
        numbers
    }

    /// The states of the layers in the tree, each with the number of the layer's first weight.
    pub(crate) fn states(&self) -> Vec<(usize, LayerStates)> {
        let (numbers, mut found) = (self.numbers(), Vec::new());
        self.find_states(&numbers, &mut 0, &mut found);
        // A layer that stands in the tree twice has its states once.
        let mut seen: Vec<LayerStates> = Vec::new();
        found.retain(|(_, states)| {
            let is_new = !seen.contains(states);
            seen.extend(is_new.then(|| states.clone()));
            is_new
        });
        found
    }

    fn find_states(
        &self,
        numbers: &[usize],
        next: &mut usize,
        found: &mut Vec<(usize, LayerStates)>,
    ) {
        let first = numbers.get(*next).copied().unwrap_or(usize::MAX);
        found.extend(self.states.iter().map(|s| (first, s.clone())));
        *next += self.vars.len();
        self.children.iter().for_each(|(_, c)| c.find_states(numbers, next, found));
    }

    /// Gives each weight that has none yet the variable that holds its value.
    ///
    /// # Errors
    /// A variable was made for a weight of another shape.
    pub(super) fn hold(&mut self, variables: &mut Vec<Variable>) -> Result<()> {
        let mut next = 0;
        self.hold_from(variables, &mut next)
    }

    fn hold_from(&mut self, variables: &mut Vec<Variable>, next: &mut usize) -> Result<()> {
        for w in self.vars.iter_mut().filter(|w| w.variable.is_none()) {
            if *next == variables.len() {
                variables.push(Variable::unset(w.dtype(), &w.shape));
            }
            let variable = &variables[*next];
            *next += 1;
            let made_for = variable.spec();
            if made_for != Spec::known(w.dtype(), &w.shape) {
                return Err(Error::shapes(
                    format!(
                        "the layer has been called before, which made weight `{}` of shape {}; \
                         these inputs need one of shape {:?}",
                        w.name,
                        dims_text(&made_for.dims),
                        w.shape
                    ),
                    &[],
                ));
            }
            w.variable = Some(variable.clone());
        }
        self.children.iter_mut().try_for_each(|(_, c)| c.hold_from(variables, next))
    }

    /// Returns the number of weights.
    pub fn n_vars(&self) -> usize {
        self.vars.len() + self.children.iter().map(|(_, c)| c.n_vars()).sum::<usize>()
    }

    /// Returns the number of parameters.
    pub fn n_params(&self) -> usize {
        self.vars.iter().map(WeightSpec::n_elements).sum::<usize>()
            + self.children.iter().map(|(_, c)| c.n_params()).sum::<usize>()
    }
}
