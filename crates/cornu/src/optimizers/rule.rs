//! What an optimizer must say of itself: what it remembers of each weight, and how it moves one.

use super::settings::{HasSettings, Settings};
use super::weights::VarInfo;
use crate::Result;
use cornu_ir::{DType, Var};

/// How a variable of an optimizer starts.
#[derive(Clone, Debug, PartialEq)]
pub enum Initial {
    /// Zeros.
    Zeros,
    /// One number everywhere.
    Value(f64),
    /// The first value of the trainable weight of this number.
    CopyOf(usize),
}

/// Something an optimizer remembers.
pub(super) struct Slot {
    /// Its name, after the weight's.
    pub name: &'static str,
    pub shape: Vec<usize>,
    pub dtype: DType,
    pub initial: SlotInitial,
    /// Whether Keras keeps it only because it is an attribute; see
    /// [`Attributes`](super::weights::Attributes). Then it is a scalar.
    pub is_attribute: bool,
}

/// How a slot starts.
pub(super) enum SlotInitial {
    Zeros,
    Value(f64),
    /// As the weight it belongs to.
    Weight,
}

impl Slot {
    /// Zeros like a weight.
    pub fn like(name: &'static str, v: &VarInfo) -> Self {
        Self {
            name,
            shape: v.shape.clone(),
            dtype: v.dtype,
            initial: SlotInitial::Zeros,
            is_attribute: false,
        }
    }

    /// Of another shape.
    pub fn shape(mut self, shape: Vec<usize>) -> Self {
        self.shape = shape;
        self
    }

    /// A scalar that Keras keeps only because it is an attribute.
    pub fn attribute(name: &'static str, dtype: DType, first: f64) -> Self {
        Self { name, shape: vec![], dtype, initial: SlotInitial::Value(first), is_attribute: true }
    }

    /// Starting otherwise.
    pub fn initial(mut self, initial: SlotInitial) -> Self {
        self.initial = initial;
        self
    }
}

/// One weight at one step.
pub(super) struct Step<'a, 'g> {
    pub var: &'a VarInfo,
    /// The weight, decayed already.
    pub weight: Var<'g>,
    /// Its gradient, clipped already.
    pub gradient: Var<'g>,
    /// What is remembered of it, in the order of [`Rule::slots`].
    pub slots: &'a [Var<'g>],
    /// What is remembered of the step, renewed already.
    pub shared: &'a [Var<'g>],
    /// Learning rate, a scalar of the weight's type.
    pub rate: Var<'g>,
    /// Updates made before this one, a scalar i32.
    pub updates: Var<'g>,
}

impl<'g> Step<'_, 'g> {
    /// The number of this update, from 1, in the weight's type.
    pub fn number(&self) -> Var<'g> {
        (self.updates + 1.0).cast(self.weight.dtype())
    }

    /// A number in the weight's type.
    pub fn scalar(&self, x: f64) -> Var<'g> {
        self.weight.builder().scalar(self.weight.dtype(), x)
    }

    /// `1 - base^number`: how much of an average that started at 0 is there by now.
    pub fn warmed(&self, base: f64) -> Var<'g> {
        1.0 - self.scalar(base).pow(self.number())
    }
}

/// A weight moved, and what is now remembered of it.
pub(super) struct Moved<'g> {
    pub weight: Var<'g>,
    pub slots: Vec<Var<'g>>,
}

/// An optimizer's own rule; what all share is done around it.
pub(super) trait Rule: HasSettings {
    /// Rules of its own settings.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// What is remembered of a weight. Keras makes variables group by group: those of one group for
    /// the first weight, for the second, …, then the next group.
    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>>;

    /// What is remembered once for all weights, after the slots.
    fn shared(&self, _vars: &[VarInfo]) -> Vec<Slot> {
        vec![]
    }

    /// What is remembered once, renewed before any weight moves. `updates` counts those made.
    fn renew<'g>(&self, shared: &[Var<'g>], _updates: Var<'g>) -> Vec<Var<'g>> {
        shared.to_vec()
    }

    /// How much of a weight is taken off, times the learning rate, before it moves.
    fn decay(&self, _var: &VarInfo, settings: &Settings<'_>) -> Option<f64> {
        settings.weight_decay
    }

    /// One weight moved.
    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g>;
}

/// Checks an optimizer's settings, shared and own.
pub(super) fn checked(rule: &dyn Rule) -> Result<()> {
    rule.settings().check()?;
    rule.check()
}
