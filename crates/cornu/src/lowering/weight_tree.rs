//! The weights of a layer: names, shapes and how they start, in the tree under which Keras saves
//! them.

use super::layer_states::LayerStates;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::legacy::hard_sigmoid;
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_cpu::Variable;
use cornu_ir::spec::dims_text;
use cornu_ir::{DType, Spec};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Description of a weight: name, shape, initializer.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightSpec {
    /// Keras's name, as `kernel`.
    pub name: Cow<'static, str>,
    /// Dims of the weight.
    pub shape: Vec<usize>,
    /// Initializer of the weight.
    pub initializer: Initializer,
    /// True if the weight may be trained.
    pub trainable: bool,
    /// Regularizer of the weight.
    pub regularizer: Option<Regularizer>,
    /// Constraint that is applied after each update.
    pub constraint: Option<Constraint>,
    /// Range of a bias that is initialized to 1 (the forget gate of an LSTM).
    pub ones: Option<(usize, usize)>,
    /// First values, instead of those of the initializer.
    pub start: Option<Vec<f64>>,
    /// Element type, set from the layer's dtype policy.
    pub dtype: Option<DType>,
    /// Variable that holds the value, set when the layer is called.
    pub variable: Option<Variable>,
    /// True if the values are whole numbers from -127 to 127, stored as 8-bit numbers in files.
    pub int8: bool,
    /// LoRA scale, alpha / rank, for a LoRA matrix. Files hold the sum as the kernel.
    pub lora: Option<f64>,
    /// Columns (from, to) of the last axis that feed a `hard_sigmoid` of Keras 2: files of Keras 3
    /// hold them times 1.2.
    pub(crate) hard_sigmoid_columns: Vec<(usize, usize)>,
}

impl WeightSpec {
    /// Returns a trainable weight.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        shape: &[usize],
        initializer: &Initializer,
    ) -> Self {
        Self {
            name: name.into(),
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
            hard_sigmoid_columns: vec![],
        }
    }

    /// Sets the regularizer.
    pub fn regularizer(mut self, r: &Option<Regularizer>) -> Self {
        self.regularizer = r.clone();
        self
    }

    /// Sets the constraint.
    pub fn constraint(mut self, c: &Option<Constraint>) -> Self {
        self.constraint = c.clone();
        self
    }

    /// Sets first values, instead of those of the initializer.
    pub fn starting_at(mut self, values: Option<Vec<f64>>) -> Self {
        self.start = values;
        self
    }

    /// Marks the weight as 8-bit whole numbers, which are not trained.
    pub fn int8(self) -> Self {
        Self { int8: true, trainable: false, ..self }
    }

    /// Marks the weight as a LoRA matrix.
    pub fn lora(self, scale: f64) -> Self {
        Self { lora: Some(scale), ..self }
    }

    /// Marks the weight as not trainable.
    pub fn fixed(mut self) -> Self {
        self.trainable = false;
        self
    }

    /// Returns the element type.
    pub fn dtype(&self) -> DType {
        self.dtype.unwrap_or(DType::F32)
    }

    /// Returns the number of elements.
    pub fn n_elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Setting whether a layer is trainable, shared by all handles of the layer.
#[derive(Clone, Debug)]
pub struct Trainable(Arc<AtomicBool>);

impl Trainable {
    /// Returns a new setting.
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

/// Weights of a layer and of the layers inside it, in Keras's order of creation.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightTree {
    /// Weights of the layer itself.
    pub vars: Vec<WeightSpec>,
    /// Inner layers, by the attribute that names them in Keras's files.
    pub children: Vec<(String, WeightTree)>,
    /// True if the layer is trainable.
    pub trainable: Trainable,
    /// True if freezing the layer freezes its inner layers. In Keras setting `trainable` does so;
    /// making or reading a layer with `trainable=False` does not.
    pub freezes_inside: bool,
    /// Weight of an inner layer (group, number) that Keras's files hold a second time, before those
    /// of this layer.
    pub held_twice: Option<(String, usize)>,
    /// Name of the layer, which files note with its weights.
    pub label: String,
    /// Keras's class of the layer; empty for a part of one, as a cell without a layer of its own.
    pub class: String,
    /// What holds the states that a recurrent layer keeps from batch to batch.
    pub(crate) states: Option<LayerStates>,
    /// Name of the layer's group in files of another version.
    pub(crate) older_group: Option<String>,
    /// True if a file may hold no other arrays in the layer's group.
    pub(crate) needs_all: bool,
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
            class: String::new(),
            states: None,
            older_group: None,
            needs_all: false,
        }
    }
}

impl WeightTree {
    /// Returns the tree of a layer without weights.
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns the tree of a layer without inner layers.
    pub fn of(vars: Vec<WeightSpec>) -> Self {
        Self { vars, ..Self::default() }
    }

    /// Returns the tree of a layer whose weights are all in inner layers.
    pub fn inside(children: impl IntoIterator<Item = (impl Into<String>, WeightTree)>) -> Self {
        Self {
            children: children.into_iter().map(|(n, t)| (n.into(), t)).collect(),
            ..Self::default()
        }
    }

    /// Calls `f` for each weight with the path of its group, its number in the group, and true if
    /// it is trained.
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

    /// True if the inner layers may be trained; `above` is true if the outer layers may be.
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

    /// Marks the columns that feed a `hard_sigmoid` of Keras 2, in a layer of a class and a config.
    pub(crate) fn mark_hard_sigmoid(&mut self, class: &str, config: &serde_json::Value) {
        let parts = self.children.iter_mut().map(|(_, c)| c).filter(|c| c.class.is_empty());
        for w in self.vars.iter_mut().chain(parts.flat_map(|c| c.vars.iter_mut())) {
            let columns = w.shape.last().copied().unwrap_or(0);
            w.hard_sigmoid_columns = hard_sigmoid::columns(class, config, &w.name, columns);
        }
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
            class: self.class.clone(),
            states: self.states.clone(),
            older_group: self.older_group.clone(),
            needs_all: self.needs_all,
        }
    }

    /// Returns the number of each weight, in the order of the tree. A layer that occurs twice has
    /// the same numbers.
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

    /// The class of the innermost layer of each weight, in the order of the tree.
    pub(crate) fn classes(&self) -> Vec<&str> {
        let mut classes = Vec::new();
        self.find_classes("", &mut classes);
        classes
    }

    fn find_classes<'a>(&'a self, outer: &'a str, classes: &mut Vec<&'a str>) {
        let class = if self.class.is_empty() { outer } else { &self.class };
        classes.extend(self.vars.iter().map(|_| class));
        self.children.iter().for_each(|(_, child)| child.find_classes(class, classes));
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
