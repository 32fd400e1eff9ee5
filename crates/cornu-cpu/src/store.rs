//! The variables that a program reads and writes, by number.

use crate::lock_set::{LockSet, ReadLock, WriteLock};
use crate::variable::Variable;
use cornu_ir::spec::Spec;
use cornu_ir::{Tensor, View, ViewMut};
use std::sync::Arc;

/// Index of a variable in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotId(pub usize);

impl From<usize> for SlotId {
    fn from(i: usize) -> Self {
        Self(i)
    }
}

/// A list of variables that programs use together. Variables belong to no store: those of a model
/// stand in the store of every program of the model. A variable that comes into a store joins the
/// others under one lock.
///
/// ```
/// use cornu_cpu::Store;
/// use cornu_ir::Tensor;
/// let mut store = Store::new();
/// let w = store.push(&Tensor::new(&[2], vec![1.0f32, 2.0]));
/// store.write().view_mut(w).get::<f32>()[1] = 5.0;
/// assert_eq!(store.read().view(w).get::<f32>(), [1.0, 5.0]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Store {
    variables: Vec<Variable>,
    /// The set of an empty store, so that it can be locked as any other.
    set: Arc<LockSet>,
}

impl Store {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store of variables, numbered from 0.
    pub fn of(variables: impl IntoIterator<Item = Variable>) -> Self {
        let mut store = Self::new();
        for variable in variables {
            store.push(variable);
        }
        store
    }

    /// Adds a variable, or a new one that holds a copy of a tensor.
    ///
    /// # Panics
    /// The store holds the variable already: two slots must not be one value.
    pub fn push(&mut self, variable: impl Into<Variable>) -> SlotId {
        let variable = variable.into();
        assert!(!self.variables.contains(&variable), "a store holds a variable once");
        self.set.join(variable.set_of());
        self.variables.push(variable);
        SlotId(self.variables.len() - 1)
    }

    /// Number of variables.
    pub fn len(&self) -> usize {
        self.variables.len()
    }

    /// Whether there is no variable.
    pub fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }

    /// A variable.
    pub fn variable(&self, slot: SlotId) -> &Variable {
        &self.variables[slot.0]
    }

    /// The variables, in order.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Waits until nothing writes the variables. They can be read until the guard is dropped, by
    /// any number of threads.
    pub fn read(&self) -> Reading<'_> {
        Reading { variables: &self.variables, _lock: self.lock_for_reading() }
    }

    /// Waits until nothing reads or writes the variables. They can be changed until the guard is
    /// dropped.
    pub fn write(&self) -> Writing<'_> {
        Writing { variables: &self.variables, _lock: self.lock_for_writing() }
    }

    pub(crate) fn lock_for_reading(&self) -> ReadLock {
        self.set.read()
    }

    pub(crate) fn lock_for_writing(&self) -> WriteLock {
        self.set.write()
    }
}

/// The variables of a store while nothing writes them.
pub struct Reading<'a> {
    variables: &'a [Variable],
    _lock: ReadLock,
}

impl Reading<'_> {
    /// What a variable holds.
    pub fn view(&self, slot: SlotId) -> View<'_> {
        // SAFETY: the set is locked for reading as long as the view lives.
        unsafe { self.variables[slot.0].view() }
    }

    /// Type and dims of a variable.
    pub fn spec(&self, slot: SlotId) -> Spec {
        self.variables[slot.0].spec()
    }
}

/// The variables of a store while nothing else uses them.
pub struct Writing<'a> {
    variables: &'a [Variable],
    _lock: WriteLock,
}

impl Writing<'_> {
    /// What a variable holds.
    pub fn view(&self, slot: SlotId) -> View<'_> {
        // SAFETY: only this guard uses the set's variables, and it is borrowed as long as the view.
        unsafe { self.variables[slot.0].view() }
    }

    /// What a variable holds, to be changed.
    pub fn view_mut(&mut self, slot: SlotId) -> ViewMut<'_> {
        // SAFETY: only this guard uses the set's variables, and it is borrowed mutably as long as
        // the view.
        unsafe { self.variables[slot.0].view_mut() }
    }

    /// Puts another value in a variable.
    ///
    /// # Panics
    /// The value is of another type or other dims.
    pub fn replace(&mut self, slot: SlotId, value: &Tensor) {
        // SAFETY: only this guard uses the set's variables, and no view of it lives.
        unsafe { self.variables[slot.0].replace(value) }
    }
}
