//! The weights that an optimizer moves, and a step of them.

use crate::constraints::Constraint;
use crate::model::Variable;
use cornu_ir::{DType, Var};

/// Whether Keras keeps variables that an optimizer holds only as attributes. A LossScaleOptimizer
/// makes its inner optimizer's variables with that switched off: they start anew at each step, and
/// no file holds them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Attributes {
    Kept,
    Lost,
}

/// Trainable weight: name, shape and constraint for an optimizer.
#[derive(Clone, Debug, PartialEq)]
pub struct VarInfo {
    /// Path, as `dense/kernel`.
    pub path: String,
    /// Name, as `kernel`.
    pub name: String,
    /// Dims of the weight.
    pub shape: Vec<usize>,
    /// Element type.
    pub dtype: DType,
    /// Constraint that is applied after each update.
    pub constraint: Option<Constraint>,
}

impl From<&Variable> for VarInfo {
    fn from(v: &Variable) -> Self {
        Self {
            path: v.path.clone(),
            name: v.spec.name.to_string(),
            shape: v.spec.shape.clone(),
            dtype: v.spec.dtype(),
            constraint: v.spec.constraint.clone(),
        }
    }
}

/// Weights and variables of an optimizer after a step, in their order.
#[derive(Clone, Debug)]
pub struct Update<'g> {
    /// New values of the trainable weights.
    pub params: Vec<Var<'g>>,
    /// New values of the optimizer's variables.
    pub state: Vec<Var<'g>>,
}

/// The weights that an optimizer moves, and how its variables are kept.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) vars: &'a [VarInfo],
    pub(super) attributes: Attributes,
}

impl<'a> Scope<'a> {
    pub(super) fn new(vars: &'a [VarInfo]) -> Self {
        Self { vars, attributes: Attributes::Kept }
    }

    pub(super) fn of(self, vars: &[VarInfo]) -> Scope<'_> {
        Scope { vars, attributes: self.attributes }
    }

    pub(super) fn without_attributes(self) -> Self {
        Self { attributes: Attributes::Lost, ..self }
    }
}
