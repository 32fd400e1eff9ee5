//! A value of a graph that is being written, and the trait of what records the graph.

use crate::spec::{DType, Dim, Spec};
use std::any::Any;
use std::cell::Ref;

/// Index of a value in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

/// Records a graph and knows the specs of its values.
///
/// An operation writes its gradient on [`Var`]s, and a graph is made of operations. This trait
/// stands between the two, so that a [`Var`] needs no graph: [`Builder`](crate::Builder)
/// implements it, above both.
pub trait Recorder: Any {
    /// Spec of a value.
    fn spec(&self, v: ValueId) -> Ref<'_, Spec>;
}

/// A value of a graph being written.
#[derive(Clone, Copy)]
pub struct Var<'g> {
    recorder: &'g (dyn Recorder + 'static),
    id: ValueId,
}

impl<'g> Var<'g> {
    /// The value `id` of what `recorder` records.
    pub(crate) fn new(recorder: &'g (dyn Recorder + 'static), id: ValueId) -> Self {
        Self { recorder, id }
    }

    /// What records the graph that it belongs to.
    pub(crate) fn recorder(self) -> &'g (dyn Recorder + 'static) {
        self.recorder
    }

    /// Its id in the graph.
    pub fn id(self) -> ValueId {
        self.id
    }

    /// Its spec.
    pub fn spec(&self) -> Spec {
        self.recorder.spec(self.id).clone()
    }

    /// Its element type.
    pub fn dtype(self) -> DType {
        self.recorder.spec(self.id).dtype
    }

    /// Its dims.
    pub fn dims(self) -> Vec<Dim> {
        self.recorder.spec(self.id).dims.clone()
    }

    /// Its number of dims.
    pub fn rank(self) -> usize {
        self.recorder.spec(self.id).rank()
    }
}

impl std::fmt::Debug for Var<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "%{}: {}", self.id.0, self.spec())
    }
}

/// Something that can stand beside a [`Var`] in a formula: another one, or a number.
pub trait Operand<'g> {
    /// As a value, with the type of `like`.
    fn var(self, like: Var<'g>) -> Var<'g>;
}

impl<'g> Operand<'g> for Var<'g> {
    fn var(self, _: Var<'g>) -> Var<'g> {
        self
    }
}
